#!/usr/bin/env python
# Copyright (c) mmeo contributors. All rights reserved.
"""Train on 2 to 100 % of the labels: ``run.py subsets|run|plot``."""

import sys
from argparse import ArgumentParser, Namespace

from mmeo.apis.arguments import add_cfg_options
from mmeo.apis.run import run_main

FRACTIONS = (0.02, 0.05, 0.1, 0.2, 1.0)


def add_share_options(parser: ArgumentParser) -> None:
    parser.add_argument('config', help='any training config')
    parser.add_argument('--fractions', type=float, nargs='+',
                        default=FRACTIONS, help='shares in (0, 1]')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--stratify', action='store_true',
                        help='give every class its share')


def parse() -> Namespace:
    parser = ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest='command', required=True)
    subsets = commands.add_parser('subsets', help='write the names of the '
                                  'images of each share')
    add_share_options(subsets)
    subsets.add_argument('--out', default='work_dirs/subsets')
    run = commands.add_parser('run', help='train and test on each share')
    add_share_options(run)
    run.add_argument('--work-dir', required=True)
    run.add_argument('--epochs', type=int, help='36 in the paper; the '
                     "config's schedule by default")
    add_cfg_options(run)
    plot = commands.add_parser('plot', help="the curve beside the paper's")
    plot.add_argument('results', nargs='*', help='low_data.json files')
    plot.add_argument('--records', help='folder of run records of the '
                      'configs beside this script')
    plot.add_argument('--metric', help='the first by default')
    plot.add_argument('--scale', type=float, default=1.,
                      help='100 turns fractions into percent')
    plot.add_argument('--paper', action='store_true', help="draw the paper's "
                      'lines (AP50 on RSAR); always with --records')
    plot.add_argument('--out', default='work_dirs/low_data.png')
    return parser.parse_args()


def plot(args: Namespace) -> None:
    from mmeo.benchmarks.low_data import (
        draw_low_data,
        measured_curve,
        paper_curves,
        recorded_curve,
    )
    curves, label = {}, 'AP50 (RSAR)'
    for file in args.results:
        label, curves[file] = measured_curve(file, args.metric, args.scale)
    if args.records:
        curves['run records'] = recorded_curve(args.records)
    reference = paper_curves() if args.paper or args.records else {}
    print(draw_low_data(curves, reference, args.out, label))


def main() -> None:
    args = parse()
    if args.command == 'plot':
        plot(args)
        return
    from mmeo.apis.low_data import run_low_data, write_subsets
    shares = dict(fractions=args.fractions, seed=args.seed,
                  stratify=args.stratify)
    if args.command == 'subsets':
        for file in write_subsets(args.config, args.out, **shares):
            print(file)
    else:
        print(run_low_data(args.config, args.work_dir, epochs=args.epochs,
                           cfg_options=args.cfg_options, **shares))


if __name__ == '__main__':
    sys.exit(run_main(main))
