#!/usr/bin/env python
# Copyright (c) mmeo contributors. All rights reserved.
"""Torch stand-ins against the compiled ops of mmcv, in one process.

    python tools/build_ops.py     # once: compiles the wheel, installs nothing
    python benchmarks/ops.py [--device cuda] [--only NAME] [--repeat 3]

Prints, for the sizes detectors use, the time of both, their ratio and the
largest difference of values and gradients, as a fraction of the largest
value. Where the build has no kernel for the device (the CPU build lacks
those of the focal loss and of deformable attention) the reference is what
mmdet or mmcv run in its place, and the table says so.
"""

import argparse
import platform
import sys
import time
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import version
from typing import NamedTuple

import torch
from torch import Tensor

import mmeo  # noqa: F401  (lets mmcv.ops import without compiled ops)
from mmeo.ops import load_compiled
from mmeo.ops.standin import StandinModule
from mmeo.utils import device_name

# A case takes the op module and a device and returns a function to time,
# which returns tensors to compare.
Run = Callable[[], tuple[Tensor, ...]]


class Case(NamedTuple):
    name: str
    make: Callable[[object, torch.device], Run]
    reference: Callable[[torch.device], Run] | None = None
    note: str = ''


def upright(n: int, span: float = 1024) -> Tensor:
    low = torch.rand(n, 2) * span
    return torch.cat([low, low + torch.rand(n, 2) * 100 + 4], dim=1)


def rotated(n: int, span: float = 1024) -> Tensor:
    return torch.cat([torch.rand(n, 2) * span, torch.rand(n, 2) * 100 + 4,
                      (torch.rand(n, 1) - 0.5) * 3.14], dim=1)


def nms(n: int) -> Callable:

    def make(ext, device) -> Run:
        boxes, scores = upright(n).to(device), torch.rand(n, device=device)
        return lambda: (ext.nms(boxes, scores, iou_threshold=0.5,
                                offset=0),)
    return make


def softnms(ext, device) -> Run:
    boxes, scores = upright(1000), torch.rand(1000)

    def run():
        dets = torch.zeros(1000, 5)
        keep = ext.softnms(boxes, scores, dets, iou_threshold=0.3, sigma=0.5,
                           min_score=1e-3, method=2, offset=0)
        return dets[:len(keep)], keep
    return run


def iou_rotated(n: int, m: int, span: float = 1024) -> Callable:

    def make(ext, device) -> Run:
        boxes1, boxes2 = (rotated(k, span).to(device) for k in (n, m))

        def run():
            ious = boxes1.new_zeros(n * m)
            ext.box_iou_rotated(boxes1, boxes2, ious, mode_flag=0,
                                aligned=False)
            return (ious,)
        return run
    return make


def nms_rotated(n: int, span: float) -> Callable:

    def make(ext, device) -> Run:
        boxes, scores = rotated(n, span), torch.rand(n)
        boxes, scores = boxes.to(device), scores.to(device)
        order = scores.sort(descending=True)[1]
        args = (boxes, scores, order, boxes[order], order[:0].int(), 0.1,
                False)
        return lambda: (ext.nms_rotated(*args),)
    return make


def through_mmcv(module: str, ext, op: Callable, *leaves: Tensor) -> Run:
    """Forward and backward of an mmcv function that calls ``ext``."""
    user = import_module(f'mmcv.ops.{module}')

    def run():
        user.ext_module = ext
        inputs = [leaf.detach().requires_grad_() for leaf in leaves]
        out = op(*inputs)
        out.backward(torch.ones_like(out))
        return (out.detach(), *(leaf.grad for leaf in inputs))
    return run


def roi_align(is_rotated: bool, ratio: int) -> Callable:

    def make(ext, device) -> Run:
        name = 'roi_align_rotated' if is_rotated else 'roi_align'
        op = getattr(import_module(f'mmcv.ops.{name}'), name)
        feature = torch.randn(1, 256, 256, 256, device=device)
        boxes = rotated(512) if is_rotated else upright(512)
        rois = torch.cat([torch.zeros(512, 1), boxes], dim=1).to(device)
        last = (True, True) if is_rotated else ('avg', True)
        return through_mmcv(
            name, ext, lambda x: op(x, rois, 7, 0.25, ratio, *last), feature)
    return make


