# Copyright (c) mmeo contributors. All rights reserved.
"""ViT-Adapter around InternViT: a pyramid out of a plain transformer."""

from collections.abc import Mapping, Sequence
from typing import Any, Optional

import torch
import torch.nn.functional as F
from mmcv.cnn import build_norm_layer
from mmengine.model import BaseModule
from mmengine.registry import DefaultScope
from torch import Tensor, nn

from mmeo import weights
from mmeo.errors import ConfigError
from mmeo.registry import MODELS

from ..layers import (
    Interaction,
    MSDeformAttention,
    SpatialPriorModule,
    double_pixels,
    maybe_checkpoint,
)

PAPER_INDEXES = ((0, 7), (8, 11), (12, 15), (16, 23))


def default_indexes(depth: int) -> list[tuple[int, int]]:
    """Groups of blocks between interactions, first and last included.

    Args:
        depth (int): Blocks of the ViT. 24 gives ViTP's groups, any other
            depth four (or ``depth``, if that is less) of nearly equal size.
    """
    if depth == 24:
        return list(PAPER_INDEXES)
    groups = min(4, depth)
    edges = [round(i * depth / groups) for i in range(groups + 1)]
    return [(a, b - 1) for a, b in zip(edges, edges[1:])]


@MODELS.register_module()
class ViTAdapter(BaseModule):
    """Adapter with a spatial prior and deformable cross-attention.

    Source: ViT-Adapter (arXiv 2205.08534) in the variant of ViTP (arXiv
    2509.17562): channel LayerNorm instead of SyncBN, injector scale 0.1
    instead of 0, uneven groups of blocks, and the last ViT map, resized,
    added to all four levels instead of four intermediate ones.

    The release of ViTP holds two adapters that differ. The defaults are that
    of its detectors and segmentors; its change detectors were trained with
    ``deform_ratio=1.0, extractor_residual='normalised', attn_dropout=0.1``.
    Their checkpoints load under the authors' key names, and those of the
    wrong adapter are refused.

    Args:
        vit (dict): Config of :class:`InternViT`; its patch must be 16 (stored
            kernels of 14 are resized on loading) and is set here, as are
            ``with_cls_token=False`` (the authors' choice) and ``with_cp``,
            unless given.
        interaction_indexes (Sequence[Sequence[int]], optional): First and
            last block of each group. None takes :func:`default_indexes`.
            Defaults to None.
        deform_ratio (float): Value channels of the deformable attention over
            ``embed_dims``. Defaults to 0.25.
        n_points (int): Sampling points per query, head and level. Defaults to
            4.
        num_heads (int): Heads of the deformable attention. Defaults to 16.
        conv_inplane (int): Channels of the spatial prior at stride 4. Defaults
            to 64.
        cffn_ratio (float): Hidden over outer channels of the ConvFFN. Defaults
            to 0.25.
        init_values (float): First value of the injector's scale. Defaults to
            0.1.
        attn_dropout (float): Dropout behind the deformable attention. Defaults
            to 0.0.
        extractor_residual (str): What an extractor adds its attention to: the
            ``'raw'`` query or the ``'normalised'`` one. Defaults to
            ``'raw'``.
        with_cp (bool): Recompute activations in the backward pass. Defaults
            to False.
        drop_path_rate (float): Of every ConvFFN; ViTP fine-tunes with 0.1
            here and in ``vit``. Defaults to 0.0.
        add_vit_feature (bool): Add the last ViT map to the outputs. Defaults
            to True.
        use_extra_extractor (bool): Two more extractors at the end. Defaults
            to True.
        freeze_vit (bool): Train the adapter only. Defaults to False.
        in_channels (int): Bands of the image, for the spatial prior and the
            ViT. Defaults to 3.
        out_indices (Sequence[int]): Levels returned, 0 to 3. Defaults to
            ``(0, 1, 2, 3)``.
        out_channels (Sequence[int], optional): Channels of each returned map.
            A 1 x 1 convolution brings it there, so that the adapter can stand
            in for a backbone of other widths, e.g. ``(256, 512, 1024, 2048)``
            for a ResNet-50 (our choice). None keeps ``embed_dims``. Defaults
            to None.
        norm_cfg (dict): Norm of the spatial prior and the outputs. Defaults to
            channel LayerNorm.
        init_cfg (dict, optional): Defaults to None.

    Raises:
        ConfigError: If an argument does not fit.
    """

    def __init__(self,
                 vit: Mapping,
                 interaction_indexes: Optional[Sequence[Sequence[int]]] = None,
                 deform_ratio: float = 0.25,
                 n_points: int = 4,
                 num_heads: int = 16,
                 conv_inplane: int = 64,
                 cffn_ratio: float = 0.25,
                 init_values: float = 0.1,
                 attn_dropout: float = 0.0,
                 extractor_residual: str = 'raw',
                 with_cp: bool = False,
                 drop_path_rate: float = 0.0,
                 add_vit_feature: bool = True,
                 use_extra_extractor: bool = True,
                 freeze_vit: bool = False,
                 in_channels: int = 3,
                 out_indices: Sequence[int] = (0, 1, 2, 3),
                 out_channels: Optional[Sequence[int]] = None,
                 norm_cfg: Mapping = dict(type='mmeo.LN2d', eps=1e-6),
                 init_cfg: Optional[dict] = None) -> None:
        super().__init__(init_cfg)
        self.vit = self._build_vit(vit, in_channels, with_cp, freeze_vit)
        depth = self.vit.num_layers
        self.embed_dims = dims = self.vit.embed_dims
        self.with_cp = with_cp
        self.add_vit_feature = add_vit_feature
        self.interaction_indexes = self._parse_indexes(interaction_indexes,
                                                       depth)
        self.out_indices = self._parse_levels(out_indices)
        norm_cfg = dict(norm_cfg)

        self.level_embed = nn.Parameter(torch.zeros(3, dims))
        # Levels that are not returned would leave parameters without
        # gradient, on which DistributedDataParallel stops.
        self.spm = SpatialPriorModule(in_channels, conv_inplane, dims,
                                      norm_cfg, 0 in self.out_indices)
        last = len(self.interaction_indexes) - 1
        self.interactions = nn.ModuleList(
            Interaction(
                embed_dims=dims,
                num_heads=num_heads,
                n_points=n_points,
                deform_ratio=deform_ratio,
                init_values=init_values,
                cffn_ratio=cffn_ratio,
                drop_path_rate=drop_path_rate,
                attn_dropout=attn_dropout,
                extractor_residual=extractor_residual,
                extra_extractors=2 if use_extra_extractor and i == last else 0)
            for i in range(last + 1))
        if 0 in self.out_indices:
            self.up = nn.ConvTranspose2d(dims, dims, 2, 2)
        for level in self.out_indices:
            self.add_module(f'norm{level + 1}',
                            build_norm_layer(norm_cfg, dims)[1])
        self.out_channels = self._parse_widths(out_channels)
        self.widths = None if out_channels is None else nn.ModuleList(
            nn.Conv2d(dims, width, 1) for width in self.out_channels)
        self._reset_parameters()
        self.deform_ratio = deform_ratio
        self.extractor_residual = extractor_residual
        self._register_load_state_dict_pre_hook(self._accept_vitp_keys)

    # -- forward ----------------------------------------------------------
    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Encode an image into a pyramid.

        Args:
            x (Tensor): ``(B, bands, H, W)``; H and W multiples of 32.

        Returns:
            tuple[Tensor, ...]: Maps ``(B, C, H / s, W / s)`` in float32, s
            being 4, 8, 16 and 32 (those of ``out_indices``).

        Raises:
            ConfigError: If H or W is no multiple of 32.
        """
        height, width = x.shape[-2:]
        if height % 32 or width % 32:
            raise ConfigError(
                f'ViTAdapter needs sides that are multiples of 32, got '
                f'{height} x {width}: set pad_size_divisor=32 in the data '
                'preprocessor, or change the crop size.')
        shapes = [(height // s, width // s) for s in (8, 16, 32)]
        *finest, c2, c3, c4 = self.spm(x)
        # three maps (B, C, h, w) -> tokens (B, N8 + N16 + N32, C)
        c = torch.cat([
            level.flatten(2).transpose(1, 2) + self.level_embed[i]
            for i, level in enumerate((c2, c3, c4))
        ], dim=1)
        x, size = self.vit.embed(x)
        x, c = self._interact(x, c, shapes)
        return self._outputs(finest, c, self.vit.to_map(x, size), shapes)

    def _interact(self, x: Tensor, c: Tensor,
                  shapes: list) -> tuple[Tensor, Tensor]:
        recompute = self.with_cp and self.training
        extra = self.vit.num_extra_tokens
        for (first, last), block in zip(self.interaction_indexes,
                                        self.interactions):
            front, x = x[:, :extra], x[:, extra:]
            x = maybe_checkpoint(recompute, block.injector, x, c, shapes)
            if extra:
                x = torch.cat((front, x), dim=1)
            x = self.vit.run_layers(x, first, last + 1)
            c = maybe_checkpoint(recompute, block.extract, c, x[:, extra:],
                                 shapes)
        return x, c

    def _outputs(self, finest: list[Tensor], c: Tensor, vit_map: Tensor,
                 shapes: list) -> tuple[Tensor, ...]:
        maps = dict(enumerate((
            tokens.transpose(1, 2).reshape(c.shape[0], -1, h, w)
            for tokens, (h, w) in zip(
                c.split([h * w for h, w in shapes], dim=1), shapes)), start=1)
        )  # (B, C, h, w) at strides 8, 16, 32
        if finest:
            maps[0] = double_pixels(self.up, maps[1]).add_(finest[0])
        outs = []
        for level in self.out_indices:
            out = maps[level]
            if self.add_vit_feature:
                out = out + F.interpolate(
                    vit_map,
                    size=out.shape[-2:],
                    mode='bilinear',
                    align_corners=False)
            outs.append(getattr(self, f'norm{level + 1}')(out))
        if self.widths is not None:
            outs = [conv(out) for conv, out in zip(self.widths, outs)]
        # mmcv's RoI ops read other layouts wrongly without a word.
        return tuple(out.float().contiguous() for out in outs)

    # -- training ---------------------------------------------------------
    def get_layer_depth(self,
                        param_name: str,
                        prefix: str = '') -> tuple[int, int]:
        """Depth of a parameter, see :meth:`InternViT.get_layer_depth`.

        The level embedding counts as an embedding, the rest of the adapter as
        what follows the ViT.
        """
        total = self.vit.num_layers + 2
        if param_name == prefix + 'level_embed':
            return 0, total
        return self.vit.get_layer_depth(param_name, prefix + 'vit.')

    def _accept_vitp_keys(self, state_dict: dict, prefix: str,
                          *args: Any) -> None:
        """Rename the keys of ViTP's own fine-tuned checkpoints in place.

        Raises:
            CheckpointError: If they are of the other adapter.
        """
        vitp = weights.vitp_finetuned
        if vitp.layout_at(state_dict, prefix) != 'original':
            return
        vitp.require_adapter(
            vitp.adapter_options(state_dict, prefix),
            dict(
                deform_ratio=self.deform_ratio,
                extractor_residual=self.extractor_residual))
        for key in [key for key in state_dict if key.startswith(prefix)]:
            name = vitp.to_mmeo_key(key[len(prefix):])
            state_dict[prefix + name] = state_dict.pop(key)

    def _reset_parameters(self) -> None:
        """Initialise the adapter; the ViT has done so itself."""
        nn.init.normal_(self.level_embed)
        parts = [self.spm, self.interactions]
        if 0 in self.out_indices:
            parts.append(self.up)
        if self.widths is not None:
            parts.append(self.widths)
        for module in (m for part in parts for m in part.modules()):
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                nn.init.zeros_(module.bias)
            elif isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
                fan_out = module.out_channels * module.kernel_size[0] \
                    * module.kernel_size[1] // module.groups
                nn.init.normal_(module.weight, std=(2.0 / fan_out)**0.5)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        # After the loop, which has touched their projections.
        for module in self.interactions.modules():
            if isinstance(module, MSDeformAttention):
                module.init_weights()

    # -- arguments --------------------------------------------------------
    @staticmethod
    def _build_vit(vit: Mapping, in_channels: int, with_cp: bool,
                   freeze_vit: bool) -> nn.Module:
        vit = dict(vit)
        if vit.get('patch_size', 16) != 16:
            raise ConfigError(
                f'vit.patch_size={vit["patch_size"]} must be 16 inside '
                'ViTAdapter: leave it out; stored kernels of another patch '
                'size are resized on loading.')
        if vit.get('in_channels', in_channels) != in_channels:
            raise ConfigError(
                f'vit.in_channels={vit["in_channels"]} contradicts '
                f'in_channels={in_channels} of ViTAdapter: set the latter.')
        defaults = dict(
            type='InternViT',
            patch_size=16,
            in_channels=in_channels,
            with_cls_token=False,
            with_cp=with_cp)
        # The adapter may be built inside a config of another default scope.
        with DefaultScope.overwrite_default_scope('mmeo'):
            module = MODELS.build({**defaults, **vit})
        if freeze_vit:
            module.freeze(module.num_layers)
        return module

    @staticmethod
    def _parse_indexes(indexes: Optional[Sequence[Sequence[int]]],
                       depth: int) -> list[tuple[int, int]]:
        if indexes is None:
            return default_indexes(depth)
        pairs = [tuple(pair) for pair in indexes]
        expected = 0
        for pair in pairs:
            if len(pair) != 2 or pair[0] != expected or pair[1] < pair[0]:
                break
            expected = pair[1] + 1
        if expected != depth:
            raise ConfigError(
                f'interaction_indexes={[list(p) for p in pairs]} must cover '
                f'blocks 0..{depth - 1} in order, without gaps: e.g. '
                f'{[list(p) for p in default_indexes(depth)]}.')
        return pairs

    @staticmethod
    def _parse_levels(out_indices: Sequence[int]) -> list[int]:
        levels = sorted(set(out_indices))
        if not levels or not set(levels) <= {0, 1, 2, 3}:
            raise ConfigError(f'out_indices={tuple(out_indices)} must be '
                              'levels of 0..3.')
        return levels

    def _parse_widths(self, widths: Optional[Sequence[int]]) -> list[int]:
        levels = len(self.out_indices)
        if widths is None:
            return [self.embed_dims] * levels
        if len(widths) != levels:
            raise ConfigError(f'out_channels={tuple(widths)} must hold one '
                              f'number for each of the {levels} levels of '
                              'out_indices.')
        return list(widths)
