#!/usr/bin/env python
# Copyright (c) mmeo contributors. All rights reserved.
"""iSAID: cut into tiles, join predictions, score whole images."""

import argparse
import sys

from mmeo.apis.run import run_main
from mmeo.datasets.converters import isaid


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest='command', required=True)
    convert = commands.add_parser(
        'convert', help='official tree to img_dir and ann_dir')
    convert.add_argument('source', help='folder with train, val, test')
    convert.add_argument('out')
    convert.add_argument('--size', type=int, default=896,
                         help='side of a tile in pixels')
    convert.add_argument('--overlap', type=int, default=384,
                         help='pixels that neighbours share')
    convert.add_argument('--splits', nargs='+', default=['train', 'val'],
                         choices=['train', 'val', 'test'])
    merge = commands.add_parser(
        'merge', help='predicted tiles to whole label maps')
    merge.add_argument('predictions', help='folder of predicted PNGs')
    merge.add_argument('out')
    merge.add_argument('--colour', action='store_true',
                       help='write the official colours instead of ids')
    score = commands.add_parser('score', help='mIoU of merged label maps')
    score.add_argument('merged', help='folder that merge wrote')
    score.add_argument('source', help='split of the official tree, e.g. '
                       'iSAID/val')
    return parser.parse_args()


def main() -> None:
    args = vars(parse_args())
    report = getattr(isaid, args.pop('command'))(**args)
    for name, value in report.items():
        print(f'{name}: {value if isinstance(value, int) else f"{value:.2f}"}')


if __name__ == '__main__':
    sys.exit(run_main(main))
