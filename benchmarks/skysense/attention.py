# Copyright (c) mmeo contributors. All rights reserved.
"""Window attention without the FFN against mmpretrain's ``WindowMSAV2``.

A whole map goes in and comes out: the reference is mmpretrain's
``ShiftWindowMSA`` around ``WindowMSAV2``, ours :class:`WindowAttention`, on
the same weights. Results and all gradients are compared first.
"""

import argparse
from contextlib import nullcontext
from functools import partial

import torch
from mmpretrain.models.utils import ShiftWindowMSA, WindowMSAV2
from torch import Tensor, nn

from mmeo.models.layers import WindowAttention

from .measure import (
    add_device_arguments,
    autocast,
    infer,
    kept_bytes,
    print_machine,
    relative,
    seconds,
    step,
)


class Reference(nn.Module):
    """mmpretrain's attention on ``(B, H, W, C)``."""

    def __init__(self, dims: int, heads: int, shift: bool) -> None:
        super().__init__()
        self.attn = ShiftWindowMSA(
            dims, heads, 8, shift_size=4 if shift else 0,
            window_msa=WindowMSAV2, pretrained_window_size=(0, 0))

    def forward(self, x: Tensor) -> Tensor:
        return self.attn(x.flatten(1, 2), x.shape[1:3]).view_as(x)


def pair(dims: int, shift: bool, path: str) -> tuple[nn.Module, nn.Module]:
    """Reference and ours, same weights."""
    theirs = Reference(dims, dims // 32, shift)
    with torch.no_grad():
        for param in theirs.parameters():
            param.add_(0.02 * torch.randn_like(param))
    ours = WindowAttention(dims, dims // 32, shift=shift, path=path)
    own = ours.state_dict().keys()
    ours.load_state_dict({
        key: value for key, value in theirs.attn.w_msa.state_dict().items()
        if key in own})
    return theirs, ours


def compare(theirs: nn.Module, ours: nn.Module, x: Tensor, weight: Tensor,
            args: argparse.Namespace) -> tuple[float, float]:
    """Largest relative difference of the result, and of a gradient."""
    expected, wanted = step(theirs, x, weight, args), {}
    wanted = {name.removeprefix('attn.w_msa.'): p.grad.clone()
              for name, p in theirs.named_parameters()}
    wanted['x'] = x.grad.clone()
    out = step(ours, x, weight, args)
    found = {name: p.grad for name, p in ours.named_parameters()}
    found['x'] = x.grad
    return relative(out, expected), max(
        relative(found[name], wanted[name]) for name in wanted)


def measure(dims: int, side: int, shift: bool,
            args: argparse.Namespace) -> None:
    torch.manual_seed(0)
    theirs, ours = (model.to(args.device) for model in
                    pair(dims, shift, args.path))
    x = torch.randn(args.batch, side, side, dims, device=args.device)
    weight = torch.randn_like(x)
    x.requires_grad_()
    outs, grads = compare(theirs, ours, x, weight, args)
    models = theirs, ours
    infer_s = seconds([partial(infer, m, x, args) for m in models],
                      args.device, args.repeat)
    train_s = seconds([partial(step, m, x, weight, args) for m in models],
                      args.device, args.repeat)

    def forward(model: nn.Module) -> None:
        with autocast(args):
            model(x)

    kept = [kept_bytes(partial(forward, m), m) / 2**20 for m in models]
    print(f'\nC = {dims}, {args.batch} x {side} x {side} tokens, '
          f'{"shifted" if shift else "not shifted"}')
    for name, (a, b), unit in (('inference, ms', infer_s, 1e3),
                               ('training step, ms', train_s, 1e3)):
        print(f'{name:26} {a * unit:10.1f} {b * unit:10.1f} '
              f'{a / b:7.2f} times faster')
    print(f'{"kept for backward, MiB":26} {kept[0]:10.1f} {kept[1]:10.1f} '
          f'{kept[1] / kept[0]:7.2f} of it')
    print(f'largest relative difference: result {outs:.1e}, gradients '
          f'{grads:.1e}', flush=True)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_device_arguments(parser)
    parser.add_argument('--dims', type=int, nargs='+', default=[352, 704],
                        help="channels of the stages; the huge arch's")
    parser.add_argument('--side', type=int, default=128,
                        help='tokens along a side of the first stage; half as '
                        'many in the next (512 px: 128)')
    parser.add_argument('--batch', type=int, default=1)
    parser.add_argument('--path', default='auto',
                        choices=['auto', 'eager', 'fused', 'recompute'],
                        help='of WindowAttention')
    parser.add_argument('--mkl', action='store_true',
                        help="torch's own products on both sides, no oneDNN; "
                        'needs a path other than auto')


def run(args: argparse.Namespace) -> int:
    print_machine(args)
    print(f'{"":26} {"mmpretrain":>10} {"mmeo":>10}   path {args.path}')
    products = torch.backends.mkldnn.flags(enabled=False)
    with products if args.mkl else nullcontext():
        for stage, dims in enumerate(args.dims):
            for shift in (False, True):
                measure(dims, args.side >> stage, shift, args)
    return 0
