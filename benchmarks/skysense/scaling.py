# Copyright (c) mmeo contributors. All rights reserved.
"""Cost of the stages against image size.

Time of forward and backward, and what autograd keeps, of tokenizer and stages
1 and 2 by themselves; those of stages 3 and 4 are what the whole network adds
to that. Windows make the first grow with the number of pixels: numbers per
pixel stay. The exponent is that of pixels between a size and the one before:
1 is linear; global attention tends to 2 in time, and to 1 in memory, as its
matrix is not kept.
"""

import argparse
import math
from functools import partial
from typing import Optional

import torch
from torch import Tensor, nn

import mmeo

from .measure import (
    add_device_arguments,
    autocast,
    keep_freed_memory,
    kept_bytes,
    print_machine,
    seconds,
)


def step(model: nn.Module, image: Tensor, args: argparse.Namespace) -> None:
    model.zero_grad(set_to_none=True)
    with autocast(args):
        out, = model(image)
    out.float().mean().backward()


def forward(model: nn.Module, image: Tensor,
            args: argparse.Namespace) -> None:
    with autocast(args):
        model(image)


def build(args: argparse.Namespace, last: int) -> nn.Module:
    """The network up to a stage, counted from 0."""
    torch.manual_seed(0)
    model = mmeo.build('SkySenseV2', arch=args.arch, modalities=('hr', ),
                       out_indices=(last, ))
    return model.to(args.device).train()


def costs(size: int, models: tuple[nn.Module, ...],
          args: argparse.Namespace) -> list[tuple[float, float]]:
    """Seconds and bytes of stages 1 and 2, and of stages 3 and 4."""
    image = torch.randn(args.batch, 3, size, size, device=args.device)
    time = seconds([partial(step, m, image, args) for m in models],
                   args.device, args.repeat)
    kept = [kept_bytes(partial(forward, m, image, args), m) for m in models]
    return [(time[0], kept[0]), (time[1] - time[0], kept[1] - kept[0])]


def exponent(now: float, before: float, pixels: tuple[int, int]) -> str:
    """Growth as a power of the number of pixels."""
    return f'{math.log(now / before) / math.log(pixels[0] / pixels[1]):5.2f}'


def cell(now: tuple[float, float], pixels: int,
         before: Optional[tuple[float, float]], fewer: int) -> str:
    """Milliseconds, and per pixel nanoseconds and bytes, each with how they
    grew from a smaller image."""
    (time, kept), growth = now, [f'{"":5}'] * 2
    if before:
        growth = [exponent(a, b, (pixels, fewer))
                  for a, b in zip(now, before)]
    return (f'{time * 1e3:9.1f} {time * 1e9 / pixels:7.1f} {growth[0]} '
            f'{kept / pixels:7.0f} {growth[1]}')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_device_arguments(parser)
    parser.add_argument('--arch', default='tiny')
    parser.add_argument('--sizes', type=int, nargs='+',
                        default=[128, 256, 512, 1024], help='pixels')
    parser.add_argument('--batch', type=int, default=1)


def run(args: argparse.Namespace) -> int:
    if args.device == 'cpu':
        keep_freed_memory()
    print_machine(args)
    print(f'SkySenseV2 {args.arch}, one sensor, batch {args.batch}, forward '
          f'and backward\n\n{"":6} | {"stages 1 and 2":^43} | stages 3 and 4')
    head = f'{"time, ms":>9} {"ns/px":>7} {"exp":>5} {"B/px":>7} {"exp":>5}'
    print(f'{"size":6} | {head:43} | {head}')
    models = build(args, 1), build(args, 3)
    before, fewer = (None, None), 0
    for size in args.sizes:
        rows, pixels = costs(size, models, args), args.batch * size**2
        cells = [cell(row, pixels, old, fewer)
                 for row, old in zip(rows, before)]
        print(f'{size:6d} | {cells[0]:43} | {cells[1]}', flush=True)
        before, fewer = rows, pixels
    return 0
