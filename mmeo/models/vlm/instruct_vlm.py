# Copyright (c) mmeo contributors. All rights reserved.
"""A vision tower, a projector and a language model that answer together."""

from collections.abc import Sequence
from typing import Any, Optional, Union

import torch
from mmengine.model import BaseModel
from torch import Tensor, nn

from mmeo.codecs import DialogueTemplate, build_tokenizer, get_template
from mmeo.errors import ConfigError, DataError
from mmeo.models.vlm.answer_loss import WEIGHTINGS, answer_loss, count_weight
from mmeo.models.vlm.answering import AnswerSettings, write_answers
from mmeo.models.vlm.freezing import freeze_parts
from mmeo.models.vlm.merge_views import merge_views
from mmeo.models.vlm.packing import PackedSequence, sample_positions
from mmeo.models.vlm.shared_images import pack_shared
from mmeo.registry import MODELS
from mmeo.structures import DialogueSample


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
        moe (dict, optional): What replaces the feed-forward networks of the
            language model: ``GranularityMoE`` (RSUniVLM), ``TokenMoE``.
        image_newline (bool): A learned embedding ends the rows of an image
            (LLaVA-OneVision), as ``ImageViews(newline=True)`` counts on.
            Defaults to False.
        image_mode (str, optional): Mode of ``ImageViews`` that the weights
            are trained with; samples of another mode are refused. None takes
            any. Defaults to None.
        freeze (Sequence[str]): Which of 'vision', 'projector', 'llm' stay as
            they are. What ``moe`` and LoRA add to a frozen 'llm' is trained,
            unless 'experts' is named too. Defaults to none.
        packing (bool): Train on one row of unpadded samples; False pads,
            slower and with equal results. Defaults to True.
        loss_weighting (str): What weighs the same in the loss: every
            supervised 'token', or every 'sample', its tokens sharing its
            weight, as the released code of ViTP has it. Defaults to 'token'
            (our choice; the paper does not say).
        generation (dict, optional): Arguments of transformers' ``generate``.
            Defaults to ``dict(max_new_tokens=128, do_sample=False)``.
        task_generation (dict, optional): What differs for tasks (keys of
            :data:`mmeo.codecs.TASKS`), e.g.
            ``dict(SEG=dict(max_new_tokens=2400))``.
        answer_scores (bool): Keep text and log-probability of each token of
            an answer. Defaults to False.
        constrain_masks (dict, optional): Arguments of
            :class:`~mmeo.models.vlm.mask_constraint.MaskLogitsProcessor`
            (``grid``, ``dialect``): answers to ``[SEG]`` can only be masks of
            the names that the data sample carries as ``mask_names``, or its
            annotation as ``class_name`` or ``classes``. Defaults to None.
        share_images (bool): Answer questions of a batch about the same
            images after one pass over these, see
            :func:`~mmeo.models.vlm.shared_images.pack_shared`. Defaults to
            True.
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
                 moe: Optional[dict] = None,
                 image_newline: bool = False,
                 image_mode: Optional[str] = None,
                 freeze: Sequence[str] = (),
                 packing: bool = True,
                 loss_weighting: str = 'token',
                 generation: Optional[dict] = None,
                 task_generation: Optional[dict] = None,
                 answer_scores: bool = False,
                 constrain_masks: Optional[dict] = None,
                 share_images: bool = True,
                 data_preprocessor: Optional[dict] = None,
                 init_cfg: Optional[dict] = None) -> None:
        super().__init__(
            data_preprocessor or dict(type='mmeo.VLMDataPreprocessor'),
            init_cfg)
        self.vision = MODELS.build(vision)
        self.projector = MODELS.build(projector)
        self.llm = MODELS.build(llm)
        self.image_mode = image_mode
        self.image_newline = None
        if image_newline:
            width = self.llm.hidden_size
            self.image_newline = nn.Parameter(
                torch.randn(width) * width**-0.5)
        if moe is not None:
            self.llm.add_experts(MODELS.build(moe))
        self.token_drop = token_drop and MODELS.build(token_drop)
        self.template = get_template(template)
        self.packing = packing
        if loss_weighting not in WEIGHTINGS:
            raise ConfigError(f'loss_weighting={loss_weighting!r} is none of '
                              f'{WEIGHTINGS}')
        self.loss_weighting = loss_weighting
        self.answers = AnswerSettings(
            generation or dict(max_new_tokens=128, do_sample=False),
            task_generation or {}, answer_scores, constrain_masks)
        self.share_images = share_images
        self._tokenizer = tokenizer
        self.freeze = tuple(freeze)
        freeze_parts(self, self.freeze)

    @property
    def tokenizer(self) -> Any:
        """The tokenizer, built when first asked for."""
        if self._tokenizer is None:
            raise ConfigError('InstructVLM needs a `tokenizer` to write '
                              'answers: give a folder or the config that the '
                              'dataset uses')
        self._tokenizer = build_tokenizer(self._tokenizer)
        return self._tokenizer

    def use_tokenizer(self, tokenizer: Any) -> None:
        """Write answers with this tokenizer, or what builds it."""
        self._tokenizer = tokenizer

    def train(self, mode: bool = True) -> 'InstructVLM':
        """Set the mode; frozen parts stay in evaluation mode."""
        super().train(mode)
        for part in (self.vision, self.projector, self.llm):
            # A part of which experts are trained still has to recompute its
            # activations, which it does in training mode only.
            if not any(p.requires_grad for p in part.parameters()):
                part.eval()
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
        self._check_image_mode(data_samples or ())
        if mode == 'loss':
            return self.loss(inputs, data_samples)
        if mode == 'predict':
            return self.predict(inputs, data_samples)
        if mode == 'tensor':
            return self.llm.head(self.llm(self.pack(inputs), self.packing))
        raise ConfigError(f"mode={mode!r} is none of 'tensor', 'loss', "
                          "'predict'")

    def _check_image_mode(self, samples: Sequence[DialogueSample]) -> None:
        for sample in samples if self.image_mode else ():
            mode = sample.get('image_mode', self.image_mode)
            if mode != self.image_mode:
                raise ConfigError(
                    f'{sample.get("source")}: ImageViews(mode={mode!r}) for '
                    f'a model of image_mode={self.image_mode!r}: a model '
                    'must see images as in its training')

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
            visual = self.encode_images(tiles)  # (T, K, C)
            layouts = inputs.get('image_layouts')
            visual = visual.flatten(0, 1) if layouts is None else merge_views(
                visual, layouts, self.image_newline)  # (N, C)
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
            if self.image_newline is not None:
                embeds = embeds + 0 * self.image_newline
        lengths = inputs['lengths']
        positions = sample_positions(lengths, embeds.device)
        return PackedSequence(embeds, positions, inputs['labels'], lengths,
                              list(inputs.get('granularity', ())))

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
                ``pred_answer``, ``pred_finished`` and, with
                ``answer_scores``, ``pred_pieces`` and ``pred_logprobs``;
                made anew by default.

        Returns:
            list[DialogueSample]: One per sample.
        """
        if data_samples is None:
            data_samples = [DialogueSample() for _ in inputs['lengths']]
        packed = self.share_images and pack_shared(self, inputs, data_samples)
        return write_answers(self, packed or self.pack(inputs), data_samples)
