# Copyright (c) mmeo contributors. All rights reserved.
"""Cost of Former, Decoder and losses against the number of examples.

As ``classes``, with a number of classes that stays. The encoder, which is
apart, sees each example once.
"""

import argparse

from skysense.measure import print_machine

from . import growth


def add_arguments(parser: argparse.ArgumentParser) -> None:
    growth.add_arguments(parser)
    parser.add_argument('--classes', type=int, default=16)
    parser.add_argument('--counts', type=int, nargs='+', default=[1, 2, 4, 8])


def run(args: argparse.Namespace) -> int:
    print_machine(args)
    print(f'{args.size} px, {args.classes} classes, batch 1')
    growth.table('shots', args.counts,
                 lambda count: growth.measure(args.classes, count, args),
                 args)
    return 0
