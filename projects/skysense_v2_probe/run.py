#!/usr/bin/env python
# Copyright (c) mmeo contributors. All rights reserved.
"""SkySense V2 in small, pretrained and probed: ``run.py run|table``."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from mmeo.apis.arguments import add_cfg_options
from mmeo.apis.run import run_main

CONFIGS = Path(__file__).parents[2] / 'configs/skysense_v2/pretrain'
NAME = 'skysense-v2-tiny_pretrain_synthearth'
VARIANTS = {
    'random init': NAME,
    'pretrained': NAME,
    'without QSACL': f'{NAME}_no-qsacl',
    'without prompts': f'{NAME}_no-prompts',
    'without MGCL': f'{NAME}_no-mgcl',
}


def parse() -> Namespace:
    parser = ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest='command', required=True)
    run = commands.add_parser('run', help='pretrain and probe')
    run.add_argument('--data-root', default='data/synthearth')
    run.add_argument('--work-dir', default='work_dirs/skysense_v2_probe')
    run.add_argument('--seeds', type=int, nargs='+', default=[0, 1, 2])
    run.add_argument('--variants', nargs='+', choices=list(VARIANTS),
                     default=list(VARIANTS))
    add_cfg_options(run)
    table = commands.add_parser('table', help='mean and deviation over seeds')
    table.add_argument('--work-dir', default='work_dirs/skysense_v2_probe')
    return parser.parse_args()


def main() -> None:
    args = parse()
    from mmeo.apis.probe_runs import probe_table, run_variants
    if args.command == 'run':
        run_variants({name: str(CONFIGS / f'{VARIANTS[name]}.py')
                      for name in args.variants}, args.seeds, args.data_root,
                     args.work_dir, args.cfg_options)
    print(probe_table(args.work_dir, list(VARIANTS)))


if __name__ == '__main__':
    run_main(main)
