# Copyright (c) mmeo contributors. All rights reserved.
"""InternViT, the vision encoder of InternVL and ViTP."""

from collections.abc import Mapping, Sequence
from typing import Any, Optional, Union

import torch
from mmengine.logging import MMLogger
from mmengine.model.weight_init import trunc_normal_init
from torch import Tensor, nn

from mmeo import weights
from mmeo.errors import CheckpointError, ConfigError
from mmeo.registry import MODELS
from mmeo.weights.fit import BandInit

from ..layers import TransformerBlock, maybe_checkpoint
from ..pretrained import PretrainedModule

ARCHS = {
    '300m': dict(embed_dims=1024, depth=24, num_heads=16, mlp_ratio=4.0),
    'tiny': dict(embed_dims=128, depth=8, num_heads=4, mlp_ratio=4.0),
}


def parse_arch(arch: Union[str, Mapping]) -> dict:
    """Return the four numbers of an architecture.

    Args:
        arch (str or Mapping): A name in :data:`ARCHS`, or a mapping with
            ``embed_dims``, ``depth``, ``num_heads`` and ``mlp_ratio``.

    Raises:
        ConfigError: If the name is unknown or a number is absent.
    """
    if isinstance(arch, str):
        if arch not in ARCHS:
            raise ConfigError(f'arch={arch!r} is unknown: choose '
                              f'{", ".join(ARCHS)}, or give a dict of '
                              'embed_dims, depth, num_heads, mlp_ratio.')
        return dict(ARCHS[arch])
    names = set(ARCHS['tiny'])
    if set(arch) != names:
        raise ConfigError(f'arch needs exactly {sorted(names)}, got '
                          f'{sorted(arch)}.')
    return dict(arch)


