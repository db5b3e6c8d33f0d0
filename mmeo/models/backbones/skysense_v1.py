# Copyright (c) mmeo contributors. All rights reserved.
"""The encoders of SkySense V1 and SkySense++, one for each sensor."""

from collections.abc import Mapping
from typing import Any, Optional

import torch.nn.functional as F
from mmengine.logging import MMLogger
from torch import Tensor, nn

from mmeo import weights
from mmeo.errors import CheckpointError, ConfigError
from mmeo.registry import MODELS
from mmeo.weights.fit import BandInit

from ..pretrained import PretrainedModule
from .intern_vit import InternViT
from .swin_v2_encoder import SwinV2Encoder

_VIT = dict(embed_dims=1024, depth=24, num_heads=16, mlp_ratio=4.0)
_BANDS = dict(hr=3, s2=10, s1=2)


def _build_encoder(part: str, arch: Optional[Mapping],
                   options: dict) -> nn.Module:
    options.setdefault('in_channels', _BANDS[part])
    if part == 'hr':
        return SwinV2Encoder(arch, **options)
    patch = options.get('patch_size', 4)
    options = {
        **dict(img_size=16 * patch, patch_size=patch,
               kernel_resize='pinv', with_cls_token=False,
               out_indices=(5, 11, 17, 23)), **options
    }
    return InternViT(
        {**_VIT, **(arch or {})}, layer_scale_init=None, **options)


