#!/usr/bin/env python
# Copyright (c) mmeo contributors. All rights reserved.
"""UAVid: convert the official tree, export predictions for the server."""

import argparse
import sys

from mmeo.apis.run import run_main
from mmeo.datasets.converters import uavid


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest='command', required=True)
    convert = commands.add_parser(
        'convert', help='official tree to img_dir and ann_dir')
    convert.add_argument('source', help='folder with uavid_train, '
                         'uavid_val, uavid_test')
    convert.add_argument('out')
    convert.add_argument('--tile', type=int, default=1024,
                         help='side of the tiles to train on, 0 for none')
    submit = commands.add_parser('submit', help='predictions to what the '
                                 'evaluation server takes')
    submit.add_argument('predictions', help='folder of predicted PNGs')
    submit.add_argument('out', help='folder of seqNN/Labels')
    return parser.parse_args()


def main() -> None:
    args = vars(parse_args())
    for name, value in getattr(uavid, args.pop('command'))(**args).items():
        print(f'{name}: {value}')


if __name__ == '__main__':
    sys.exit(run_main(main))