@MODELS.register_module()
class InternViT(PretrainedModule):
    """Plain vision transformer with layer scale and without a final norm.

    Source: InternVL 2.5 (arXiv 2412.05271), InternViT-300M-448px-V2_5.

    Weights of any layout named in :mod:`mmeo.weights` load through
    ``init_cfg=dict(type='Pretrained', checkpoint=PATH)``, whatever model they
    are part of; patch kernel and position table are resized to this model.

    Args:
        arch (str or dict): ``'300m'``, ``'tiny'`` (for tests and the quick
            start), or a dict of ``embed_dims``, ``depth``, ``num_heads`` and
            ``mlp_ratio``. Defaults to ``'300m'``.
        img_size (int): Side, in pixels, that the position table is kept for;
            a multiple of the patch. Images may have any other size. Defaults
            to 448.
        patch_size (int): In pixels. Defaults to 14.
        in_channels (int): Bands of the image. Defaults to 3.
        out_indices (int or Sequence[int]): Blocks whose outputs are returned,
            negative ones counted from the end. Defaults to -1.
        drop_path_rate (float): Of the last block; earlier ones rise to it
            linearly from 0. Defaults to 0.0.
        with_cls_token (bool): Put a learned token in front of the patches.
            Defaults to True.
        frozen_stages (int): -1 trains all, 0 freezes the embedding, k also
            the first k blocks. Defaults to -1.
        with_cp (bool): Recompute activations of each block in the backward
            pass. Defaults to False.
        layer_scale_init (float): First value of the layer scales. Defaults to
            0.1.
        qkv_bias (bool): Defaults to True.
        qk_norm (bool): RMS norm of queries and keys. Defaults to False.
        fused_attention (bool): False takes the plain twin of the fused
            kernel. Defaults to True.
        kernel_resize (str): ``'bicubic'`` (ViTP) or ``'pinv'`` (FlexiViT), for
            stored kernels of another patch size. Defaults to ``'bicubic'``.
        band_init (str or Sequence[int], optional): How a stored kernel of
            another number of bands is used, see
            :func:`mmeo.weights.fit_bands`. None refuses it. Defaults to None.
        init_cfg (dict, optional): Defaults to None.

    Raises:
        ConfigError: If an argument does not fit.
    """

    def __init__(self,
                 arch: Union[str, Mapping] = '300m',
                 img_size: int = 448,
                 patch_size: int = 14,
                 in_channels: int = 3,
                 out_indices: Union[int, Sequence[int]] = -1,
                 drop_path_rate: float = 0.0,
                 with_cls_token: bool = True,
                 frozen_stages: int = -1,
                 with_cp: bool = False,
                 layer_scale_init: float = 0.1,
                 qkv_bias: bool = True,
                 qk_norm: bool = False,
                 fused_attention: bool = True,
                 kernel_resize: str = 'bicubic',
                 band_init: BandInit = None,
                 init_cfg: Optional[dict] = None) -> None:
        super().__init__(init_cfg)
        arch = parse_arch(arch)
        self.embed_dims = arch['embed_dims']
        self.num_layers = arch['depth']
        self.patch_size = patch_size
        self.in_channels = in_channels
        self.num_extra_tokens = int(with_cls_token)
        self.with_cp = with_cp
        self.out_indices = self._parse_indices(out_indices)
        self.frozen_stages = frozen_stages
        self.kernel_resize = kernel_resize
        self.band_init = band_init
        self._check(img_size)

        side = img_size // patch_size
        dims = self.embed_dims
        self.patch_embed = nn.Conv2d(in_channels, dims, patch_size, patch_size)
        if with_cls_token:
            self.cls_token = nn.Parameter(torch.zeros(1, 1, dims))
        self.pos_embed = nn.Parameter(
            torch.zeros(1, side * side + self.num_extra_tokens, dims))
        rates = [drop_path_rate * i / max(self.num_layers - 1, 1)
                 for i in range(self.num_layers)]
        self.layers = nn.ModuleList(
            TransformerBlock(dims, arch['num_heads'], arch['mlp_ratio'],
                             qkv_bias, qk_norm, rate, layer_scale_init,
                             fused_attention) for rate in rates)
        self._reset_parameters()
        self.freeze(frozen_stages)
        self._register_load_state_dict_pre_hook(self._fit_state)

    @property
    def out_channels(self) -> list[int]:
        """Channels of each returned map."""
        return [self.embed_dims] * len(self.out_indices)

    # -- forward ---------------------------------------------------------
    def embed(self, x: Tensor) -> tuple[Tensor, tuple[int, int]]:
        """Cut an image into tokens with positions.

        Args:
            x (Tensor): ``(B, bands, H, W)``; H and W multiples of the patch.

        Returns:
            tuple[Tensor, tuple[int, int]]: Tokens ``(B, n + h * w, C)``, n
            being 1 with a CLS token and else 0, and the grid ``(h, w)``.

        Raises:
            ConfigError: If the image does not fit.
        """
        height, width = x.shape[-2:]
        if x.shape[1] != self.in_channels:
            raise ConfigError(
                f'the image has {x.shape[1]} bands, in_channels is '
                f'{self.in_channels}: set in_channels, or choose bands in '
                'the pipeline.')
        if height % self.patch_size or width % self.patch_size:
            raise ConfigError(
                f'an image of {height} x {width} cannot be cut into patches '
                f'of {self.patch_size}: resize or pad it, e.g. with '
                'pad_size_divisor of the data preprocessor.')
        x = self.patch_embed(x)
        size = (x.shape[-2], x.shape[-1])
        x = x.flatten(2).transpose(1, 2)  # (B, C, h, w) -> (B, h * w, C)
        if self.num_extra_tokens:
            cls_token = self.cls_token.to(x.dtype).expand(x.shape[0], -1, -1)
            x = torch.cat((cls_token, x), dim=1)
        return x + weights.resize_position_table(
            self.pos_embed, self.num_extra_tokens, size), size

    def run_layers(self, x: Tensor, start: int, stop: int) -> Tensor:
        """Run blocks ``start`` to ``stop`` (exclusive) on ``(B, N, C)``."""
        for layer in self.layers[start:stop]:
            x = maybe_checkpoint(self.with_cp and self.training, layer, x)
        return x

    def forward_tokens(self, x: Tensor) -> Tensor:
        """Encode an image into the raw sequence of the last block.

        Args:
            x (Tensor): ``(B, bands, H, W)``.

        Returns:
            Tensor: ``(B, n + h * w, C)``, the CLS token first if there is one.
        """
        x, _ = self.embed(x)
        return self.run_layers(x, 0, self.num_layers)

    def to_map(self, x: Tensor, size: tuple[int, int]) -> Tensor:
        """Drop the CLS token and fold ``(B, N, C)`` to ``(B, C, h, w)``."""
        x = x[:, self.num_extra_tokens:].transpose(1, 2)
        return x.reshape(x.shape[0], self.embed_dims, *size)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Encode an image.

        Args:
            x (Tensor): ``(B, bands, H, W)``; H and W multiples of the patch.

        Returns:
            tuple[Tensor, ...]: A map ``(B, C, H / p, W / p)`` for each of
            ``out_indices``.
        """
        x, size = self.embed(x)
        outs = []
        for index in range(self.out_indices[-1] + 1):
            x = self.run_layers(x, index, index + 1)
            if index in self.out_indices:
                outs.append(self.to_map(x, size))
        return tuple(outs)

    # -- training ---------------------------------------------------------
    def train(self, mode: bool = True) -> 'InternViT':
        """Set the mode; frozen blocks stay in evaluation mode."""
        super().train(mode)
        for layer in self.layers[:max(self.frozen_stages, 0)]:
            layer.eval()
        return self

    def get_layer_depth(self,
                        param_name: str,
                        prefix: str = '') -> tuple[int, int]:
        """Depth of a parameter, for layer-wise learning rates.

        Args:
            param_name (str): Full name.
            prefix (str): In front of this module's names. Defaults to ``''``.

        Returns:
            tuple[int, int]: Depth (0 the embedding, k + 1 block k, and
            ``num_layers + 1`` all else) and the number of depths.
        """
        total = self.num_layers + 2
        if not param_name.startswith(prefix):
            return total - 1, total
        name = param_name[len(prefix):]
        if name.startswith('layers.'):
            return int(name.split('.')[1]) + 1, total
        return 0, total

    def freeze(self, stages: int) -> None:
        """Stop training the embedding (0 and up) and the first blocks.

        Args:
            stages (int): See ``frozen_stages``.
        """
        self.frozen_stages = stages
        for name, param in self.named_parameters():
            if self.get_layer_depth(name)[0] <= stages:
                param.requires_grad_(False)
        self.train(self.training)

    # -- weights ----------------------------------------------------------
    def load_pretrained(self,
                        path: str,
                        prefix: str = '',
                        trust: bool = False) -> None:
        """Load the vision encoder of a checkpoint in any known layout.

        Args:
            path (str): File, or folder of safetensors.
            prefix (str): Only look at keys that start so; needed where the
                file holds several encoders. Defaults to ``''``.
            trust (bool): See :func:`mmeo.weights.load`. Defaults to False.

        Raises:
            CheckpointError: If it does not fit, or tensors are missing.
        """
        state = weights.unwrap(weights.load(path, trust=trust))
        state = {k: v for k, v in state.items() if k.startswith(prefix)}
        try:
            state, report = weights.convert_with_report(
                state, to='mmeo', family='internvit')
        except CheckpointError as error:
            raise CheckpointError(f'{path}: {error}') from error
        shapes = {k: v.shape for k, v in self.state_dict().items()}
        fitted = self._fit(state, shapes, str(path))
        missing = sorted(set(shapes) - set(fitted))
        unused = sorted(set(state) - set(fitted)) + report.unexpected
        if missing:
            raise CheckpointError(
                f'{path} lacks {len(missing)} of {len(shapes)} tensors of '
                f'this model, such as {", ".join(missing[:3])}: set `arch`, '
                '`with_cls_token` and `qkv_bias` to those of the checkpoint.')
        # Deeper checkpoints would load in part: refuse what looks like it.
        deeper = [key for key in unused if key.startswith('layers.')]
        if deeper:
            raise CheckpointError(
                f'{path} holds tensors of blocks that this model lacks, such '
                f"as {deeper[0]}: set arch['depth'], `qkv_bias` and "
                '`qk_norm` to those of the checkpoint.')
        self.load_state_dict(fitted)
        MMLogger.get_current_instance().info(
            'InternViT from %s (%s layout): %d tensors loaded, 0 missing, '
            '%d unused%s', path, report.layout, len(fitted), len(unused),
            ' (' + ', '.join(unused[:4]) + ', ...)' if unused else '')

    def _fit(self,
             state: Mapping[str, Tensor],
             shapes: Mapping[str, Sequence[int]],
             source: str,
             prefix: str = '') -> dict[str, Tensor]:
        return weights.fit_vit(state, shapes, source, prefix,
                               self.kernel_resize, self.band_init)

    def _fit_state(self, state_dict: dict, prefix: str, *args: Any) -> None:
        """Fit tensors in place before any ``load_state_dict``.

        So checkpoints of another image size resume, test and fine-tune.
        """
        shapes = {name: param.shape for name, param in self.named_parameters()}
        state_dict.update(
            self._fit(state_dict, shapes, 'the checkpoint', prefix))
        if not self.num_extra_tokens:
            state_dict.pop(prefix + 'cls_token', None)

    def _reset_parameters(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Linear):
                trunc_normal_init(module, std=0.02)
        nn.init.trunc_normal_(self.pos_embed, std=0.02)
        if self.num_extra_tokens:
            nn.init.trunc_normal_(self.cls_token, std=0.02)

    # -- arguments --------------------------------------------------------
    def _parse_indices(self, indices: Union[int, Sequence[int]]) -> list[int]:
        indices = [indices] if isinstance(indices, int) else list(indices)
        depth = self.num_layers
        if not indices or any(not -depth <= i < depth for i in indices):
            raise ConfigError(f'out_indices={indices} must name blocks of '
                              f'0..{depth - 1} (or -{depth}..-1).')
        return sorted({i % depth for i in indices})

    def _check(self, img_size: int) -> None:
        if not isinstance(img_size, int) or img_size % self.patch_size:
            raise ConfigError(
                f'img_size={img_size} must be one number, a multiple of '
                f'patch_size={self.patch_size}; images may have any size.')
        if not -1 <= self.frozen_stages <= self.num_layers:
            raise ConfigError(f'frozen_stages={self.frozen_stages} must be '
                              f'-1..{self.num_layers}.')
        if self.kernel_resize not in ('bicubic', 'pinv'):
            raise ConfigError(f'kernel_resize={self.kernel_resize!r} must be '
                              "'bicubic' or 'pinv'.")
