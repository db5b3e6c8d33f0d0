#!/usr/bin/env python
# Copyright (c) mmeo contributors. All rights reserved.
"""Oriented evaluation and merging against mmrotate's, in one process.

    python tools/build_ops.py          # once: mmcv's compiled ops
    python benchmarks/rotated_eval.py  # --dets N, --boxes N ..., --pool

Evaluation: mmeo's ``eval_rotated_map`` against mmrotate's ``eval_rbbox_map``,
whose pool of processes is replaced by a loop in this process: what remains is
its work without starting four interpreters. With ``--pool`` the function runs
as it is as well, pool and all (this needs mmcv installed with compiled ops,
because the children know no other). Merging: ``merge_nms`` against mmcv's
``nms_rotated``, which looks at all pairs.

Both sides use the same ops: mmcv's compiled ones if there is a build of them
(installed, or kept by ``tools/build_ops.py``), else mmeo's stand-ins. Objects
are drawn like DOTA's: a third of the classes holds nearly all objects, and few
images hold many.
"""

import argparse
import logging
import platform
import sys
import time
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import version

import numpy as np
import torch

import mmeo
from mmeo.geo.merge_boxes import merge_nms
from mmeo.ops import load_compiled
from mmeo.utils import device_name

# Share of the classes in DOTA-v1.0, rounded; sums to 1.
SHARES = np.array([0.26, 0.28, 0.17, 0.08, 0.06, 0.03, 0.03, 0.02, 0.02, 0.01,
                   0.01, 0.01, 0.01, 0.005, 0.005])


class Loop:
    """What mmrotate takes for a pool: works in this process."""

    def Pool(self, nproc: int) -> 'Loop':  # noqa: N802
        return self

    def starmap(self, function: Callable, arguments) -> list:
        return [function(*args) for args in arguments]

    def close(self) -> None:
        pass


def boxes(n: int, span: float, rng: np.random.Generator) -> np.ndarray:
    """``(n, 5)`` on a square: sizes in pixels as in DOTA, median 30."""
    long = rng.lognormal(3.4, 0.6, n).clip(6, 400)
    return np.stack((rng.uniform(0, span, n), rng.uniform(0, span, n), long,
                     long * rng.uniform(0.25, 1, n),
                     rng.uniform(-1.57, 1.57, n)), axis=1).astype(np.float32)