@MODELS.register_module()
class SkySenseV1(PretrainedModule):
    """One encoder of SkySense V1 (arXiv 2312.10115) or SkySense++.

    The weights of both are public (non-commercial licence) and load into
    these modules without a rest: a Swin V2 of 655M parameters for optical
    images of 0.3 m, a plain ViT-L with patches of 4 pixels for each of
    Sentinel-2 and Sentinel-1. Numbers of heads, windows, extra norms are those
    of the released configs. Checkpoints, combined or split, in the authors'
    names or mmeo's, load through ``init_cfg=dict(type='Pretrained',
    checkpoint=PATH)``; nothing has to be converted first.

    Args:
        part (str): ``'hr'`` (3 bands R, G, B), ``'s2'`` (10 bands B2, B3, B4,
            B5, B6, B7, B8, B8A, B11, B12, L2A) or ``'s1'`` (VV, VH in dB).
            Defaults to ``'hr'``.
        arch (dict, optional): Sizes that differ from the release: of
            :class:`SwinV2Encoder`, or ``embed_dims``, ``depth``,
            ``num_heads``, ``mlp_ratio`` of :class:`InternViT`. Defaults to
            None.
        band_init (str or Sequence[int], optional): How a stored patch kernel
            of another number of bands is used, see
            :func:`mmeo.weights.fit_bands`: ``(0, 1, 2, 0)`` starts near
            infrared as a copy of red, as the release does. Defaults to None,
            which refuses.
        band_rescale (bool): Scale such a kernel by the ratio of bands; the
            release does not. Defaults to False.
        init_cfg (dict, optional): ``checkpoint``, and if need be ``prefix``
            (of the keys to look at) and ``trust``. Defaults to None.
        **kwargs: Other arguments of the encoder: ``in_channels``,
            ``out_indices``, ``drop_path_rate``, ``frozen_stages``,
            ``with_cp``; for ``'hr'`` those of :class:`SwinV2Encoder`
            (SkySense-O needs ``window_size=(8, 8, 8, 16)`` and
            ``pretrained_window_sizes=(0, 0, 0, 8)``); for the others those of
            :class:`InternViT`, with ``patch_size=4``, positions of 16 by 16
            patches, ``with_cls_token=False`` and ``out_indices=(5, 11, 17,
            23)`` as in the public configs of SkySense++. A patch of 8 makes a
            quarter of the tokens; stored kernels are resized to it so that
            an enlarged image gives the same tokens (``'pinv'``).

    Raises:
        ConfigError: If an argument does not fit.
    """

    def __init__(self,
                 part: str = 'hr',
                 arch: Optional[Mapping] = None,
                 band_init: BandInit = None,
                 band_rescale: bool = False,
                 init_cfg: Optional[dict] = None,
                 **kwargs: Any) -> None:
        super().__init__(init_cfg)
        if part not in _BANDS:
            raise ConfigError(f'part={part!r} must be one of '
                              f'{", ".join(_BANDS)}; the fusion transformer '
                              'is TemporalFusion.')
        self.part = part
        self.band_init, self.band_rescale = band_init, band_rescale
        self.encoder = _build_encoder(part, arch, kwargs)

    @property
    def embed_dims(self) -> int:
        """Channels of the first map."""
        return self.encoder.embed_dims

    @property
    def out_channels(self) -> list[int]:
        """Channels of each returned map."""
        return self.encoder.out_channels

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Encode images.

        Args:
            x (Tensor): ``(B, bands, H, W)``, any H and W: zeros are added on
                the right and below up to whole patches.

        Returns:
            tuple[Tensor, ...]: For each of ``out_indices`` a map. ``'hr'``:
            ``(B, 352 * 2**i, h, w)`` at strides 4, 8, 16, 32; the others:
            ``(B, 1024, h, w)``, at the stride of the patch.

        Raises:
            ConfigError: If the number of bands differs.
        """
        if x.dim() != 4 or x.shape[1] != self.encoder.in_channels:
            raise ConfigError(
                f'SkySenseV1(part={self.part!r}) takes (B, '
                f'{self.encoder.in_channels}, H, W), got {tuple(x.shape)}: '
                'choose bands in the pipeline, or set in_channels and '
                'band_init.')
        if self.part != 'hr':
            patch = self.encoder.patch_size
            x = F.pad(x, (0, -x.shape[-1] % patch, 0, -x.shape[-2] % patch))
        return self.encoder(x)

    def get_layer_depth(self, param_name: str,
                        prefix: str = '') -> tuple[int, int]:
        """Depth of a parameter, for layer-wise learning rates.

        Args:
            param_name (str): Full name.
            prefix (str): In front of this module's names. Defaults to ``''``.

        Returns:
            tuple[int, int]: Depth and number of depths, see the encoders.
        """
        return self.encoder.get_layer_depth(param_name, prefix + 'encoder.')

    # -- weights ----------------------------------------------------------
    def load_pretrained(self, path: str, prefix: str = '',
                        trust: bool = False) -> None:
        """Load this encoder out of a file in any known layout.

        Args:
            path (str): File, combined or of one encoder.
            prefix (str): Only look at keys that start so. Defaults to ``''``.
            trust (bool): See :func:`mmeo.weights.load`. Defaults to False.

        Raises:
            CheckpointError: If it is of another family, part or size, or
                tensors are missing.
        """
        state, report = weights.read_skysense(path, self.part, prefix, trust)
        try:
            state = self._fit(state)
        except CheckpointError as error:
            raise CheckpointError(f'{path}: {error}') from error
        self.load_state_dict(state)
        MMLogger.get_current_instance().info(
            'SkySenseV1(part=%r) from %s: %s', self.part, path,
            report.text(4))

    def _fit(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Resize what may be resized, and check the rest.

        Raises:
            CheckpointError: If a tensor is missing, left or does not fit.
        """
        shapes = {k: v.shape for k, v in self.state_dict().items()}
        state = self._drop_unused(state, set(shapes))
        missing = sorted(set(shapes) - set(state))
        extra = sorted(set(state) - set(shapes))
        if missing or extra:
            what, keys = (('lacks', missing) if missing else
                          ('has more than this model, namely', extra))
            raise CheckpointError(
                f'the checkpoint {what} {len(keys)} tensors, such as '
                f'{", ".join(keys[:3])}: set `arch`, `out_indices` and '
                '`with_cls_token` to those of the file, or give the whole '
                'file.')
        return {key: self._fit_one(key, state[key], tuple(shape))
                for key, shape in shapes.items()}

    def _drop_unused(self, state: Mapping[str, Tensor],
                     wanted: set[str]) -> dict[str, Tensor]:
        """Leave out norms of maps, and a CLS token, that are not used."""
        spare = ('encoder.norms.', 'encoder.cls_token')
        return {k: v for k, v in state.items()
                if k in wanted or not k.startswith(spare)}

    def _fit_one(self, key: str, value: Tensor,
                 shape: tuple[int, ...]) -> Tensor:
        if key in ('encoder.tokenizer.projection.weight',
                   'encoder.patch_embed.weight'):
            value = weights.fit_bands(value, shape[1], self.band_init,
                                      self.band_rescale)
            if self.part != 'hr':
                value = weights.resize_patch_kernel(
                    value, shape[-1], self.encoder.kernel_resize)
        elif key == 'encoder.pos_embed':
            value = weights.fit_position_table(value, shape[1])
        if tuple(value.shape) != shape:
            raise CheckpointError(
                f'{key} has shape {tuple(value.shape)}, the model needs '
                f'{shape}: set `arch` to that of the checkpoint, or choose '
                'the checkpoint of this model.')
        return value
