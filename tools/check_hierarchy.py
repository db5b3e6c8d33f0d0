#!/usr/bin/env python
# Copyright (c) mmeo contributors. All rights reserved.
"""Check a class hierarchy and show it: ``check_hierarchy.py loveda``."""

import sys
from argparse import ArgumentParser, Namespace

from mmeo.apis.arguments import add_cfg_options
from mmeo.apis.run import run_main


def parse_args() -> Namespace:
    parser = ArgumentParser(
        description='Check a class hierarchy and show it. Exit code 0: a '
        'tree, whose leaves are the classes of the config; 2: what is wrong.')
    parser.add_argument('tree', help='a .json, or the name of one that mmeo '
                        'brings')
    parser.add_argument('--config', help='whose data set the leaves must fit')
    parser.add_argument('--split', choices=('train', 'val', 'test'),
                        default='train', help='dataloader of the config')
    parser.add_argument('--schedule', action='store_true',
                        help='also how SGA draws its levels over training')
    parser.add_argument('--tau', type=float, default=0.5)
    parser.add_argument('--period', type=float, default=0.8)
    parser.add_argument('--plot', metavar='FILE',
                        help='draw that as a picture')
    add_cfg_options(parser)
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    from mmengine.registry import init_default_scope

    from mmeo.apis.config import load_config
    from mmeo.apis.hierarchy import (
        check_hierarchy_file,
        format_schedule,
        format_tree,
    )
    cfg = args.config and load_config(args.config, args.cfg_options)
    init_default_scope('mmeo')
    tree = check_hierarchy_file(args.tree, cfg, args.split)
    print(format_tree(tree))
    if args.schedule or args.plot:
        from mmeo.models.in_context import GranularitySchedule
        schedule = GranularitySchedule(tree.levels, args.tau, args.period)
        print(format_schedule(schedule, [i / 10 for i in range(11)]))
    if args.plot:
        from mmeo.visualization.granularity import draw_schedule
        draw_schedule(schedule, args.plot)


if __name__ == '__main__':
    sys.exit(run_main(main))
