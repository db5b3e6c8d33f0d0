# Copyright (c) mmeo contributors. All rights reserved.
"""Mixture of experts against a dense FFN and against loops.

One expert per token, so all ways but the masked loop do as many operations
per token as the dense network (and the gate's). ``masked loop`` runs each
expert over all tokens and multiplies by a mask, as it is mostly written.
``gather loop`` takes each expert's tokens out, runs it, and adds the results
at their places. All have the same weights, route alike and use the same linear
layers. Results and all gradients are compared first; the time of the mixture
includes its auxiliary loss.
"""

import argparse
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from mmeo.models.layers import MLP, MoEFFN, masked_dispatch

from .measure import (
    add_device_arguments,
    infer,
    print_machine,
    relative,
    seconds,
    step,
)

DENSE, MOE, MASKED, GATHER = ('dense FFN', 'MoEFFN', 'masked loop',
                              'gather loop')


def gather_dispatch(x: Tensor, index: Tensor, weight: Tensor,
                    experts: list[Callable]) -> Tensor:
    """Expert by expert, its tokens only; for one expert per token."""
    out = torch.zeros_like(x)
    for i, expert in enumerate(experts):
        rows = (index[:, 0] == i).nonzero()[:, 0]
        part = expert(x[rows]) * weight[rows].to(x.dtype)
        out = out.index_add(0, rows, part.to(x.dtype))
    return out


class Loop(nn.Module):
    """The mixture's weights and router with another way to dispatch."""

    def __init__(self, moe: MoEFFN, way: Callable) -> None:
        super().__init__()
        self.moe = moe
        self.way = way

    def forward(self, x: Tensor) -> Tensor:
        _, probs = self.moe.route(x)
        weight, index = probs.topk(1, dim=-1)
        return self.way(x, index, weight, self.moe.experts.functions())


def gradients(model: MoEFFN, x: Tensor) -> list[Tensor]:
    return [x.grad.clone(), *(p.grad.clone() for p in model.parameters())]


def compare(models: dict[str, nn.Module], x: Tensor, weight: Tensor,
            args: argparse.Namespace) -> None:
    """Largest relative differences from the masked loop."""
    moe = models[MOE]
    moe.aux_scale = 0.  # the loops have no auxiliary loss
    expected = step(models[MASKED], x, weight, args)
    wanted = gradients(moe, x)
    for name in (MOE, GATHER):
        out = step(models[name], x, weight, args)
        worst = max(relative(a, b) for a, b in zip(gradients(moe, x), wanted))
        print(f'{name} and masked loop, largest relative difference: result '
              f'{relative(out, expected):.1e}, gradients {worst:.1e}')
    moe.aux_scale = 1.


def report(title: str, names: list[str], times: list[float]) -> None:
    took = dict(zip(names, times))
    print(f'\n{title:24} {"ms":>9} {"of dense":>9}')
    for name in names:
        print(f'{name:24} {took[name] * 1e3:9.1f} '
              f'{took[name] / took[DENSE]:9.2f}')
    print(f'MoEFFN is {took[MASKED] / took[MOE]:.2f} times as fast as the '
          f'masked loop, {took[GATHER] / took[MOE]:.2f} times as the gather '
          'loop', flush=True)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_device_arguments(parser)
    parser.add_argument('--dims', type=int, default=1408,
                        help="channels; the huge arch's stage 3")
    parser.add_argument('--experts', type=int, default=8)
    parser.add_argument('--tokens', type=int, default=4096)


def run(args: argparse.Namespace) -> int:
    print_machine(args)
    torch.manual_seed(0)
    hidden = 4 * args.dims
    moe = MoEFFN(args.dims, hidden, args.experts, jitter=0.).to(args.device)
    models = {DENSE: MLP(args.dims, hidden).to(args.device), MOE: moe,
              MASKED: Loop(moe, masked_dispatch),
              GATHER: Loop(moe, gather_dispatch)}
    x = torch.randn(args.tokens, args.dims, device=args.device)
    weight = torch.randn_like(x)
    x.requires_grad_()
    compare(models, x, weight, args)
    print(f'{args.tokens} tokens of {args.dims} channels, {args.experts} '
          f'experts; tokens of each: {moe.last_counts.tolist()}')
    names = list(models)
    for title, way in (('forward', partial(infer, x=x, args=args)),
                       ('forward and backward',
                        partial(step, x=x, weight=weight, args=args))):
        times = seconds([partial(way, m) for m in models.values()],
                        args.device, args.repeat)
        report(title, names, times)
    return 0
