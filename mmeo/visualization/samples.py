# Copyright (c) mmeo contributors. All rights reserved.
"""Pictures of packed samples: exactly what a model is fed."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Optional

import cv2
import numpy as np
import torch
from torch import Tensor

from .dialogue_text import dialogue_panel
from .rendering import blend, colour_map, side_by_side, stretch

_DEFAULT_COLOURS = [(230, 60, 60), (60, 140, 240), (250, 190, 40),
                    (70, 190, 90), (190, 90, 220), (40, 200, 200)]


def draw_sample(packed: Mapping,
                meta: Optional[Mapping] = None,
                bgr: bool = False,
                bands: Optional[Sequence[int]] = None,
                tokenizer: Any = None) -> np.ndarray:
    """Draw what the last transform of a pipeline returned.

    Args:
        packed (Mapping): With ``inputs`` and ``data_samples``.
        meta (Mapping, optional): ``classes`` and ``palette`` of the dataset.
        bgr (bool): Whether the channels of images are blue, green, red.
            Defaults to False.
        bands (Sequence[int], optional): Channels shown as red, green, blue,
            counted from 0. Defaults to the first three.
        tokenizer (Any, optional): Decodes the tokens of dialogues.

    Returns:
        np.ndarray: ``(H, W, 3)`` uint8.
    """
    meta = meta or {}
    inputs, sample = packed['inputs'], packed.get('data_samples')
    if isinstance(inputs, Mapping) and 'input_ids' in inputs:
        return dialogue_panel(inputs, tokenizer)
    panels = image_panels(inputs, bgr, bands)
    legend = None
    last = list(panels)[-1]
    if sample is not None and 'gt_sem_seg' in sample:
        label = sample.gt_sem_seg.data.squeeze().cpu().numpy()
        colours = colour_map(label, _palette(meta))
        # Changes are drawn alone: below them both dates differ.
        panels['label'] = (colours if len(panels) > 1 else
                           blend(panels[last], colours))
        legend = dict(zip(meta.get('classes') or (), _palette(meta)))
    if sample is not None and 'gt_instances' in sample:
        names = meta.get('classes') or ()
        panels[f'{last}, {len(sample.gt_instances)} objects'] = draw_objects(
            panels.pop(last), sample.gt_instances, names, _palette(meta))
        ignored = sample.get('ignored_instances')
        if ignored is not None and len(ignored):
            title, picture = list(panels.items())[-1]
            panels[title] = draw_objects(picture, ignored, names,
                                         [(150, 150, 150)])
    if sample is not None and 'gt_label' in sample:
        ids = sample.gt_label.reshape(-1).tolist()
        names = meta.get('classes') or ()
        text = ', '.join(names[i] if i < len(names) else str(i) for i in ids)
        panels[text] = panels.pop(last)
    return side_by_side(_readable(panels), legend)


def _readable(panels: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Enlarge small pictures by a whole factor: their titles need room."""
    side = max(picture.shape[1] for picture in panels.values())
    factor = max(1, 256 // side)
    return {title: picture.repeat(factor, 0).repeat(factor, 1)
            for title, picture in panels.items()}


def _palette(meta: Mapping) -> list:
    return [tuple(c) for c in meta.get('palette') or _DEFAULT_COLOURS]


def image_panels(inputs: Any, bgr: bool = False,
                 bands: Optional[Sequence[int]] = None,
                 title: str = 'input') -> dict[str, np.ndarray]:
    """Pictures of the images in ``inputs``.

    Args:
        inputs (Tensor | Mapping): ``(C, H, W)``; two dates stacked along
            channels, ``(6, H, W)``, become two panels; of a series
            ``(T, C, H, W)`` the first and last are shown; a mapping gives
            panels for each of its tensors.
        bgr (bool): See :func:`draw_sample`.
        bands (Sequence[int], optional): See :func:`draw_sample`.
        title (str): Title of a single panel. Defaults to 'input'.
    """
    if isinstance(inputs, Mapping):
        panels: dict[str, np.ndarray] = {}
        for name, value in inputs.items():
            if isinstance(value, Tensor) and value.ndim in (3, 4):
                panels.update(image_panels(value, bgr, bands, str(name)))
        return panels
    if inputs.ndim == 4:
        return {f'{title} {i}': _picture(inputs[i], bgr, bands)
                for i in sorted({0, len(inputs) - 1})}
    if len(inputs) == 6 and bands is None:
        return {'A': _picture(inputs[:3], bgr, None),
                'B': _picture(inputs[3:], bgr, None)}
    text = '{} {} x {}'.format(title, *inputs.shape[1:])
    if len(inputs) > 3:
        text += f', {len(inputs)} bands'
    return {text: _picture(inputs, bgr, bands)}


def _picture(image: Tensor, bgr: bool,
             bands: Optional[Sequence[int]]) -> np.ndarray:
    """``(C, H, W)`` of any unit as ``(H, W, 3)`` uint8."""
    if bands is None:
        bands = (0, 0, 0) if len(image) < 3 else (0, 1, 2)
        if bgr and len(image) == 3:
            bands = (2, 1, 0)
    array = image[list(bands)].detach().cpu().float()
    array = array.permute(1, 2, 0).numpy()  # (H, W, 3)
    if image.dtype == torch.uint8 or (
            0 <= array.min() and 2 < array.max() <= 255):
        return array.round().astype(np.uint8)
    return stretch(array)


def corners(boxes: Any) -> np.ndarray:
    """Corners ``(N, 4, 2)`` in pixels of boxes of any kind.

    Args:
        boxes (BaseBoxes | Tensor): ``(N, 4)`` corners x1 y1 x2 y2, ``(N, 5)``
            centre, width, height, angle in radians clockwise, or ``(N, 8)``
            four points.
    """
    boxes = getattr(boxes, 'tensor', boxes).detach().cpu().numpy()
    if boxes.shape[1] == 8:
        return boxes.reshape(-1, 4, 2)
    if boxes.shape[1] == 4:
        x1, y1, x2, y2 = boxes.T
        return np.stack((x1, y1, x2, y1, x2, y2, x1, y2), 1).reshape(-1, 4, 2)
    x, y, w, h, angle = boxes.T
    along = np.stack((np.cos(angle), np.sin(angle)), 1) * (w / 2)[:, None]
    across = np.stack((-np.sin(angle), np.cos(angle)), 1) * (h / 2)[:, None]
    centre = np.stack((x, y), 1)
    return np.stack((centre - along - across, centre + along - across,
                     centre + along + across, centre - along + across), 1)


def draw_objects(picture: np.ndarray, instances: Any,
                 names: Iterable[str],
                 palette: Sequence[Sequence[int]]) -> np.ndarray:
    """Outline boxes, and masks where there are any, with class names.

    Args:
        picture (np.ndarray): ``(H, W, 3)`` uint8; a copy is drawn on.
        instances (InstanceData): With ``bboxes``, ``labels`` and possibly
            ``masks``.
        names (Iterable[str]): Class names.
        palette (Sequence): RGB per class, repeated where it is too short.
    """
    picture, names = np.ascontiguousarray(picture).copy(), list(names)
    points = corners(instances.bboxes)
    masks = instances.get('masks')
    for i, (polygon, label) in enumerate(zip(points,
                                             instances.labels.tolist())):
        colour = tuple(int(c) for c in palette[label % len(palette)])
        if masks is not None and hasattr(masks, 'to_ndarray'):
            outlines, _ = cv2.findContours(
                masks[i].to_ndarray()[0].astype(np.uint8), cv2.RETR_EXTERNAL,
                cv2.CHAIN_APPROX_SIMPLE)
            cv2.drawContours(picture, outlines, -1, colour, 1)
        cv2.polylines(picture, [polygon.round().astype(np.int32)], True,
                      colour, 1, cv2.LINE_AA)
        text = names[label] if label < len(names) else str(label)
        x, y = polygon[polygon[:, 1].argmin()].round().astype(int)
        cv2.putText(picture, text, (max(0, x), max(9, y - 3)),
                    cv2.FONT_HERSHEY_SIMPLEX, 0.35, colour, 1, cv2.LINE_AA)
    return picture
