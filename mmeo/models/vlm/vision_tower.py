# Copyright (c) mmeo contributors. All rights reserved.
"""Vision encoders of transformers (SigLIP, CLIP, DINOv2, ...)."""

from pathlib import Path
from typing import Optional

from torch import Tensor, nn

from mmeo.errors import ConfigError, MissingDataError
from mmeo.registry import MODELS


@MODELS.register_module()
class HFVisionTower(nn.Module):
    """A vision model of transformers as the eye of a dialogue model.

    Exactly one of ``config`` and ``pretrained`` is given.

    Args:
        config (dict, optional): ``model_type`` and the arguments of that
            transformers config, e.g. ``dict(model_type='siglip_vision_model',
            vision_use_head=False, ...)``; weights are random.
        pretrained (str, optional): Local folder in transformers' format.
        select_layer (int): Which hidden state to return; -1 is the model's
            own last output, after its final norm where it has one.
            Defaults to -1.
    """

    def __init__(self,
                 config: Optional[dict] = None,
                 pretrained: Optional[str] = None,
                 select_layer: int = -1) -> None:
        super().__init__()
        from transformers import AutoConfig, AutoModel
        if (config is None) == (pretrained is None):
            raise ConfigError('HFVisionTower: give either `config` (random '
                              'weights) or `pretrained` (a local folder)')
        if config is not None:
            config = dict(config)
            if 'model_type' not in config:
                raise ConfigError('HFVisionTower: `config` needs a '
                                  "`model_type`, e.g. 'siglip_vision_model'")
            self.model = AutoModel.from_config(
                AutoConfig.for_model(config.pop('model_type'), **config))
        elif not Path(pretrained).is_dir():
            raise MissingDataError(
                f'no vision model at {pretrained}: download it once and give '
                'the folder that holds its config.json')
        else:
            self.model = AutoModel.from_pretrained(
                pretrained, local_files_only=True)
        self.select_layer = select_layer

    @property
    def embed_dims(self) -> int:
        return self.model.config.hidden_size

    @property
    def patch_size(self) -> int:
        size = self.model.config.patch_size
        return size if isinstance(size, int) else size[0]

    def forward_tokens(self, x: Tensor) -> Tensor:
        """Encode.

        Args:
            x (Tensor): ``(B, 3, H, W)``, normalised, of the model's own size.

        Returns:
            Tensor: ``(B, P + h * w, C)``: P prefix tokens (0 or 1, by the
            model) and the patches row-major.
        """
        if self.select_layer == -1:
            return self.model(pixel_values=x).last_hidden_state
        out = self.model(pixel_values=x, output_hidden_states=True)
        return out.hidden_states[self.select_layer]

    def forward(self, x: Tensor) -> Tensor:
        """See :meth:`forward_tokens`."""
        return self.forward_tokens(x)
