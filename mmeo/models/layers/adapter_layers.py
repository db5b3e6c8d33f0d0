# Copyright (c) mmeo contributors. All rights reserved.
"""Parts of ViT-Adapter: spatial prior, injector, extractor.

Source: ViT-Adapter (arXiv 2205.08534), section 3, in the variant of ViTP:
channel LayerNorm for SyncBN, injector scale that starts above zero.
"""

import torch
from mmcv.cnn import build_norm_layer
from mmcv.cnn.bricks import DropPath
from torch import Tensor, nn
from torch.nn.parameter import Parameter

from mmeo.errors import ConfigError

from .ms_deform_attn import MSDeformAttention, Shapes, reference_points
from .products import linear, scaled_linear


def _conv(in_channels: int, out_channels: int, stride: int,
          norm_cfg: dict) -> list[nn.Module]:
    return [
        nn.Conv2d(in_channels, out_channels, 3, stride, 1, bias=False),
        build_norm_layer(norm_cfg, out_channels)[1],
        nn.ReLU(inplace=True)
    ]


def project_pixels(conv: nn.Conv2d, x: Tensor) -> Tensor:
    """A 1 x 1 convolution as the product of matrices that it is.

    The result is laid out channels last, so that its tokens are a view;
    a convolution may answer in another layout than it was asked in.

    Args:
        conv (nn.Conv2d): With a kernel of 1 x 1.
        x (Tensor): ``(B, C, H, W)``; no copy if it is channels last.

    Returns:
        Tensor: ``(B, C', H, W)``, channels last.
    """
    out = linear(x.permute(0, 2, 3, 1), conv.weight.flatten(1), conv.bias)
    return out.permute(0, 3, 1, 2)


def double_pixels(conv: nn.ConvTranspose2d, x: Tensor) -> Tensor:
    """A 2 x 2 transposed convolution of stride 2, where nothing overlaps.

    Args:
        conv (nn.ConvTranspose2d): With a kernel and a stride of 2.
        x (Tensor): ``(B, C, H, W)``; no copy if it is channels last.

    Returns:
        Tensor: ``(B, C', 2 H, 2 W)``, channels last.
    """
    batch, _, height, width = x.shape
    # (C, C', 2, 2) -> (2 * 2 * C', C)
    weight = conv.weight.permute(2, 3, 1, 0).flatten(0, 2)
    out = linear(x.permute(0, 2, 3, 1), weight, conv.bias.repeat(4))
    # (B, H, W, 2 * 2 * C') -> (B, H, 2, W, 2, C')
    out = out.view(batch, height, width, 2, 2, -1).transpose(2, 3)
    out = out.reshape(batch, 2 * height, 2 * width, -1)
    return out.permute(0, 3, 1, 2)


