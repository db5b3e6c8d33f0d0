# Copyright (c) mmeo contributors. All rights reserved.
"""Cost of Former, Decoder and losses against the number of classes.

All three modes together, one target, one example that shows all classes. The
training step is forward, Hungarian matching, losses of all layers and
backward, to the features. Memory on a CPU is the peak of a process of its own,
weights and libraries included.
"""

import argparse

from skysense.measure import print_machine

from . import growth


def add_arguments(parser: argparse.ArgumentParser) -> None:
    growth.add_arguments(parser)
    parser.add_argument('--counts', type=int, nargs='+',
                        default=[1, 2, 4, 8, 16, 32, 64])


def run(args: argparse.Namespace) -> int:
    print_machine(args)
    print(f'{args.size} px, 1 shot, batch 1')
    growth.table('classes', args.counts,
                 lambda count: growth.measure(count, 1, args), args)
    return 0
