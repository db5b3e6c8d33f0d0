# Copyright (c) mmeo contributors. All rights reserved.
"""Former and Decoder: each mode by itself against the joint run.

Same weights, features and prompts; results are compared first. ``fused`` needs
the visual and textual tokens in the Former, too, but not in the Decoder.
"""

import argparse
from functools import partial

import torch
from skysense.measure import (
    add_device_arguments,
    autocast,
    print_machine,
    seconds,
)

from mmeo.models.in_context import Prediction, VITASegmentor
from mmeo.models.in_context.scores import class_scores
from mmeo.structures import MODES

from .episode import Episode, build_model, draw_episode, encode


def decode(model: VITASegmentor, episode: Episode, modes: tuple[str, ...],
           args: argparse.Namespace) -> dict[str, Prediction]:
    """Former and Decoder."""
    with torch.inference_mode(), autocast(args):
        return model.decode(episode.maps, episode.sensors, encode(episode),
                            modes)[-1]


def label(model: VITASegmentor, episode: Episode, modes: tuple[str, ...],
          args: argparse.Namespace) -> None:
    """Up to scores of each pixel."""
    with torch.inference_mode(), autocast(args):
        outs = decode(model, episode, modes, args)
        for out in outs.values():
            count = out.classes.shape[-1] - 1
            valid = torch.ones(1, count, dtype=torch.bool,
                               device=out.classes.device)
            class_scores(out, episode.labels.shape[-2:], valid)


def compare(model: VITASegmentor, episode: Episode,
            args: argparse.Namespace) -> None:
    """Largest difference of a mode by itself from the joint run."""
    joint = decode(model, episode, MODES, args)
    for mode in MODES:
        alone = decode(model, episode, (mode, ), args)[mode]
        worst = max(float((a - b).abs().max())
                    for a, b in zip(alone, joint[mode]))
        size = max(float(b.abs().max()) for b in joint[mode])
        print(f'{mode:8} by itself and jointly, largest difference: '
              f'{worst:.1e} of values up to {size:.1f}')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_device_arguments(parser)
    parser.add_argument('--size', type=int, default=512, help='pixels')
    parser.add_argument('--classes', type=int, default=16)
    parser.add_argument('--shots', type=int, default=1)


def run(args: argparse.Namespace) -> int:
    print_machine(args)
    model = build_model(args).eval()
    episode = draw_episode(args.size, args.classes, args.shots, args)
    print(f'{args.size} px, {args.classes} classes, {args.shots} shots, '
          f'batch 1, {model.decoder.num_queries} queries per mode')
    compare(model, episode, args)
    asked = [*((mode, ) for mode in MODES), MODES]
    for title, way in (('Former and Decoder', decode),
                       ('and scores of each pixel', label)):
        times = seconds([partial(way, model, episode, modes, args)
                         for modes in asked], args.device, args.repeat)
        print(f'\n{title:26} {"ms":>8} {"of joint":>9}')
        for modes, took in zip(asked, times):
            name = modes[0] if len(modes) == 1 else 'joint'
            print(f'{name:26} {took * 1e3:8.1f} {took / times[-1]:9.2f}')
        print(f'slowest mode by itself: {max(times[:3]) / times[-1]:.2f} of '
              'the joint run', flush=True)
    return 0
