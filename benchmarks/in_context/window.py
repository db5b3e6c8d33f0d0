# Copyright (c) mmeo contributors. All rights reserved.
"""A large target in windows: prompts encoded once, or for each window.

The whole model of a config, encoders included, on random images; scores are
compared first.
"""

import argparse
from functools import partial

import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from skysense.measure import (
    add_device_arguments,
    autocast,
    print_machine,
    seconds,
)
from torch import Tensor

from mmeo.models.in_context import VITASegmentor
from mmeo.models.segmentors.multi_modal_segmentor import starts
from mmeo.registry import MODELS
from mmeo.structures import EpisodeBatch, ImageGroup

from .episode import patchwork

MODE = 'fused'


def draw_batch(shots: int, args: argparse.Namespace) -> EpisodeBatch:
    """One target of ``--size``, examples of ``--crop``, optical."""
    torch.manual_seed(1)
    masks = torch.stack([torch.nn.functional.one_hot(
        patchwork(args.crop, args.classes), args.classes)
        .permute(2, 0, 1).bool() for _ in range(shots)])
    names = [tuple(f'class {i}' for i in range(args.classes))]
    return EpisodeBatch(
        dict(hr=ImageGroup(torch.randn(1, 3, args.size, args.size),
                           torch.zeros(1, dtype=torch.long))),
        names, torch.ones(1, args.classes, dtype=torch.bool),
        dict(hr=ImageGroup(torch.randn(shots, 3, args.crop, args.crop),
                           torch.arange(shots))),
        masks[None]).to(args.device)


def once(model: VITASegmentor, batch: EpisodeBatch,
         args: argparse.Namespace) -> Tensor:
    with torch.inference_mode(), autocast(args):
        return model.slide_segment(
            batch.targets, model.encode_prompt(batch), MODE, args.crop,
            args.stride)


def each_time(model: VITASegmentor, batch: EpisodeBatch,
              args: argparse.Namespace) -> Tensor:
    """The plain loop: a window is an episode of its own."""
    images = batch.targets['hr'].images
    total = images.new_zeros(1, args.classes, args.size, args.size)
    count = images.new_zeros(args.size, args.size)
    firsts = starts(args.size, args.crop, args.stride)
    with torch.inference_mode(), autocast(args):
        for y in firsts:
            for x in firsts:
                at = (..., slice(y, y + args.crop), slice(x, x + args.crop))
                group = ImageGroup(images[at], batch.targets['hr'].index)
                total[at] += model.segment(
                    dict(hr=group), model.encode_prompt(batch), MODE)
                count[at] += 1
    return total / count


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_device_arguments(parser)
    parser.set_defaults(repeat=2)
    parser.add_argument('--config',
                        default='configs/_base_/models/vita_tiny.py')
    parser.add_argument('--size', type=int, default=1024, help='pixels')
    parser.add_argument('--crop', type=int, default=512)
    parser.add_argument('--stride', type=int, default=341)
    parser.add_argument('--classes', type=int, default=8)
    parser.add_argument('--counts', type=int, nargs='+', default=[1, 4, 8],
                        help='shots')


def run(args: argparse.Namespace) -> int:
    print_machine(args)
    init_default_scope('mmeo')
    torch.manual_seed(0)
    model = MODELS.build(Config.fromfile(args.config).model)
    model = model.to(args.device).eval()
    windows = len(starts(args.size, args.crop, args.stride))**2
    print(f'{args.config}: {args.size} px in {windows} windows of '
          f'{args.crop}, {args.classes} classes, {MODE}\n\n'
          f'{"shots":>5} {"once, s":>8} {"each time, s":>12} '
          f'{"times faster":>12} {"difference":>10}')
    for shots in args.counts:
        batch = draw_batch(shots, args)
        worst = float((once(model, batch, args)
                       - each_time(model, batch, args)).abs().max())
        times = seconds([partial(way, model, batch, args)
                         for way in (once, each_time)], args.device,
                        args.repeat)
        print(f'{shots:5} {times[0]:8.2f} {times[1]:12.2f} '
              f'{times[1] / times[0]:12.2f} {worst:10.1e}', flush=True)
    return 0
