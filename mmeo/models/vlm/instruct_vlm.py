# Copyright (c) mmeo contributors. All rights reserved.
"""A vision tower, a projector and a language model that answer together."""

from collections.abc import Sequence
from typing import Any, Optional, Union

import torch
from mmengine.model import BaseModel
from torch import Tensor

from mmeo.codecs import DialogueTemplate, build_tokenizer, get_template
from mmeo.errors import ConfigError, DataError
from mmeo.models.vlm.answer_loss import WEIGHTINGS, answer_loss, count_weight
from mmeo.models.vlm.packing import PackedSequence, sample_positions
from mmeo.registry import MODELS
from mmeo.structures import DialogueSample

PARTS = ('vision', 'projector', 'llm')


@MODELS.register_module()
class InstructVLM(BaseModel):
    """Visual instruction model (LLaVA / InternVL family).

    ``tiles → vision → projector → image positions of the token embeddings →
    token drop → language model``. With ``token_drop`` its training is ViTP's
    pretraining with visual robustness learning; after it the weights under
    ``vision.`` are the backbone for dense tasks.

    Args:
        vision (dict): Has ``forward_tokens(x) -> (B, P + h * w, C)`` and
            ``patch_size``: ``InternViT``, ``HFVisionTower``.
        projector (dict): ``PixelShuffleProjector`` or ``MLPProjector``.
        llm (dict): ``HFLanguageModel``.
        template (str or DialogueTemplate): Conversation template. Defaults
            to 'internvl2_5'.
        token_drop (dict, optional): ``VisualTokenDrop``.
        tokenizer (str or dict, optional): Needed only to write answers out
            in :meth:`predict`; see :func:`mmeo.codecs.build_tokenizer`.
        freeze (Sequence[str]): Which of 'vision', 'projector', 'llm' stay as
            they are. Defaults to none.
        packing (bool): Train on one row of unpadded samples; False pads,
            slower and with equal results. Defaults to True.
        loss_weighting (str): What weighs the same in the loss: every
            supervised 'token', or every 'sample', its tokens sharing its
            weight, as the released code of ViTP has it. Defaults to 'token'
            (our choice; the paper does not say).
        generation (dict, optional): Arguments of transformers' ``generate``.
            Defaults to ``dict(max_new_tokens=128, do_sample=False)``.
        data_preprocessor (dict, optional): Defaults to
            ``VLMDataPreprocessor``.
        init_cfg (dict, optional): Of mmengine.
    """

    def __init__(self,
                 vision: dict,
                 projector: dict,
                 llm: dict,
                 template: Union[str, DialogueTemplate] = 'internvl2_5',
                 token_drop: Optional[dict] = None,
                 tokenizer: Optional[Union[str, dict]] = None,
                 freeze: Sequence[str] = (),
                 packing: bool = True,
                 loss_weighting: str = 'token',
                 generation: Optional[dict] = None,
                 data_preprocessor: Optional[dict] = None,
                 init_cfg: Optional[dict] = None) -> None:
        super().__init__(
            data_preprocessor or dict(type='mmeo.VLMDataPreprocessor'),
            init_cfg)
        self.vision = MODELS.build(vision)
        self.projector = MODELS.build(projector)
        self.llm = MODELS.build(llm)
        self.token_drop = token_drop and MODELS.build(token_drop)
        self.template = get_template(template)
        self.packing = packing
        if loss_weighting not in WEIGHTINGS:
            raise ConfigError(f'loss_weighting={loss_weighting!r} is none of '
                              f'{WEIGHTINGS}')
        self.loss_weighting = loss_weighting
        self.generation = generation or dict(
            max_new_tokens=128, do_sample=False)
        self._tokenizer = tokenizer
        self.freeze = tuple(freeze)
        for part in self.freeze:
            if part not in PARTS:
                raise ConfigError(f'freeze={list(freeze)}: {part!r} is none '
                                  f'of {PARTS}')
            getattr(self, part).requires_grad_(False)

    @property
    def tokenizer(self) -> Any:
        """The tokenizer, built when first asked for."""
        if self._tokenizer is None:
            raise ConfigError('InstructVLM needs a `tokenizer` to write '
                              'answers: give a folder or the config that the '
                              'dataset uses')
        self._tokenizer = build_tokenizer(self._tokenizer)
        return self._tokenizer

    def train(self, mode: bool = True) -> 'InstructVLM':
        """Set the mode; frozen parts stay in evaluation mode."""
        super().train(mode)
        for part in self.freeze:
            getattr(self, part).eval()
        return self

    def forward(self,
                inputs: dict,
                data_samples: Optional[list[DialogueSample]] = None,
                mode: str = 'tensor') -> Any:
        """Run.

        Args:
            inputs (dict): As :class:`VLMDataPreprocessor` returns it.
            data_samples (list[DialogueSample], optional): One per sample.
            mode (str): 'tensor' returns logits ``(N, vocab)`` of all tokens
                without drop, 'loss' a dict of losses, 'predict' the data
                samples with answers.

        Returns:
            Tensor, dict or list[DialogueSample]: See ``mode``.
        """
        if mode == 'loss':
            return self.loss(inputs, data_samples)
        if mode == 'predict':
            return self.predict(inputs, data_samples)
        if mode == 'tensor':
            return self.llm.head(self.llm(self.pack(inputs), self.packing))
        raise ConfigError(f"mode={mode!r} is none of 'tensor', 'loss', "
                          "'predict'")

    def encode_images(self, tiles: Tensor) -> Tensor:
        """Image embeddings.

        Args:
            tiles (Tensor): ``(T, 3, H, W)``, normalised.

        Returns:
            Tensor: ``(T, K, C)``, C the hidden size of the language model.
        """
        patch = self.vision.patch_size
        grid = (tiles.shape[-2] // patch, tiles.shape[-1] // patch)
        # DeepSpeed trains in bfloat16 weights, without autocast.
        tiles = tiles.to(next(self.vision.parameters()).dtype)
        tokens = self.vision.forward_tokens(tiles)
        patches = tokens[:, tokens.shape[1] - grid[0] * grid[1]:]  # no CLS
        return self.projector(patches, grid)

    def pack(self, inputs: dict) -> PackedSequence:
        """Embeddings of text and images in one row."""
        embeds = self.llm.embed(inputs['input_ids'])  # (N, C)
        tiles, mask = inputs['pixel_values'], inputs['image_mask']
        if len(tiles):
            visual = self.encode_images(tiles).flatten(0, 1)  # (T * K, C)
            if len(visual) != int(mask.sum()):
                raise DataError(
                    f'{int(mask.sum())} image positions in the text but '
                    f'{len(visual)} image embeddings from {len(tiles)} tiles: '
                    'set `tokens_per_tile` of PackDialogue to '
                    f'{len(visual) // len(tiles)}')
            embeds = embeds.masked_scatter(mask[:, None],
                                           visual.to(embeds.dtype))
        elif self.training:
            # Every rank must touch the vision parameters in every step, or
            # distributed training waits for their gradients for ever.
            blank = tiles.new_zeros(1, *tiles.shape[1:])
            embeds = embeds + 0 * self.encode_images(blank).sum()
        lengths = inputs['lengths']
        positions = sample_positions(lengths, embeds.device)
        return PackedSequence(embeds, positions, inputs['labels'], lengths)

    def loss(self,
             inputs: dict,
             data_samples: Optional[list[DialogueSample]] = None) -> dict:
        """Next-token loss on answers.

        Every supervised token (or every sample, see ``loss_weighting``) of
        the batch, over all ranks, weighs the same. With ``normalizer`` in
        ``inputs`` the weighted sum is divided by that number alone, and
        whoever gives it answers for ranks and accumulated micro-batches.

        Args:
            inputs (dict): As :class:`VLMDataPreprocessor` returns it.
            data_samples (list[DialogueSample], optional): Not used.

        Returns:
            dict: ``loss``; for the log ``acc`` (weighted share of answer
            tokens that are predicted right) and ``tokens`` (length of the
            row).
        """
        packed = self.pack(inputs)
        if self.token_drop is not None:
            packed = packed.keep(
                self.token_drop(inputs['image_mask'], packed.lengths,
                                inputs.get('sample_seeds')))
        return answer_loss(
            self.llm(packed, self.packing), self.llm.head, packed,
            self.loss_weighting, inputs.get('normalizer'))

    def count_loss_weight(self, data_batch: dict) -> float:
        """What a batch weighs in the loss, before it is run.

        The token drop changes no number of targets: a sample with image
        tokens keeps at least one of them, so no other token comes first.

        Args:
            data_batch (dict): From the dataloader, with ``labels`` under
                ``inputs``, B tensors of ``(L_i,)``.

        Returns:
            float: Supervised tokens, or samples that have any.
        """
        return count_weight(data_batch['inputs']['labels'],
                            self.loss_weighting)

    @torch.no_grad()
    def predict(
            self,
            inputs: dict,
            data_samples: Optional[list[DialogueSample]] = None
    ) -> list[DialogueSample]:
        """Answer open dialogues (``PackDialogue(generation=True)``).

        Args:
            inputs (dict): As :class:`VLMDataPreprocessor` returns it.
            data_samples (list[DialogueSample], optional): Filled with
                ``pred_answer``; made anew by default.

        Returns:
            list[DialogueSample]: One per sample.
        """
        packed = self.pack(inputs)
        tokenizer = self.tokenizer
        end = tokenizer.convert_tokens_to_ids(self.template.turn_end)
        answers = self.llm.generate(
            packed.embeds,
            packed.lengths,
            eos_token_id=end,
            pad_token_id=tokenizer.pad_token_id,
            **self.generation)
        if data_samples is None:
            data_samples = [DialogueSample() for _ in answers]
        for sample, ids in zip(data_samples, answers):
            ids = ids.tolist()
            ids = ids[:ids.index(end)] if end in ids else ids
            # Boxes and names are special tokens and part of the answer.
            sample.pred_answer = tokenizer.decode(
                ids, skip_special_tokens=False).strip()
        return data_samples
