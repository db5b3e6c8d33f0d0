# Copyright (c) mmeo contributors. All rights reserved.
"""SigLIP's vision tower, as LLaVA-OneVision and RSUniVLM read it."""

from collections.abc import Mapping
from typing import Optional, Union

import torch
import torch.nn.functional as F
from mmengine.logging import MMLogger
from torch import Tensor, nn

from mmeo import weights
from mmeo.errors import CheckpointError, ConfigError
from mmeo.registry import MODELS

from ..layers import TransformerBlock, maybe_checkpoint
from ..layers.products import linear
from ..pretrained import PretrainedModule

ARCHS = {
    # The public tower has 27 blocks; the last one and the pooling head are
    # not used.
    'so400m':
    dict(embed_dims=1152, depth=26, num_heads=16, hidden_dims=4304),
    'tiny':
    dict(embed_dims=64, depth=2, num_heads=4, hidden_dims=128),
}


class TanhMLP(nn.Module):
    """Two linear layers around the tanh approximation of GELU.

    Args:
        embed_dims (int): Channels in and out.
        hidden_dims (int): Channels between.
    """

    def __init__(self, embed_dims: int, hidden_dims: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(embed_dims, hidden_dims)
        self.fc2 = nn.Linear(hidden_dims, embed_dims)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(..., C)`` to ``(..., C)``."""
        x = F.gelu(linear(x, self.fc1.weight, self.fc1.bias),
                   approximate='tanh')
        return linear(x, self.fc2.weight, self.fc2.bias)


@MODELS.register_module()
class SigLIPViT(PretrainedModule):
    """SigLIP so400m/14 up to its last but one block, before any last norm.

    Source: SigLIP (arXiv 2303.15343); the choice of block is that of
    LLaVA-OneVision (arXiv 2408.03326), which RSUniVLM starts from. Versions
    of transformers disagree on whether the hidden state of that block is
    normed, therefore a tower of our own. Patches are cut without padding: of
    384 pixels the last 6 are not seen, 27 x 27 patches remain.

    Weights load through ``init_cfg=dict(type='Pretrained', checkpoint=PATH)``
    from any layout of the families ``siglip`` and ``llava_onevision``.

    Args:
        arch (str or dict): ``'so400m'``, ``'tiny'`` (for tests), or a dict
            of ``embed_dims``, ``depth``, ``num_heads`` and ``hidden_dims``.
            Defaults to ``'so400m'``.
        img_size (int): Side, in pixels, that the position table is kept for.
            Images may have any other size. Defaults to 384.
        patch_size (int): In pixels. Defaults to 14.
        in_channels (int): Bands of the image. Defaults to 3.
        with_cp (bool): Recompute activations of each block in the backward
            pass. Defaults to False.
        init_cfg (dict, optional): Defaults to None.

    Raises:
        ConfigError: If ``arch`` is unknown.
    """

    def __init__(self,
                 arch: Union[str, Mapping] = 'so400m',
                 img_size: int = 384,
                 patch_size: int = 14,
                 in_channels: int = 3,
                 with_cp: bool = False,
                 init_cfg: Optional[dict] = None) -> None:
        super().__init__(init_cfg)
        sizes = parse_arch(arch)
        dims = sizes['embed_dims']
        self.embed_dims = dims
        self.num_layers = sizes['depth']
        self.patch_size = patch_size
        self.in_channels = in_channels
        self.with_cp = with_cp
        side = img_size // patch_size
        self.patch_embed = nn.Conv2d(in_channels, dims, patch_size, patch_size)
        self.pos_embed = nn.Parameter(torch.zeros(1, side * side, dims))
        self.layers = nn.ModuleList(
            TransformerBlock(
                dims, sizes['num_heads'], layer_scale_init=None,
                ffn=TanhMLP(dims, sizes['hidden_dims']))
            for _ in range(self.num_layers))
        self._reset_parameters()

    @property
    def out_channels(self) -> list[int]:
        """Channels of each returned map."""
        return [self.embed_dims]

    def grid(self, height: int, width: int) -> tuple[int, int]:
        """Rows and columns of patches of an image in pixels."""
        return height // self.patch_size, width // self.patch_size

    def forward_tokens(self, x: Tensor) -> Tensor:
        """Encode an image.

        Args:
            x (Tensor): ``(B, bands, H, W)``, normalised; what remains on the
                right and below whole patches is not seen.

        Returns:
            Tensor: ``(B, h * w, C)`` of the last block, row-major, not normed.

        Raises:
            ConfigError: If the number of bands differs, or the image is
                smaller than a patch.
        """
        size = self.grid(*x.shape[-2:])
        if x.shape[1] != self.in_channels or not all(size):
            raise ConfigError(
                f'SigLIPViT got {x.shape[1]} bands of {x.shape[-2]} x '
                f'{x.shape[-1]} pixels; it takes {self.in_channels} bands '
                f'and at least one patch of {self.patch_size}')
        x = self.patch_embed(x).flatten(2).transpose(1, 2)  # (B, h * w, C)
        x = x + weights.resize_position_table(self.pos_embed, 0, size)
        for layer in self.layers:
            x = maybe_checkpoint(self.with_cp and self.training, layer, x)
        return x

    def forward(self, x: Tensor) -> tuple[Tensor]:
        """Encode ``(B, bands, H, W)`` to a map ``(B, C, h, w)``."""
        tokens = self.forward_tokens(x)
        h, w = self.grid(*x.shape[-2:])
        return tokens.transpose(1, 2).reshape(len(x), -1, h, w),

    def load_pretrained(self, path: str, prefix: str = '',
                        trust: bool = False) -> None:
        """Load the vision tower of a checkpoint in any known layout.

        Args:
            path (str): File, or folder of safetensors.
            prefix (str): Only look at keys that start so. Defaults to ``''``.
            trust (bool): See :func:`mmeo.weights.load`. Defaults to False.

        Raises:
            CheckpointError: If it does not fit, or tensors are missing.
        """
        state = weights.unwrap(weights.load(path, trust=trust))
        state = {k: v for k, v in state.items() if k.startswith(prefix)}
        try:
            state, report = weights.convert_with_report(
                state, to='mmeo', family='siglip')
            self.load_state_dict(state)
        except (CheckpointError, RuntimeError) as error:
            raise CheckpointError(f'{path}: {error}') from error
        MMLogger.get_current_instance().info(
            'SigLIPViT from %s (%s layout): %d tensors loaded, %d unused',
            path, report.layout, len(state), len(report.unexpected))

    def _reset_parameters(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                nn.init.zeros_(module.bias)
        nn.init.trunc_normal_(self.patch_embed.weight, std=0.02)
        nn.init.zeros_(self.patch_embed.bias)
        nn.init.trunc_normal_(self.pos_embed, std=0.02)


def parse_arch(arch: Union[str, Mapping]) -> dict:
    """The four numbers of an architecture.

    Args:
        arch (str or Mapping): A name in :data:`ARCHS`, or a mapping with
            ``embed_dims``, ``depth``, ``num_heads`` and ``hidden_dims``.

    Raises:
        ConfigError: If the name is unknown or a number is absent.
    """
    if isinstance(arch, str):
        if arch not in ARCHS:
            raise ConfigError(f'SigLIPViT: arch={arch!r} is none of '
                              f'{", ".join(ARCHS)} and no dict')
        return dict(ARCHS[arch])
    if set(arch) != set(ARCHS['tiny']):
        raise ConfigError('SigLIPViT: arch needs exactly '
                          f'{sorted(ARCHS["tiny"])}, got {sorted(arch)}')
    return dict(arch)
