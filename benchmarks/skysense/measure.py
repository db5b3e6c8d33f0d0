# Copyright (c) mmeo contributors. All rights reserved.
"""What the parts share: machine, seconds, kept bytes, differences."""

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

import mmeo
from mmeo.utils import device_name


def add_device_arguments(parser: argparse.ArgumentParser) -> None:
    """``--device``, ``--dtype`` and ``--repeat``."""
    parser.add_argument('--device', default='cpu', choices=['cpu', 'cuda'])
    parser.add_argument('--dtype', default='float32',
                        choices=['float32', 'bfloat16'],
                        help='bfloat16: under autocast')
    parser.add_argument('--repeat', type=int, default=5,
                        help='the shortest of so many times counts')


def keep_freed_memory() -> None:
    """Start this process anew with a glibc that keeps what is freed.

    It gives blocks above 32 MB back at once, and fetching them again page by
    page takes as long as what is computed in them: costs would seem to jump
    where maps reach that size.
    """
    settings = dict(MALLOC_MMAP_THRESHOLD_=str(2**32),
                    MALLOC_TRIM_THRESHOLD_=str(2**33))
    if not settings.keys() <= os.environ.keys():
        os.execve(sys.executable, [sys.executable, *sys.argv],
                  {**settings, **os.environ})


def print_machine(args: argparse.Namespace) -> None:
    print(f'{device_name(args.device)}, {torch.get_num_threads()} threads, '
          f'torch {torch.__version__}, mmeo {mmeo.__version__}, {args.dtype}')


def autocast(args: argparse.Namespace) -> torch.autocast:
    return torch.autocast(args.device, torch.bfloat16,
                          enabled=args.dtype == 'bfloat16')


def wait(device: str) -> None:
    if device == 'cuda':
        torch.cuda.synchronize()


def seconds(functions: Sequence[Callable], device: str, repeat: int
            ) -> list[float]:
    """Shortest time of each function, called in turns, after a warm-up."""
    for function in functions:
        function()
    found = []
    for _ in range(repeat):
        row = []
        for function in functions:
            wait(device)
            started = time.perf_counter()
            function()
            wait(device)
            row.append(time.perf_counter() - started)
        found.append(row)
    return [min(column) for column in zip(*found)]


def kept_bytes(function: Callable, *models: nn.Module) -> int:
    """Bytes that autograd keeps of a forward pass, without the parameters.

    Each storage counts once, the input too if it is kept.
    """
    known = {p.untyped_storage().data_ptr() for model in models
             for p in model.parameters()}
    kept: dict[int, int] = {}
    alive = []  # or a freed storage's address might come again

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in known:
            kept[storage.data_ptr()] = storage.nbytes()
        alive.append(storage)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda t: t):
        function()
    return sum(kept.values())


def relative(a: Tensor, b: Tensor) -> float:
    """Norm of the difference over that of ``b``."""
    a, b = a.float(), b.float()
    return float((a - b).norm() / b.norm().clamp(min=1e-30))


def step(model: nn.Module, x: Tensor, weight: Tensor,
         args: argparse.Namespace) -> Tensor:
    """Forward and backward; the gradient of the input is kept too."""
    model.zero_grad(set_to_none=True)
    x.grad = None
    with autocast(args):
        out = model(x)
    out.backward(weight.to(out.dtype))
    return out.detach()


def infer(model: nn.Module, x: Tensor, args: argparse.Namespace) -> Tensor:
    """Forward alone."""
    with torch.inference_mode(), autocast(args):
        return model(x)
