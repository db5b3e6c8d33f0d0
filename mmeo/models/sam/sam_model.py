# Copyright (c) mmeo contributors. All rights reserved.
"""SAM and SAM2 of transformers behind one interface.

transformers' own processors prepare image and prompts, so that a comparison
runs the models as their authors meant them to.
"""

from pathlib import Path
from typing import Any, Optional

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmeo.errors import CheckpointError, ConfigError, MissingDataError
from mmeo.models.sam.sam_prompts import SAMPrompt

#: Classes of transformers: config, model, processor, image processor.
SAM_TYPES = {
    'sam': ('SamConfig', 'SamModel', 'SamProcessor', 'SamImageProcessor'),
    'sam2': ('Sam2Config', 'Sam2Model', 'Sam2Processor',
             'Sam2ImageProcessorFast'),
}


class SAMModel(nn.Module):
    """A model of the SAM series: an image and prompts to mask logits.

    Args:
        type (str): ``'sam'`` or ``'sam2'``.
        model (str, optional): Where the weights are: a folder in
            transformers' format or the name of a hub model that is in the
            local cache. They are read when first needed, so a config builds
            without them; nothing is downloaded. None keeps random weights.
        config (dict, optional): Arguments of transformers' ``SamConfig`` or
            ``Sam2Config``. Defaults to that of ``model``.
        multimask (bool, optional): Let the model answer with three masks and
            take the one it scores highest, as its authors advise for a single
            point. Defaults to None: for single points only.
        mask_logit (float): Inside a mask prompt; outside its negative. SAM's
            mask input takes logits of an earlier round; SAM2 itself turns a
            given mask into +-10. Defaults to 10.
        chunk_size (int): Prompts decoded at once. Defaults to 16.

    Raises:
        ConfigError: If the type is unknown or neither ``model`` nor
            ``config`` is given.
        MissingDataError: If the config of ``model`` is not on this machine.
    """

    def __init__(self,
                 type: str,
                 model: Optional[str] = None,
                 config: Optional[dict] = None,
                 multimask: Optional[bool] = None,
                 mask_logit: float = 10.,
                 chunk_size: int = 16) -> None:
        # A plain module: mmengine's `init_weights` must not draw anew what
        # transformers has initialised.
        super().__init__()
        import transformers
        if type not in SAM_TYPES:
            raise ConfigError(f'sam type {type!r}: choose from '
                              f'{", ".join(SAM_TYPES)}')
        if model is None and config is None:
            raise ConfigError('sam: give `model`, a local folder or a cached '
                              'hub name, or `config`, or both')
        config_type, model_type, processor_type, image_type = (
            getattr(transformers, name) for name in SAM_TYPES[type])
        if config is None:
            config = _read_config(config_type, model)
        else:
            config = config_type(**config)
        self.type = type
        self.source = model
        self.model = model_type(config)
        self.multimask = multimask
        self.mask_logit = mask_logit
        self.chunk_size = chunk_size
        self.processor = processor_type(image_type(**self._sizes()))
        self._loaded = model is None

    @property
    def image_size(self) -> int:
        """Side of the square that images are brought to, in pixels."""
        return self.model.config.prompt_encoder_config.image_size

    @property
    def mask_size(self) -> int:
        """Side of the square that mask prompts are brought to."""
        # Mask prompts and answers have four pixels to each of the embedding.
        return 4 * self.image_size // (
            self.model.config.prompt_encoder_config.patch_size)

    def _sizes(self) -> dict[str, Any]:
        square = dict(height=self.image_size, width=self.image_size)
        if self.type == 'sam2':
            return dict(size=square)
        return dict(size=dict(longest_edge=self.image_size), pad_size=square)

    def load(self) -> None:
        """Read the weights, once.

        Raises:
            MissingDataError: If they are not on this machine.
            CheckpointError: If they are not those of this architecture.
        """
        if self._loaded:
            return
        try:
            loaded, info = type(self.model).from_pretrained(
                _folder(self.source), config=self.model.config,
                local_files_only=True, output_loading_info=True)
        except OSError as error:
            raise _absent(self.source) from error
        except RuntimeError as error:
            raise CheckpointError(
                f'{self.source} does not fit the `config` of `sam`: '
                f'{error}') from error
        if info['missing_keys']:
            raise CheckpointError(
                f'{self.source} lacks {len(info["missing_keys"])} weights of '
                f'`sam`, e.g. {sorted(info["missing_keys"])[:3]}: use weights '
                f'of {type(self.model).__name__}.')
        old = next(self.model.parameters())
        self.model = loaded.to(old.device, old.dtype).train(self.training)
        self._loaded = True

    @torch.no_grad()
    def forward(self, image: Tensor, prompts: list[SAMPrompt]) -> Tensor:
        """Answer prompts about an image.

        Args:
            image (Tensor): ``(3, H, W)`` uint8 RGB.
            prompts (list[SAMPrompt]): P of them, one or more.

        Returns:
            Tensor: ``(P, H, W)`` logits.
        """
        self.load()
        inputs = self.processor(images=[image.cpu()], return_tensors='pt')
        embedding = self.model.get_image_embeddings(
            self._to_model(inputs['pixel_values']))
        out = torch.empty(len(prompts), *image.shape[-2:],
                          device=image.device)
        # Alike prompts side by side; the answers go where they belong.
        order = sorted(range(len(prompts)), key=lambda i: prompts[i].form)
        for start in range(0, len(order), self.chunk_size):
            rows = order[start:start + self.chunk_size]
            for alike in _runs(rows, prompts):
                low = self._decode(embedding, image,
                                   [prompts[i] for i in alike])
                out[alike] = self._restore(low, inputs).to(out)
        return out

    def _decode(self, embedding: Any, image: Tensor,
                prompts: list[SAMPrompt]) -> Tensor:
        """Low-resolution logits ``(P, 1, h, w)`` of prompts of one form."""
        number = len(prompts)
        # The batch axis, not that of points, because SAM's mask prompts have
        # only the former.
        if isinstance(embedding, list):
            embedding = [x.expand(number, -1, -1, -1) for x in embedding]
        else:
            embedding = embedding.expand(number, -1, -1, -1)
        points, _, _ = prompts[0].form
        multimask = points == 1 if self.multimask is None else self.multimask
        answer = self.model(
            image_embeddings=embedding,
            multimask_output=multimask,
            **self._coordinates(image, prompts),
            **self._mask_inputs(prompts))
        best = answer.iou_scores.argmax(-1)[..., None, None, None]  # (P, 1)
        masks = answer.pred_masks  # (P, 1, 3 or 1, h, w)
        best = best.expand(-1, -1, 1, *masks.shape[-2:])
        return masks.gather(2, best)[:, 0]

    def _coordinates(self, image: Tensor,
                     prompts: list[SAMPrompt]) -> dict[str, Tensor]:
        """Points and boxes in the model's frame, one prompt in a row."""
        given: dict[str, Any] = {}
        points, boxed, _ = prompts[0].form
        if points:
            given['input_points'] = [[p.points.tolist() for p in prompts]]
            given['input_labels'] = [[[1] * points for _ in prompts]]
        if boxed:
            given['input_boxes'] = [[p.box.tolist() for p in prompts]]
        inputs = self.processor(images=[image.cpu()], return_tensors='pt',
                                **given)
        out = {}
        for name in given:  # (1, P, ...) -> (P, 1, ...)
            value = inputs[name].transpose(0, 1)
            out[name] = (value.to(self.model.device)
                         if name == 'input_labels' else self._to_model(value))
        return out

    def _mask_inputs(self, prompts: list[SAMPrompt]) -> dict[str, Tensor]:
        """Mask prompts as low-resolution logits ``(P, 1, h, w)``."""
        if prompts[0].mask is None:
            return {}
        masks = np.stack([p.mask for p in prompts])[:, None]
        masks = self._to_model(torch.from_numpy(masks))
        height, width = masks.shape[-2:]
        side = self.mask_size
        if self.type == 'sam2':
            size = (side, side)
        else:  # the aspect ratio stays, as that of the image does
            scale = side / max(height, width)
            size = (int(height * scale + .5), int(width * scale + .5))
        masks = F.interpolate(masks, size, mode='bilinear', antialias=True,
                              align_corners=False)
        masks = F.pad(masks, (0, side - size[1], 0, side - size[0]))
        return dict(input_masks=(2 * masks - 1) * self.mask_logit)

    def _restore(self, low: Tensor, inputs: dict) -> Tensor:
        """Logits ``(P, H, W)`` in the image's own frame."""
        sizes = [inputs['original_sizes'].tolist()]
        if self.type == 'sam':
            sizes.append(inputs['reshaped_input_sizes'].tolist())
        masks = self.processor.post_process_masks([low], *sizes,
                                                  binarize=False)
        return masks[0][:, 0]

    def _to_model(self, x: Tensor) -> Tensor:
        return x.to(self.model.device, self.model.dtype)


def _runs(rows: list[int],
          prompts: list[SAMPrompt]) -> list[list[int]]:
    """Split sorted rows where the form of the prompt changes."""
    runs: list[list[int]] = []
    for row in rows:
        if runs and prompts[runs[-1][0]].form == prompts[row].form:
            runs[-1].append(row)
        else:
            runs.append([row])
    return runs


def _folder(model: str) -> str:
    """Where a model lies on this machine."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        HFValidationError,
        LocalEntryNotFoundError,
    )
    if Path(model).is_dir():
        return model
    try:
        return snapshot_download(model, local_files_only=True)
    except (LocalEntryNotFoundError, HFValidationError) as error:
        raise _absent(model) from error


def _read_config(config_type: type, model: str) -> Any:
    try:
        return config_type.from_pretrained(_folder(model),
                                           local_files_only=True)
    except OSError as error:
        raise _absent(model) from error


def _absent(model: str) -> MissingDataError:
    return MissingDataError(
        f'no SAM weights at {model}: fetch them once with `hf download '
        f'{model}`, or set `sam.model` to the folder that holds their '
        'config.json and model.safetensors.')