def deform_conv(modulated: bool) -> Callable:

    def make(ext, device) -> Run:
        name = 'modulated_deform_conv' if modulated else 'deform_conv'
        op = getattr(import_module(f'mmcv.ops.{name}'), f'{name}2d')
        image = torch.randn(1, 256, 64, 64, device=device)
        offset = torch.randn(1, 18, 64, 64, device=device)
        weight = torch.randn(256, 256, 3, 3, device=device) / 50
        mask = [torch.rand(1, 9, 64, 64, device=device)] * modulated
        bias = [None] * modulated
        return through_mmcv(
            name, ext, lambda *leaves: op(*leaves, *bias, 1, 1), image,
            offset, *mask, weight)
    return make


def attention_inputs(device) -> tuple[Tensor, ...]:
    # the three levels of an image of 512 x 512, as ViTAdapter has them
    shapes = torch.tensor([[64, 64], [32, 32], [16, 16]], device=device)
    sizes = shapes.prod(1)
    starts = torch.cat([sizes.new_zeros(1), sizes.cumsum(0)[:-1]])
    keys = int(sizes.sum())
    return (torch.randn(1, keys, 16, 16, device=device), shapes, starts,
            torch.rand(1, 1024, 16, 3, 4, 2, device=device),
            torch.rand(1, 1024, 16, 3, 4, device=device))


def deform_attn(ext, device) -> Run:
    from mmcv.ops.multi_scale_deform_attn import (
        MultiScaleDeformableAttnFunction as Function,
    )
    value, shapes, starts, locations, weights = attention_inputs(device)
    return through_mmcv(
        'multi_scale_deform_attn', ext,
        lambda v, loc, w: Function.apply(v, shapes, starts, loc, w, 64),
        value, locations, weights)


def deform_attn_of_mmcv(device) -> Run:
    from mmcv.ops.multi_scale_deform_attn import (
        multi_scale_deformable_attn_pytorch,
    )
    value, shapes, _, locations, weights = attention_inputs(device)
    return through_mmcv(
        'multi_scale_deform_attn', None,
        lambda v, loc, w: multi_scale_deformable_attn_pytorch(
            v, shapes, loc, w), value, locations, weights)


def focal_inputs(device) -> tuple[Tensor, Tensor]:
    return (torch.randn(100000, 15, device=device),
            torch.randint(0, 16, (100000,), device=device))


def focal_loss(ext, device) -> Run:
    from mmcv.ops import sigmoid_focal_loss
    logits, target = focal_inputs(device)
    return through_mmcv(
        'focal_loss', ext,
        lambda x: sigmoid_focal_loss(x, target, 2.0, 0.25, None, 'sum'),
        logits)


def focal_loss_of_mmdet(device) -> Run:
    from mmdet.models.losses.focal_loss import py_sigmoid_focal_loss
    logits, target = focal_inputs(device)
    onehot = torch.nn.functional.one_hot(target, 16)[:, :15]
    return through_mmcv(
        'focal_loss', None,
        lambda x: py_sigmoid_focal_loss(x, onehot, reduction='sum'), logits)


CASES = [
    Case('nms 2000', nms(2000)),
    Case('nms 10000', nms(10000)),
    Case('soft_nms gaussian 1000', softnms),
    Case('box_iou_rotated 2000 x 500', iou_rotated(2000, 500)),
    Case('box_iou_rotated 20000 x 50', iou_rotated(20000, 50)),
    Case('box_iou_rotated 2000 x 500 crowded', iou_rotated(2000, 500, 50)),
    Case('nms_rotated 2000', nms_rotated(2000, 1024)),
    Case('nms_rotated 2000 crowded', nms_rotated(2000, 100)),
    Case('roi_align 512 x 7 x 7 x 256', roi_align(False, 2)),
    Case('roi_align adaptive', roi_align(False, 0)),
    Case('roi_align_rotated 512 x 7 x 7 x 256', roi_align(True, 2)),
    Case('roi_align_rotated adaptive', roi_align(True, 0)),
    Case('deform_conv 256 x 64 x 64', deform_conv(False)),
    Case('modulated_deform_conv 256 x 64 x 64', deform_conv(True)),
    Case('ms_deform_attn 1024 queries', deform_attn, deform_attn_of_mmcv,
         'reference: torch path of mmcv'),
    Case('sigmoid_focal_loss 100000 x 15', focal_loss, focal_loss_of_mmdet,
         'reference: torch path of mmdet'),
]


