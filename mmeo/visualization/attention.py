# Copyright (c) mmeo contributors. All rights reserved.
"""What a patch attends to, exactly as the encoder computes it."""

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from torch import Tensor

from mmeo.errors import ConfigError
from mmeo.models.backbones import InternViT
from mmeo.models.layers.attention import SelfAttention

_VIRIDIS = cv2.COLORMAP_VIRIDIS


def query_attention(attention: SelfAttention, x: Tensor,
                    query: int) -> Tensor:
    """Attention weights of one token, from the layer's own projections.

    Only one row of the matrix is computed, so that memory grows with the
    number of tokens and not with its square.

    Args:
        attention (SelfAttention): A block's attention.
        x (Tensor): What the block feeds it, ``(B, N, C)``.
        query (int): Index of the token.

    Returns:
        Tensor: ``(B, heads, N)``, each row summing to 1.
    """
    batch, length, _ = x.shape
    q, k, _ = attention.qkv(x).chunk(3, dim=-1)  # each (B, N, C)
    q, k = attention.q_norm(q), attention.k_norm(k)
    # (B, N, C) -> (B, heads, N, D)
    q, k = (t.reshape(batch, length, attention.num_heads, -1).transpose(1, 2)
            for t in (q, k))
    scores = q[:, :, query:query + 1] @ k.transpose(-1, -2)  # (B, heads, 1, N)
    scores = scores * q.shape[-1]**-0.5
    return scores.float().softmax(dim=-1).squeeze(2)


@torch.no_grad()
def attention_maps(vit: InternViT, image: Tensor, query: tuple[int, int],
                   layers: Sequence[int]) -> dict[int, Tensor]:
    """Where the patch under a pixel looks, layer by layer.

    Source: Figures 8 and 9 of ViTP, which show the third layer.

    Args:
        vit (InternViT): The encoder.
        image (Tensor): Normalised, ``(1, C, H, W)``; H and W multiples of
            the patch.
        query (tuple[int, int]): Pixel x (to the right) and y (down).
        layers (Sequence[int]): Counted from 1, as the paper counts.

    Returns:
        dict[int, Tensor]: Layer to ``(heads, n + h * w)``; the first n, 1
        with a CLS token and else 0, are attention to it. Rows sum to 1.

    Raises:
        ConfigError: If a layer does not exist, or the pixel lies outside.
    """
    wrong = [layer for layer in layers if not 1 <= layer <= vit.num_layers]
    if wrong or not layers:
        raise ConfigError(f'--layers {wrong[:1]}: choose of 1 to '
                          f'{vit.num_layers}.')
    (x, y), patch = query, vit.patch_size
    if not (0 <= x < image.shape[-1] and 0 <= y < image.shape[-2]):
        raise ConfigError(
            f'--query {x},{y} lies outside the image of {image.shape[-1]} x '
            f'{image.shape[-2]} pixels (width x height).')
    was_training = vit.training
    vit.eval()
    tokens, (_, columns) = vit.embed(image)
    index = vit.num_extra_tokens + y // patch * columns + x // patch
    maps = {}
    for number, layer in enumerate(vit.layers[:max(layers)], 1):
        if number in layers:
            maps[number] = query_attention(layer.attn, layer.norm1(tokens),
                                           index)[0]
        tokens = layer(tokens)
    vit.train(was_training)
    return maps


def overlay(picture: np.ndarray, weights: Tensor, grid: tuple[int, int],
            query: tuple[int, int], alpha: float = 0.6) -> np.ndarray:
    """Lay attention over a picture and mark the query.

    Args:
        picture (np.ndarray): ``(H, W, 3)`` uint8, RGB.
        weights (Tensor): Attention to the patches, ``(h * w, )``.
        grid (tuple[int, int]): h and w.
        query (tuple[int, int]): Pixel x and y, marked by a red cross.
        alpha (float): Share of the colours. Defaults to 0.6.

    Returns:
        np.ndarray: ``(H, W, 3)`` uint8, RGB; yellow is the 99th
        percentile of this map and above, violet no attention.
    """
    height, width = picture.shape[:2]
    values = weights.reshape(grid).cpu().numpy().astype(np.float32)
    # A single outlier, of which encoders have some, would darken the rest.
    top = np.percentile(values, 99)
    values = (values / max(top, 1e-12)).clip(0, 1) * 255
    values = cv2.resize(values.round().astype(np.uint8), (width, height),
                        interpolation=cv2.INTER_NEAREST)
    colours = cv2.applyColorMap(values, _VIRIDIS)[..., ::-1]
    out = np.ascontiguousarray(
        (picture * (1 - alpha) + colours * alpha).astype(np.uint8))
    size = max(8, min(height, width) // 24)
    for colour, thick in (((255, 255, 255), size // 6 + 2),
                          ((230, 20, 20), size // 6 + 1)):
        cv2.drawMarker(out, query, colour, cv2.MARKER_CROSS, size, thick)
    return out
