# Copyright (c) mmeo contributors. All rights reserved.
"""Pictures of packed samples: exactly what a model is fed."""

from collections.abc import Mapping, Sequence
from typing import Any, Optional

import cv2
import numpy as np
import torch
from torch import Tensor

from mmeo.structures import EpisodeSample

from .dialogue_text import dialogue_panel
from .rendering import blend, colour_map, fit, side_by_side, stretch

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
    if isinstance(sample, EpisodeSample):
        # Here, as it draws in terms of this module.
        from .episodes import draw_episode
        return draw_episode(packed, bands)
    panels = image_panels(inputs, bgr, bands)
    legend = None
    last = list(panels)[-1]
    if len({panel.shape for panel in panels.values()}) > 1:  # sensors
        size = max(panel.shape[:2] for panel in panels.values())
        panels = {title: fit(panel, size) for title, panel in panels.items()}
    if sample is not None and 'gt_sem_seg' in sample:
        label = sample.gt_sem_seg.data.squeeze().cpu().numpy()
        panels = {title: fit(panel, label.shape)
                  for title, panel in panels.items()}
        colours = colour_map(label, _palette(meta))
        # Changes are drawn alone: below them both dates differ.
        panels['label'] = (colours if len(panels) > 1 else
                           blend(panels[last], colours))
        legend = dict(zip(meta.get('classes') or (), _palette(meta)))
    if sample is not None and 'gt_instances' in sample:
        panels, legend = _objects(panels, sample, meta)
    if sample is not None and 'gt_label' in sample:
        ids = sample.gt_label.reshape(-1).tolist()
        names = meta.get('classes') or ()
        text = ', '.join(names[i] if i < len(names) else str(i) for i in ids)
        panels[text] = panels.pop(last)
    return side_by_side(
        {title: _enlarge(picture, 256) for title, picture in panels.items()},
        legend)


def _enlarge(picture: np.ndarray, least: int) -> np.ndarray:
    """Repeat pixels until the width is ``least`` or more."""
    factor = -(-least // picture.shape[1])
    return picture.repeat(factor, 0).repeat(factor, 1)


def _objects(panels: dict, sample: Any,
             meta: Mapping) -> tuple[dict, dict]:
    """Outlines over the last picture, and the classes that occur."""
    names, palette = list(meta.get('classes') or ()), _palette(meta)
    title, picture = panels.popitem()
    big = _enlarge(picture, 512)
    factor = big.shape[1] / picture.shape[1]
    found = sample.gt_instances
    big = draw_objects(big, found, palette, factor)
    ignored = sample.get('ignored_instances')
    title += f', {len(found)} objects'
    if ignored is not None and len(ignored):
        big = draw_objects(big, ignored, [(150, 150, 150)], factor)
        title += f', {len(ignored)} ignored'
    legend = {names[i] if i < len(names) else str(i):
              palette[i % len(palette)]
              for i in sorted(set(found.labels.tolist()))}
    return {**panels, title: big}, legend


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
            panels for each of its tensors, or sensors.
        bgr (bool): See :func:`draw_sample`.
        bands (Sequence[int], optional): See :func:`draw_sample`.
        title (str): Title of a single panel. Defaults to 'input'.
    """
    if isinstance(inputs, Mapping):
        panels: dict[str, np.ndarray] = {}
        for name, value in inputs.items():
            if isinstance(value, Mapping) and 'images' in value:
                panels.update(_series_panels(value['images'], bands, name))
            elif isinstance(value, Tensor) and value.ndim in (3, 4):
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


def _series_panels(images: Tensor, bands: Optional[Sequence[int]],
                   name: str) -> dict[str, np.ndarray]:
    """A sensor's frames ``(T, C, H, W)``; of many bands the visible ones."""
    if bands is None and images.shape[1] > 3:
        bands = (2, 1, 0)  # Sentinel-2 begins with blue
    return image_panels(images[0] if len(images) == 1 else images, False,
                        bands, name)


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
                 palette: Sequence[Sequence[int]],
                 factor: float = 1.) -> np.ndarray:
    """Outline boxes, and masks where there are any.

    Args:
        picture (np.ndarray): ``(H, W, 3)`` uint8; a copy is drawn on.
        instances (InstanceData): With ``bboxes``, ``labels`` and possibly
            ``masks``.
        palette (Sequence): RGB per class, repeated where it is too short.
        factor (float): Pixels of the picture for one of the boxes. Defaults
            to 1.
    """
    picture = np.ascontiguousarray(picture).copy()
    points = corners(instances.bboxes) * factor
    masks = instances.get('masks')
    for i, (polygon, label) in enumerate(zip(points,
                                             instances.labels.tolist())):
        colour = tuple(int(c) for c in palette[label % len(palette)])
        outlines = [polygon]
        if masks is not None and hasattr(masks, 'to_ndarray'):
            found, _ = cv2.findContours(
                masks[i].to_ndarray()[0].astype(np.uint8), cv2.RETR_EXTERNAL,
                cv2.CHAIN_APPROX_SIMPLE)
            outlines += [outline[:, 0] * factor for outline in found]
        for outline in outlines:
            cv2.polylines(picture, [outline.round().astype(np.int32)], True,
                          colour, 1, cv2.LINE_AA)
    return picture