def make_set(images: int, total: int, span: float, spread: float,
             seed: int = 0) -> tuple[list, list]:
    """Detections and annotations as mmrotate takes them.

    Args:
        images (int): Number of images.
        total (int): Detections in all of them together; a third as many
            truths.
        span (float): Width and height of an image, in pixels.
        spread (float): Sigma of the logarithm of an image's share.
    """
    rng = np.random.default_rng(seed)
    shares = rng.lognormal(0, spread, images)
    counts = rng.multinomial(total, shares / shares.sum())
    dets, anns = [], []
    for count in counts:
        gts = boxes(max(count // 3, 1), span, rng)
        labels = rng.choice(len(SHARES), len(gts), p=SHARES)
        picked = rng.integers(0, len(gts), count)
        noise = rng.normal(0, [2, 2, 2, 2, 0.03], (count, 5))
        found = (gts[picked] + noise).astype(np.float32)
        found[:, 2:4] = found[:, 2:4].clip(3)
        false = rng.random(count) < 0.5
        found[false] = boxes(false.sum(), span, rng)
        rows = np.concatenate((found, rng.random((count, 1))),
                              axis=1).astype(np.float32)
        dets.append([rows[labels[picked] == c] for c in range(len(SHARES))])
        hard = rng.random(len(gts)) < 0.05
        anns.append(dict(bboxes=gts[~hard], labels=labels[~hard],
                         bboxes_ignore=gts[hard], labels_ignore=labels[hard]))
    return dets, anns


def timed(function: Callable) -> tuple[float, object]:
    started = time.perf_counter()
    result = function()
    return time.perf_counter() - started, result


def report(name: str, theirs: float, ours: float, difference: str) -> float:
    print(f'{name:44} {theirs:10.2f} {ours:9.3f} {theirs / ours:8.1f}  '
          f'{difference}', flush=True)
    return theirs / ours


def compare_map(name: str, case: tuple[list, list], pool: bool) -> float:
    """Time one data set; the difference is the largest of any AP."""
    from mmeo.evaluation.rotated_map import eval_rotated_map
    module = import_module('mmrotate.evaluation.functional.mean_ap')

    def theirs():
        return module.eval_rbbox_map(*case, logger='silent')

    eval_rotated_map(*case)  # warm
    ours_s, (ours_map, ours) = min(
        (timed(lambda: eval_rotated_map(*case)) for _ in range(3)),
        key=lambda item: item[0])
    if pool:
        seconds, _ = timed(theirs)
        report(f'{name}, with its pool', seconds, ours_s, '')
    original = module.get_context
    module.get_context = lambda _: Loop()
    try:
        seconds, (their_map, rows) = timed(theirs)
    finally:
        module.get_context = original
    worst = max([abs(ours_map - their_map),
                 *(abs(a['ap'] - b['ap']) for a, b in zip(ours, rows))])
    return report(name, seconds, ours_s, f'{worst:.1e} of AP, mAP '
                  f'{ours_map:.4f}')


def compare_nms(name: str, n: int, span: float) -> float:
    """Time merging; the difference counts boxes kept by one side only."""
    from mmcv.ops import nms_rotated
    rng = np.random.default_rng(0)
    rows = torch.from_numpy(boxes(n, span, rng))
    scores = torch.from_numpy(rng.random(n).astype(np.float32))
    merge_nms(rows, scores, 0.1)  # warm
    ours_s, ours = min((timed(lambda: merge_nms(rows, scores, 0.1))
                        for _ in range(3)), key=lambda item: item[0])
    seconds, (_, theirs) = timed(lambda: nms_rotated(rows, scores, 0.1))
    same = 'same keeps' if torch.equal(ours, theirs) else \
        f'{len(set(ours.tolist()) ^ set(theirs.tolist()))} KEEPS DIFFER'
    return report(name, seconds, ours_s, f'{same}, {len(ours)}')


def use_compiled() -> str:
    """Let mmcv call its compiled ops; says which ops are in use."""
    compiled = load_compiled()
    if compiled is None:
        return 'torch stand-ins of mmeo (run tools/build_ops.py for others)'
    for name in ('box_iou_rotated', 'nms'):
        import_module(f'mmcv.ops.{name}').ext_module = compiled
    return f'compiled: {compiled.__file__}'


def main() -> int:
    parser = argparse.ArgumentParser(description='Oriented evaluation.')
    parser.add_argument('--dets', type=int, default=100_000)
    parser.add_argument('--boxes', type=int, nargs='+', default=[2000, 5000],
                        help='boxes to merge')
    parser.add_argument('--pool', action='store_true',
                        help="time mmrotate's pool as well")
    parser.add_argument('--standin', action='store_true',
                        help="use mmeo's ops even if compiled ones are there")
    args = parser.parse_args()
    logging.disable(logging.WARNING)
    ops = 'torch stand-ins of mmeo' if args.standin else use_compiled()
    print(f'{device_name()}, {torch.get_num_threads()} threads, Python '
          f'{platform.python_version()}, torch {torch.__version__}, '
          f'onedl-mmcv {version("onedl-mmcv")}, onedl-mmrotate '
          f'{version("onedl-mmrotate")}, mmeo {mmeo.__version__}\n'
          f'ops of both sides: {ops}\n')
    print(f'{"evaluation":44} {"mmrotate s":>10} {"mmeo s":>9} '
          f'{"ratio":>8}  difference')
    count = f'{args.dets} detections'
    compare_map(f'{count}, 50 scenes of 8000 px',
                make_set(50, args.dets, 8000, 1.0), args.pool)
    compare_map(f'{count}, 458 images of 3000 px',
                make_set(458, args.dets, 3000, 1.5), args.pool)
    compare_map(f'{count}, 2000 patches of 1024 px',
                make_set(2000, args.dets, 1024, 1.0), args.pool)
    print(f'\n{"merging, one class":44} {"mmcv s":>10} {"mmeo s":>9} '
          f'{"ratio":>8}  difference')
    for n in args.boxes:
        compare_nms(f'{n} boxes on 8000 px', n, 8000)
        compare_nms(f'{n} boxes on 1000 px, crowded', n, 1000)
    return 0


if __name__ == '__main__':
    sys.exit(main())
