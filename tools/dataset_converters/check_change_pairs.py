#!/usr/bin/env python
# Copyright (c) mmeo contributors. All rights reserved.
"""Check a change set that is read as it is downloaded: SVCD, S2Looking."""

import argparse
import sys

from mmeo.apis.run import run_main
from mmeo.datasets.converters.change_tiles import check

LAYOUTS = dict(
    svcd=dict(folders=('A', 'B', 'OUT'), suffix='.jpg'),
    s2looking=dict(folders=('Image1', 'Image2', 'label'), suffix='.png'),
    levircd=dict(folders=('A', 'B', 'label'), suffix='.png'))


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('layout', choices=LAYOUTS)
    parser.add_argument('root', help='folder with train, val, test')
    parser.add_argument('--splits', nargs='+',
                        default=['train', 'val', 'test'])
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    report = check(args.root, splits=args.splits, **LAYOUTS[args.layout])
    for name, value in report.items():
        print(f'{name}: {value}')


if __name__ == '__main__':
    sys.exit(run_main(main))
