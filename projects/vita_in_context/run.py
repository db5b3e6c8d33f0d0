#!/usr/bin/env python
# Copyright (c) mmeo contributors. All rights reserved.
"""SkySense-VITA in small, whole and in parts: ``run.py encoder|run|table``."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from mmeo.apis.arguments import add_cfg_options
from mmeo.apis.run import run_main

CONFIGS = Path(__file__).parents[2] / 'configs/skysense_vita/synthearth'
ENCODER = 'vita-tiny_encoder_synthearth'
NAME = 'vita-tiny_incontext_synthearth'
VARIANTS = {
    'full': NAME,
    'fused only': f'{NAME}_fused-only',
    'prototypes added': f'{NAME}_add-prototypes',
    'no SGA': f'{NAME}_no-sga',
}


def parse() -> Namespace:
    parser = ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest='command', required=True)
    encoder = commands.add_parser('encoder', help='train the encoder, once')
    run = commands.add_parser('run', help='train and measure')
    run.add_argument('--shifted-root', default='data/synthearth_arid',
                     help='the same scenes in another style')
    run.add_argument('--seeds', type=int, nargs='+', default=[0, 1, 2])
    run.add_argument('--variants', nargs='+', choices=list(VARIANTS),
                     default=list(VARIANTS))
    table = commands.add_parser('table', help='mean and deviation over seeds')
    for command in (encoder, run, table):
        command.add_argument('--work-dir', default='work_dirs/vita_in_context')
    for command in (encoder, run):
        command.add_argument('--data-root', default='data/synthearth')
        add_cfg_options(command)
    return parser.parse_args()


def main() -> None:
    args = parse()
    from mmeo.apis.in_context_runs import (
        find_encoder,
        run_in_context,
        train_encoder,
    )
    from mmeo.apis.in_context_table import in_context_table
    encoder = f'{args.work_dir}/encoder'
    if args.command == 'encoder':
        print(train_encoder(str(CONFIGS / f'{ENCODER}.py'), args.data_root,
                            encoder, args.cfg_options))
        return
    if args.command == 'run':
        run_in_context(
            {name: str(CONFIGS / f'{VARIANTS[name]}.py')
             for name in args.variants}, args.seeds,
            dict(here=args.data_root, shifted=args.shifted_root),
            args.work_dir, find_encoder(encoder), args.cfg_options)
    print(in_context_table(args.work_dir, list(VARIANTS)))


if __name__ == '__main__':
    run_main(main)