class SpatialPriorModule(nn.Module):
    """Convolutional pyramid over the image.

    Args:
        in_channels (int): Bands of the image.
        inplanes (int): Channels at stride 4 (64 in the paper).
        embed_dims (int): Channels C of the results.
        norm_cfg (dict): Norm layer of the convolutions.
        with_stride4 (bool): Return the finest map too. Defaults to True.
    """

    def __init__(self,
                 in_channels: int,
                 inplanes: int,
                 embed_dims: int,
                 norm_cfg: dict,
                 with_stride4: bool = True) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            *_conv(in_channels, inplanes, 2, norm_cfg),
            *_conv(inplanes, inplanes, 1, norm_cfg),
            *_conv(inplanes, inplanes, 1, norm_cfg),
            nn.MaxPool2d(3, 2, 1))
        self.conv2 = nn.Sequential(
            *_conv(inplanes, 2 * inplanes, 2, norm_cfg))
        self.conv3 = nn.Sequential(
            *_conv(2 * inplanes, 4 * inplanes, 2, norm_cfg))
        self.conv4 = nn.Sequential(
            *_conv(4 * inplanes, 4 * inplanes, 2, norm_cfg))
        self.with_stride4 = with_stride4
        if with_stride4:
            self.fc1 = nn.Conv2d(inplanes, embed_dims, 1)
        self.fc2 = nn.Conv2d(2 * inplanes, embed_dims, 1)
        self.fc3 = nn.Conv2d(4 * inplanes, embed_dims, 1)
        self.fc4 = nn.Conv2d(4 * inplanes, embed_dims, 1)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Map an image to a pyramid.

        Args:
            x (Tensor): ``(B, bands, H, W)``.

        Returns:
            list[Tensor]: ``(B, C, H / s, W / s)``, s being 4 (if asked for),
            8, 16 and 32, laid out channels last.
        """
        # Channels last, LayerNorm and projections read maps as they lie.
        c1 = self.stem(x.contiguous(memory_format=torch.channels_last))
        c2 = self.conv2(c1)
        c3 = self.conv3(c2)
        c4 = self.conv4(c3)
        finest = [project_pixels(self.fc1, c1)] if self.with_stride4 else []
        return [
            *finest, project_pixels(self.fc2, c2),
            project_pixels(self.fc3, c3), project_pixels(self.fc4, c4)
        ]


class ConvFFN(nn.Module):
    """Feed-forward layer with a depthwise 3x3 shared over the three maps.

    Args:
        embed_dims (int): Channels in and out.
        hidden_dims (int): Channels between.
    """

    def __init__(self, embed_dims: int, hidden_dims: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(embed_dims, hidden_dims)
        self.dwconv = nn.Conv2d(
            hidden_dims, hidden_dims, 3, padding=1, groups=hidden_dims)
        self.fc2 = nn.Linear(hidden_dims, embed_dims)

    def forward(self, x: Tensor, shapes: Shapes) -> Tensor:
        """Map ``(B, sum(h * w), C)`` to the same shape."""
        x = scaled_linear(self.fc1, x)
        maps = x.split([h * w for h, w in shapes], dim=1)
        out = []
        for tokens, (h, w) in zip(maps, shapes):
            # (B, h * w, C') -> (B, C', h, w) and back
            grid = tokens.transpose(1, 2).reshape(x.shape[0], -1, h, w)
            out.append(self.dwconv(grid).flatten(2).transpose(1, 2))
        return scaled_linear(self.fc2, torch.cat(out, dim=1), gelu=True)


class Injector(nn.Module):
    """ViT tokens look into the three spatial maps.

    Args:
        embed_dims (int): Channels.
        num_heads (int): Heads of the deformable attention.
        n_points (int): Sampling points.
        deform_ratio (float): Value channels over ``embed_dims``.
        init_values (float): First value of the branch scale ``gamma``.
        attn_dropout (float): Dropout of what the attention returns. Defaults
            to 0.0.
    """

    def __init__(self,
                 embed_dims: int,
                 num_heads: int,
                 n_points: int,
                 deform_ratio: float,
                 init_values: float,
                 attn_dropout: float = 0.0) -> None:
        super().__init__()
        self.query_norm = nn.LayerNorm(embed_dims)
        self.feat_norm = nn.LayerNorm(embed_dims)
        self.attn = MSDeformAttention(embed_dims, num_heads, 3, n_points,
                                      deform_ratio)
        self.dropout = nn.Dropout(attn_dropout)
        self.gamma = Parameter(torch.full((embed_dims, ), init_values))

    def forward(self, x: Tensor, c: Tensor, shapes: Shapes) -> Tensor:
        """Update the ViT tokens.

        Args:
            x (Tensor): ViT tokens ``(B, h * w, C)`` at stride 16.
            c (Tensor): Spatial tokens ``(B, N8 + N16 + N32, C)``.
            shapes (Sequence[tuple[int, int]]): ``(h, w)`` at strides 8, 16
                and 32.

        Returns:
            Tensor: ``(B, h * w, C)``.
        """
        points = reference_points(shapes[1:2], x.device)
        out = self.attn(self.query_norm(x), self.feat_norm(c), points, shapes)
        return x + self.gamma * self.dropout(out).to(x.dtype)


class Extractor(nn.Module):
    """The three spatial maps look into the ViT tokens.

    Args:
        embed_dims (int): Channels.
        num_heads (int): Heads of the deformable attention.
        n_points (int): Sampling points.
        deform_ratio (float): Value channels over ``embed_dims``.
        cffn_ratio (float): Hidden over outer channels of the ConvFFN.
        drop_path_rate (float): Drop path of the ConvFFN.
        attn_dropout (float): Dropout of what the attention returns. Defaults
            to 0.0.
        residual (str): The attention is added to the ``'raw'`` query, or to
            the ``'normalised'`` one. Defaults to ``'raw'``.

    Raises:
        ConfigError: If ``residual`` is neither.
    """

    def __init__(self,
                 embed_dims: int,
                 num_heads: int,
                 n_points: int,
                 deform_ratio: float,
                 cffn_ratio: float,
                 drop_path_rate: float,
                 attn_dropout: float = 0.0,
                 residual: str = 'raw') -> None:
        super().__init__()
        if residual not in ('raw', 'normalised'):
            raise ConfigError(f'extractor_residual={residual!r} must be '
                              "'raw' or 'normalised'.")
        self.residual = residual
        self.query_norm = nn.LayerNorm(embed_dims)
        self.feat_norm = nn.LayerNorm(embed_dims)
        self.attn = MSDeformAttention(embed_dims, num_heads, 1, n_points,
                                      deform_ratio)
        self.dropout = nn.Dropout(attn_dropout)
        self.ffn_norm = nn.LayerNorm(embed_dims)
        self.ffn = ConvFFN(embed_dims, int(embed_dims * cffn_ratio))
        self.drop_path = DropPath(drop_path_rate)

    def forward(self, c: Tensor, x: Tensor, shapes: Shapes) -> Tensor:
        """Update the spatial tokens; arguments as for :class:`Injector`."""
        points = reference_points(shapes, c.device)
        query = self.query_norm(c)
        out = self.attn(query, self.feat_norm(x), points, shapes[1:2])
        base = c if self.residual == 'raw' else query
        c = base + self.dropout(out).to(c.dtype)
        return c + self.drop_path(self.ffn(self.ffn_norm(c), shapes))


class Interaction(nn.Module):
    """Modules around one group of ViT blocks: before it and after it.

    Args:
        extra_extractors (int): Extractors that follow the first one. Defaults
            to 0.
        init_values (float): See :class:`Injector`. Defaults to 0.1.
        cffn_ratio (float): See :class:`Extractor`. Defaults to 0.25.
        drop_path_rate (float): See :class:`Extractor`. Defaults to 0.0.
        extractor_residual (str): See :class:`Extractor`. Defaults to
            ``'raw'``.
        **kwargs: ``embed_dims``, ``num_heads``, ``n_points``,
            ``deform_ratio`` and ``attn_dropout`` of both.
    """

    def __init__(self,
                 extra_extractors: int = 0,
                 init_values: float = 0.1,
                 cffn_ratio: float = 0.25,
                 drop_path_rate: float = 0.0,
                 extractor_residual: str = 'raw',
                 **kwargs) -> None:
        super().__init__()
        self.injector = Injector(init_values=init_values, **kwargs)
        extract = dict(
            cffn_ratio=cffn_ratio,
            drop_path_rate=drop_path_rate,
            residual=extractor_residual,
            **kwargs)
        self.extractor = Extractor(**extract)
        self.extra_extractors = nn.ModuleList(
            Extractor(**extract) for _ in range(extra_extractors))

    def extract(self, c: Tensor, x: Tensor, shapes: Shapes) -> Tensor:
        """Run all extractors in turn."""
        c = self.extractor(c, x, shapes)
        for extractor in self.extra_extractors:
            c = extractor(c, x, shapes)
        return c
