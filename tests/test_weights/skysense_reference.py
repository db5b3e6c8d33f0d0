# Copyright (c) mmeo contributors. All rights reserved.
"""SkySense out of OpenMMLab's own modules, under the authors' names.

Encoders are those that the authors trained: mmpretrain's Swin V2 and mmseg's
ViT. Fusion and heads follow the published description around mmseg's layers.
"""

import torch
from mmpretrain.models import SwinTransformerV2
from mmseg.models import VisionTransformer
from mmseg.models.backbones.vit import TransformerEncoderLayer
from torch import Tensor, nn

DEPTHS, HEADS = (2, 2, 6, 2), (2, 4, 8, 16)
SWIN = dict(embed_dims=16, depths=DEPTHS, num_heads=HEADS)
VIT = dict(embed_dims=32, depth=4, num_heads=4)
WIDTH, FUSED = 128, 24  # of the last map, of the fusion
BANDS = dict(s2=10, s1=2)


def shake(module: nn.Module) -> nn.Module:
    """Move every parameter away from its start."""
    with torch.no_grad():
        for param in module.parameters():
            param.add_(torch.randn_like(param) * 0.1)
    module.double()
    module.eval()
    return module


def swin(window: int = 4, **kwargs) -> SwinTransformerV2:
    model = SwinTransformerV2(
        arch=dict(SWIN, extra_norm_every_n_blocks=3), window_size=window,
        out_indices=(0, 1, 2, 3), pad_small_map=True, **kwargs)
    shake(model)
    return model


def vit(bands: int, with_cls_token: bool = False) -> VisionTransformer:
    model = VisionTransformer(
        img_size=64, patch_size=4, in_channels=bands, embed_dims=32,
        num_layers=4, num_heads=4, out_indices=(0, 1, 2, 3), patch_bias=True,
        with_cls_token=with_cls_token, norm_cfg=dict(type='LN', eps=1e-6))
    shake(model)
    return model


class Head(nn.Module):
    """1 x 1 convolution to 16 times the channels, then a pixel shuffle."""

    def __init__(self) -> None:
        super().__init__()
        self.decoder = nn.Sequential(
            nn.Conv2d(32, 16 * WIDTH, 1), nn.PixelShuffle(4))

    def forward(self, x: Tensor) -> Tensor:
        return self.decoder(x)


class Fusion(nn.Module):
    """Token in front of the sequence, output at that token."""

    def __init__(self) -> None:
        super().__init__()
        self.porj_linear = nn.Linear(WIDTH, FUSED)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, FUSED))
        self.layers = nn.ModuleList(
            TransformerEncoderLayer(FUSED, 2, 4 * FUSED) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        x = self.porj_linear(x)
        x = torch.cat((self.cls_token.expand(len(x), -1, -1), x), dim=1)
        for layer in self.layers:
            x = layer(x)
        return x[:, 0]


class SkySense(nn.Module):
    """All parts, each below its prefix of the combined checkpoint."""

    def __init__(self, hr: str = 'backbone_gep') -> None:
        super().__init__()
        self.hr = hr
        self.add_module(hr, swin())
        self.backbone_s2, self.backbone_s1 = vit(10), vit(2)
        self.head_s2, self.head_s1 = Head(), Head()
        self.fusion = Fusion()
        self.ctpe = nn.Parameter(torch.zeros(1, 365, WIDTH))
        for part in (self.head_s2, self.head_s1, self.fusion):
            shake(part)
        nn.init.normal_(self.ctpe)
        self.double().eval()

    def forward(self, hr: Tensor, s2: Tensor, s1: Tensor,
                days: Tensor) -> Tensor:
        """Images ``(B, C, H, W)`` and series ``(B, T, C, h, w)``."""
        target = getattr(self, self.hr)(hr)[-1]
        series = [target[:, None]]
        for name, x in (('s2', s2), ('s1', s1)):
            encoder = getattr(self, f'backbone_{name}')
            y = encoder(x.flatten(0, 1))[-1]
            y = getattr(self, f'head_{name}')(y).unflatten(0, x.shape[:2])
            if name == 's2':
                y = y + self.ctpe[0][days][..., None, None]
            series.append(y)
        x = torch.cat(series, dim=1)  # (B, T, C, h, w)
        batch, _, _, height, width = x.shape
        x = x.permute(0, 3, 4, 1, 2).flatten(0, 2)
        x = self.fusion(x).view(batch, height, width, -1)
        return x.permute(0, 3, 1, 2)


def combined(hr: str = 'backbone_gep') -> dict:
    """A combined checkpoint, with what strays into the released ones."""
    state = dict(SkySense(hr).state_dict())
    state['mask_token'] = torch.zeros(1, 16, 1, 1)
    return dict(model=state)


def learned(state: dict) -> dict:
    """Without what is computed from the window size, and strays."""
    return {k: v for k, v in state.items() if 'relative_' not in k
            and k != 'mask_token'}


def plus_extras(prefix: str = 'backbone_hr.') -> dict:
    """What SkySense++ adds to an encoder and beside it (names published)."""
    names = ['mask_token', 'vocabulary_token', 'vocabulary_weight',
             'norm_attn.weight', 'norm_attn.bias']
    for i in (1, 2, 3):
        names += [f'attn{i}.proj_in.weight', f'attn{i}.proj_out.weight',
                  f'attn{i}.attn.attn.in_proj_weight']
    state = {prefix + name: torch.zeros(1) for name in names}
    state['modality_vae.vae_hr.codebook.weight'] = torch.zeros(8, 2)
    state['head_rec_hr.conv_seg.weight'] = torch.zeros(65, 4, 1, 1)
    return state