def timed(run: Run, device: torch.device) -> float:
    """Seconds of one call."""
    if device.type == 'cuda':
        torch.cuda.synchronize()
    started = time.perf_counter()
    run()
    if device.type == 'cuda':
        torch.cuda.synchronize()
    return time.perf_counter() - started


def measure(runs: list[Run], repeat: int,
            device: torch.device) -> list[float]:
    """Shortest of several times of each, in seconds.

    They take turns, so that other work on the machine meets both.
    """
    times = [[timed(run, device) for run in runs] for _ in range(repeat)]
    return [min(column) for column in zip(*times)]


def difference(first: tuple, second: tuple) -> float:
    """Largest difference, relative to the largest value of each tensor."""
    worst = 0.0
    for a, b in zip(first, second):
        if a.shape != b.shape:
            return float('inf')
        a, b = a.double(), b.double()
        scale = a.abs().max().clamp(min=1e-30) if a.numel() else 1
        if a.numel():
            worst = max(worst, float((a - b).abs().max() / scale))
    return worst


def compare(case: Case, compiled, standin, repeat: int,
            device: torch.device) -> float:
    """Time one case, print its line and return stand-in : reference."""
    runs, note = [], ''
    for ext in (compiled, standin):
        torch.manual_seed(0)
        if ext is compiled and case.reference and device.type == 'cpu':
            runs.append(case.reference(device))
            note = case.note
        else:
            runs.append(case.make(ext, device))
    expected, result = [run() for run in runs]  # warms both as well
    reference, ours = measure(runs, repeat, device)
    ratio = ours / reference
    print(f'{case.name:36} {reference * 1e3:11.2f} {ours * 1e3:11.2f} '
          f'{ratio:7.3f} {difference(expected, result):10.1e}  {note}',
          flush=True)
    return ratio


def main() -> int:
    parser = argparse.ArgumentParser(
        description='Torch stand-ins against compiled ops.')
    parser.add_argument('--device', default='cpu', help='cpu or cuda')
    parser.add_argument('--repeat', type=int, default=3)
    parser.add_argument('--only', default='', help='part of a case name')
    args = parser.parse_args()
    device = torch.device(args.device)
    compiled = load_compiled()
    if compiled is None:
        print('benchmarks/ops.py: there is no compiled build to compare with: '
              'run `python tools/build_ops.py` first')
        return 1
    machine = device_name()
    if device.type == 'cuda':
        machine = f'{device_name(args.device)}, {machine}'
    print(f'{machine}, {torch.get_num_threads()} threads, '
          f'{platform.system()}, Python {platform.python_version()}')
    print(f'torch {torch.__version__}, torchvision {version("torchvision")}, '
          f'onedl-mmcv {version("onedl-mmcv")}, mmeo {mmeo.__version__}')
    print(f'compiled: {compiled.__file__}')
    print(f'\n{"op, forward and backward":36} {"compiled ms":>11} '
          f'{"stand-in ms":>11} {"ratio":>7} {"difference":>10}')
    standin = StandinModule()
    ratios = {case.name: compare(case, compiled, standin, args.repeat, device)
              for case in CASES if args.only in case.name}
    if not ratios:
        print(f'no case has {args.only!r} in its name')
        return 1
    worst = max(ratios, key=ratios.get)
    print(f'\nworst ratio stand-in : compiled is {ratios[worst]:.2f} '
          f'({worst})')
    return 0


if __name__ == '__main__':
    sys.exit(main())
