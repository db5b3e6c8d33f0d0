#!/usr/bin/env python
# Copyright (c) mmeo contributors. All rights reserved.
"""Draw examples, target, label and the answers in the three modes."""

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from mmeo.apis.run import run_main

CONFIG = Path(__file__).parents[2] / 'configs/skysense_vita/synthearth' / \
    'vita-tiny_incontext_synthearth.py'
SIDE = 256  # pixels of a panel
MODES = ('visual', 'textual', 'fused')


def parse() -> Namespace:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument('checkpoint')
    parser.add_argument('out', help='picture to write')
    parser.add_argument('--config', default=str(CONFIG))
    parser.add_argument('--data-root', default='data/synthearth')
    parser.add_argument('--targets', type=int, nargs=2, default=[0, 1],
                        help='number of the optical and of the radar target')
    parser.add_argument('--most', type=int, default=6,
                        help='examples drawn, of the largest classes')
    return parser.parse_args()


def answer(model: Any, dataset: Any, index: int) -> tuple[dict, Any]:
    """What a target was asked with, and the data sample with all answers."""
    packed = dataset[index]
    batch = model.data_preprocessor([packed], False)
    return packed['inputs'], model.predict(
        batch['inputs'], batch['data_samples'])[0]


def row(inputs: dict, sample: Any, classes: tuple, palette: np.ndarray,
        most: int) -> np.ndarray:
    """One target: its examples below each other, then all maps."""
    from mmeo.visualization.prompt_picture import draw_prompt, sensor_rgb
    from mmeo.visualization.rendering import side_by_side

    def large(image: np.ndarray, side: int = SIDE) -> np.ndarray:
        return cv2.resize(image, (side, side),
                          interpolation=cv2.INTER_NEAREST)

    def view(tensor: torch.Tensor) -> np.ndarray:
        bands = tensor.numpy().transpose(1, 2, 0)
        if bands.shape[2] == 3:  # undo the normalisation to ImageNet's
            bands = bands * (58.395, 57.12, 57.375) + (123.675, 116.28,
                                                        103.53)
            return sensor_rgb(bands.clip(0, 255).astype(np.uint8))
        return sensor_rgb(bands)

    label = sample.gt_sem_seg.data[0].numpy()
    shown = np.bincount(label.ravel(), minlength=256)[:len(classes)]
    order = [int(i) for i in np.argsort(-shown)[:most] if shown[i] > 40]
    part = SIDE // 2
    cells = []
    for class_id in order:
        at = sample.shot_classes.index((class_id, ))
        mask = inputs['prompt_labels'][at].numpy() == class_id
        cells.append(draw_prompt(
            large(view(inputs['prompts'][at]), part),
            large(mask.astype(np.uint8), part)[None] > 0,
            [palette[class_id]]))
    cells += [np.full((part, part, 3), 255, np.uint8)] * (most - len(cells))
    examples = np.concatenate([np.concatenate(cells[k::2], 1)
                               for k in range(2)])
    panels = {'one example of each class, with its name': examples,
              'target': large(view(inputs['target'])),
              'label': large(palette[label])}
    for mode in MODES:
        numbers = sample.get(f'pred_{mode}').data[0].numpy()
        panels[mode] = large(palette[numbers])
    found = {i for mode in MODES for i, n in enumerate(np.bincount(
        sample.get(f'pred_{mode}').data.flatten(), minlength=255))
        if n > 200 and i < len(classes)}
    legend = dict.fromkeys([*order, *sorted(found - set(order))])
    return side_by_side(panels, {
        classes[i]: palette[i].tolist() for i in legend}, min_width=1)


def main() -> None:
    args = parse()
    from mmengine.registry import init_default_scope

    from mmeo.apis.checkpoint import load_into, read_checkpoint
    from mmeo.apis.config import load_config
    from mmeo.apis.in_context_runs import moved
    from mmeo.builder import build
    from mmeo.registry import DATASETS
    cfg = load_config(args.config)
    init_default_scope('mmeo')
    model = build(cfg.model).eval()
    load_into(model, read_checkpoint(args.checkpoint), args.checkpoint,
              complete=True)
    rows = []
    for loader, index in zip(cfg.tests.values(), args.targets):
        dataset = DATASETS.build(moved(loader, args.data_root)['dataset'])
        meta = dataset.metainfo
        palette = np.full((256, 3), 96, np.uint8)
        palette[:len(meta['classes'])] = meta['palette']
        rows.append(row(*answer(model, dataset, index), meta['classes'],
                        palette, args.most))
    width = max(one.shape[1] for one in rows)
    rows = [np.pad(one, ((0, 8), (0, width - one.shape[1]), (0, 0)),
                   constant_values=255) for one in rows]
    cv2.imwrite(args.out, np.concatenate(rows)[..., ::-1],
                (cv2.IMWRITE_JPEG_QUALITY, 75))


if __name__ == '__main__':
    run_main(main)
