# Copyright (c) mmeo contributors. All rights reserved.
"""Time and peak memory of one episode in a process of its own."""

import argparse
import math
import multiprocessing
import resource
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import torch
from skysense.measure import add_device_arguments, autocast, seconds

from mmeo.models.in_context import VITASegmentor
from mmeo.structures import MODES

from .episode import Episode, build_model, draw_episode, encode
from .modes import label

GIB = 2**30


class Cost(NamedTuple):
    """Seconds, and GiB of the whole process at its peak (CPU) or of what the
    allocator gave (GPU)."""

    infer: float
    infer_peak: float
    train: float
    train_peak: float


def step(model: VITASegmentor, episode: Episode,
         args: argparse.Namespace) -> None:
    """Forward with all layers' losses of all modes, and backward."""
    model.zero_grad(set_to_none=True)
    with autocast(args):
        code = encode(episode)
        layers = model.decode(episode.maps, episode.sensors, code, MODES,
                              all_layers=True)
        losses = model.loss_module(
            layers, episode.labels, {m: code.valid(m) for m in MODES})
    sum(losses.values()).backward()


def peak(device: str) -> float:
    if device == 'cuda':
        return torch.cuda.max_memory_allocated() / GIB
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / GIB


def measure(classes: int, shots: int, args: argparse.Namespace) -> Cost:
    """Inference first, since its peak is the lower one."""
    if args.device == 'cuda':
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    model = build_model(args)
    episode = draw_episode(args.size, classes, shots, args)
    found = []
    infer = partial(label, model, episode, MODES, args)
    train = partial(step, model, episode, args)
    for mode, way in ((False, infer), (True, train)):
        model.train(mode)
        # Features come from encoders that learn as well.
        for x in (*episode.maps, episode.examples):
            x.requires_grad_(mode)
        found += [*seconds([way], args.device, args.repeat),
                  peak(args.device)]
    return Cost(*found)


def apart(function: Callable, args: argparse.Namespace) -> Cost:
    """On a CPU in a fork, so that its peak is its own."""
    if args.device == 'cuda':
        return function()
    context = multiprocessing.get_context('fork')
    mine, theirs = context.Pipe(duplex=False)
    process = context.Process(target=lambda: theirs.send(function()))
    process.start()
    theirs.close()
    try:
        return mine.recv()
    finally:
        process.join()


def slope(counts: Sequence[int], values: Sequence[float]) -> float:
    """Exponent of a power law through all points, by least squares."""
    x = torch.tensor(counts).double().log()
    y = torch.tensor(values).double().log()
    x, y = x - x.mean(), y - y.mean()
    return float((x * y).sum() / (x * x).sum())


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_device_arguments(parser)
    parser.set_defaults(repeat=2)
    parser.add_argument('--size', type=int, default=512, help='pixels')


def table(name: str, counts: Sequence[int], cost: Callable,
          args: argparse.Namespace) -> None:
    """Costs of all three modes for each count."""
    print(f'{name:>8} | {"scores, ms":>10} {"exp":>5} {"peak, GiB":>9} | '
          f'{"training step, ms":>17} {"exp":>5} {"peak, GiB":>9}')
    rows: list[Cost] = []
    for index, count in enumerate(counts):
        now = apart(partial(cost, count), args)
        grown = [''] * 2
        if rows:
            ratio = math.log(count / counts[index - 1])
            grown = [f'{math.log(a / b) / ratio:.2f}' for a, b in (
                (now.infer, rows[-1].infer), (now.train, rows[-1].train))]
        rows.append(now)
        print(f'{count:8} | {now.infer * 1e3:10.1f} {grown[0]:>5} '
              f'{now.infer_peak:9.2f} | {now.train * 1e3:17.1f} '
              f'{grown[1]:>5} {now.train_peak:9.2f}', flush=True)
    print(f'exponent through all: scores '
          f'{slope(counts, [row.infer for row in rows]):.2f}, training step '
          f'{slope(counts, [row.train for row in rows]):.2f}; 1 is linear')
