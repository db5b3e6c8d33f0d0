#!/usr/bin/env python
# Copyright (c) mmeo contributors. All rights reserved.
"""Seeded, stratified splits of scene classification sets.

AID and NWPU-RESISC45 need no images: their names are published; a folder is
compared with them. Any other folder of classes is split by its content.
"""

import argparse
import sys

from mmeo.apis.run import run_main
from mmeo.datasets.converters.scene_lists import (
    BENCHMARKS,
    compare,
    folder_names,
    write_lists,
)
from mmeo.errors import ConfigError, DataError


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('name', help=f'{", ".join(BENCHMARKS)}, or a name of '
                        'your own with --root')
    parser.add_argument('--root', help='folder of the classes: compared with '
                        'the published names, or split')
    parser.add_argument('--out', help='target folder; without it a folder is '
                        'of a built-in name is only compared')
    parser.add_argument('--percents', nargs='+', type=float,
                        help="training shares; default: the papers'")
    parser.add_argument('--seeds', nargs='+', type=int, default=[0, 1, 2])
    parser.add_argument('--plain', action='store_true',
                        help='one path a line, for other programs')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    known = BENCHMARKS.get(args.name)
    if known is None and not (args.root and args.percents):
        raise ConfigError(f'{args.name} is not built in: give --root and '
                          '--percents.')
    if not args.out and not (known and args.root):
        raise ConfigError('nothing to do: give --out, the folder for the '
                          'lists, or for a built-in name --root, the folder '
                          'to compare.')
    names = list(known.names()) if known else folder_names(args.root)
    if known and args.root:
        differences = compare(names, folder_names(args.root))
        if differences:
            raise DataError(f'{args.root}: ' + '\n'.join(differences))
        print(f'{args.root}: all {len(names)} published images')
    if args.out:
        title = known.title if known else args.name
        percents = args.percents or known.percents
        for file in write_lists(names, args.out, title, percents, args.seeds,
                                args.plain):
            print(file)


if __name__ == '__main__':
    sys.exit(run_main(main))
