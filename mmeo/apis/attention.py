# Copyright (c) mmeo contributors. All rights reserved.
"""``mmeo.apis.attention_map``."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Optional

import cv2
import numpy as np
import torch
from mmengine.logging import print_log

from mmeo import weights
from mmeo.apis.config import load_config
from mmeo.builder import build
from mmeo.errors import ConfigError
from mmeo.visualization.rendering import read_rgb, side_by_side

# ImageNet's, which InternVL, and every config of ViTP, uses; RGB, 0 to 255.
MEAN, STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)


def attention_map(model: str,
                  image: str,
                  query: tuple[int, int],
                  checkpoints: Sequence[str] = (),
                  layers: Sequence[int] = (3, ),
                  heads: str = 'mean',
                  size: Optional[int] = None,
                  out: str = 'work_dirs/attention.png',
                  names: Optional[Sequence[str]] = None,
                  bands: Optional[Sequence[int]] = None,
                  device: str = 'cpu',
                  seed: int = 0,
                  trust_checkpoint: bool = False) -> Path:
    """Draw what the patch under a pixel attends to (ViTP, Figures 8 and 9).

    Args:
        model (str): A config that holds an ``InternViT``, or the name of an
            architecture, ``'300m'`` or ``'tiny'``.
        image (str): Any raster.
        query (tuple[int, int]): Pixel x and y of the image.
        checkpoints (Sequence[str]): One row each; any layout that
            :mod:`mmeo.weights` knows. Without, the weights are random.
        layers (Sequence[int]): Columns, counted from 1. Defaults to the
            third, as the paper.
        heads (str): ``'mean'``, or ``'each'``: a column for each head.
            Defaults to 'mean'.
        size (int, optional): Resize the longer side to so many pixels.
            Either way sides are rounded to multiples of the patch.
        out (str): The picture.
        names (Sequence[str], optional): Titles of the checkpoints; their
            file names by default.
        bands (Sequence[int], optional): Bands of the raster, from 1, used as
            red, green and blue. Defaults to the first three.
        device (str): Defaults to 'cpu'.
        seed (int): Of random weights. Defaults to 0.
        trust_checkpoint (bool): See :func:`mmeo.weights.load`.

    Returns:
        Path: The picture.

    Raises:
        ConfigError: If there is no encoder, or an argument does not fit.
    """
    from mmeo.visualization.attention import attention_maps, overlay
    if heads not in ('mean', 'each'):
        raise ConfigError(f'--heads {heads}: choose mean or each.')
    if names and len(names) != max(len(checkpoints), 1):
        raise ConfigError(f'{len(names)} --names for {len(checkpoints)} '
                          'checkpoints: give one for each.')
    settings = vit_settings(model)
    picture, scale = _prepare(read_rgb(image, bands), size,
                              settings['patch_size'])
    mark = tuple(int(value * factor) for value, factor in zip(query, scale))
    grid = tuple(side // settings['patch_size'] for side in picture.shape[:2])
    panels = {'image': picture}
    for number, path in enumerate(checkpoints or [None]):
        vit = _load(settings, path, seed, trust_checkpoint).to(device)
        name = names[number] if names else (
            Path(path).name if path else 'random weights')
        maps = attention_maps(vit, normalise(picture).to(device), mark,
                              layers)
        for layer, rows in maps.items():
            patches = rows[:, vit.num_extra_tokens:]
            print_log(f'{name}, layer {layer}: {_account(rows, patches)}',
                      logger='current')
            shown = ([('', patches.mean(0))] if heads == 'mean' else
                     [(f' head {i}', row) for i, row in enumerate(patches, 1)])
            for title, row in shown:
                panels[f'{name} layer {layer}{title}'] = overlay(
                    picture, row, grid, mark)
    per_row = 1 + (len(panels) - 1) // max(len(checkpoints), 1)
    file = Path(out)
    file.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(file), _grid(panels, per_row)[..., ::-1])
    return file


def vit_settings(model: str) -> dict[str, Any]:
    """Arguments of the ``InternViT`` that a config, or a name, asks for.

    Raises:
        ConfigError: If there is not exactly one.
    """
    from mmeo.models.backbones.intern_vit import ARCHS
    if model in ARCHS:
        return dict(arch=model, img_size=448, patch_size=14)
    found = _find_vits(load_config(model).get('model', {}))
    if len(found) != 1:
        raise ConfigError(f'{model} holds {len(found)} `InternViT`, not one: '
                          f'name another config, or {" or ".join(ARCHS)}.')
    keep = ('arch', 'img_size', 'patch_size', 'with_cls_token', 'qkv_bias',
            'qk_norm', 'in_channels')
    settings = {key: found[0][key] for key in keep if key in found[0]}
    return {'img_size': 448, 'patch_size': 14, **settings}


def _find_vits(node: Any) -> list[dict]:
    if isinstance(node, dict):
        if str(node.get('type', '')).rsplit('.', 1)[-1] == 'InternViT':
            return [dict(node)]
        node = list(node.values())
    if isinstance(node, (list, tuple)):
        return [found for child in node for found in _find_vits(child)]
    return []


def _load(settings: dict, path: Optional[str], seed: int,
          trust: bool) -> Any:
    torch.manual_seed(seed)
    if path is None:
        return build('InternViT', **settings).eval()
    # Detectors and VLMs hold more than the encoder.
    state = weights.extract_vision(weights.load(path, trust=trust))
    # The adapter drops the CLS token of the encoder that its config names.
    vit = build('InternViT', **{**settings, 'with_cls_token':
                                'cls_token' in state})
    vit.load_state_dict(state)
    return vit.eval()


def _prepare(picture: np.ndarray, size: Optional[int],
             patch: int) -> tuple[np.ndarray, tuple[float, float]]:
    """Resize to multiples of the patch; also the factors of x and y."""
    height, width = picture.shape[:2]
    factor = 1. if size is None else size / max(height, width)
    new = [max(1, round(side * factor / patch)) * patch
           for side in (width, height)]
    if new != [width, height]:
        shrink = new[0] < width
        picture = cv2.resize(picture, new, interpolation=cv2.INTER_AREA
                             if shrink else cv2.INTER_LINEAR)
    return picture, (new[0] / width, new[1] / height)


def normalise(picture: np.ndarray) -> torch.Tensor:
    """``(H, W, 3)`` uint8 RGB as ``(1, 3, H, W)`` of mean 0 and std 1."""
    array = (picture.astype(np.float32) - np.float32(MEAN)) / np.float32(STD)
    return torch.from_numpy(array.transpose(2, 0, 1)[None].copy())


def _account(rows: torch.Tensor, patches: torch.Tensor) -> str:
    """Share on the CLS token and how spread out the rest is."""
    mean = patches.mean(0)
    share = mean / mean.sum()
    entropy = -(share * share.clamp_min(1e-12).log()).sum()
    cls = ('' if rows.shape == patches.shape else
           f'{1 - patches.sum(1).mean():.1%} on the CLS token, the rest ')
    return (f'{cls}spread over {entropy.exp():.0f} of {len(mean)} patches '
            '(exponential of the entropy)')


def _grid(panels: dict[str, np.ndarray], per_row: int) -> np.ndarray:
    """The image first, then rows of equal length."""
    items = list(panels.items())
    image, rest = items[0], items[1:]
    step = per_row - 1
    rows = [side_by_side(dict([image, *rest[i:i + step]]))
            for i in range(0, len(rest), step)]
    return np.concatenate(rows)
