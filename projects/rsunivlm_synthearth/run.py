#!/usr/bin/env python
# Copyright (c) mmeo contributors. All rights reserved.
"""RSUniVLM in small, stage 2 in four ways: ``run.py make|run|table``."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from mmeo.apis.arguments import add_cfg_options
from mmeo.apis.run import run_main

CONFIGS = Path(__file__).parents[2] / 'configs/rsunivlm/synthearth'
STAGES = {'align': 'rsunivlm-tiny_align_synthearth',
          'stage 1': 'rsunivlm-tiny_stage1_synthearth'}
# Word of the command line -> name in the table and its config.
VARIANTS = {
    key: (name, f'rsunivlm-tiny_stage2-{key}_synthearth')
    for key, name in dict(gmoe='G-MoE', full='full', lora='LoRA',
                          moe8='MoE-8').items()
}
SCENES, VAL_FRACTION = 3300, 1 / 11


def parse() -> Namespace:
    parser = ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest='command', required=True)
    make = commands.add_parser('make', help='write the data, once')
    make.add_argument('--workers', type=int, default=1)
    run = commands.add_parser('run', help='train and measure')
    run.add_argument('--seeds', type=int, nargs='+', default=[0, 1, 2])
    run.add_argument('--variants', nargs='*', choices=list(VARIANTS),
                     default=list(VARIANTS),
                     help='of stage 2; none trains stage 1 alone')
    table = commands.add_parser('table', help='mean and deviation over seeds')
    for command in (make, run, table):
        command.add_argument('--data-root', default='data/synthearth_rsunivlm')
    for command in (run, table):
        command.add_argument('--work-dir',
                             default='work_dirs/rsunivlm_synthearth')
    add_cfg_options(run)
    return parser.parse_args()


def make(args: Namespace) -> None:
    from mmeo.datasets.synthetic import make_synthearth
    make_synthearth(args.data_root, SCENES, size=256,
                    val_fraction=VAL_FRACTION, workers=args.workers,
                    rsunivlm=True, usual=False)


def run(args: Namespace) -> None:
    from mmeo.apis.synthearth_vlm_runs import run_stages
    variants = dict(VARIANTS[key] for key in args.variants)
    run_stages(paths_of(STAGES), paths_of(variants), args.seeds,
               args.data_root, args.work_dir, args.cfg_options)


def table(args: Namespace) -> None:
    from mmeo.apis.synthearth_vlm_blind import find_bounds
    from mmeo.apis.synthearth_vlm_table import stages_table
    bounds = find_bounds(paths_of(STAGES)['stage 1'], args.data_root,
                         args.work_dir)
    print(stages_table(args.work_dir, bounds,
                       [name for name, _ in VARIANTS.values()]))


def paths_of(configs: dict[str, str]) -> dict[str, str]:
    return {name: str(CONFIGS / f'{config}.py')
            for name, config in configs.items()}


def main() -> None:
    args = parse()
    dict(make=make, run=run, table=table)[args.command](args)


if __name__ == '__main__':
    run_main(main)
