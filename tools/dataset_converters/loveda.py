#!/usr/bin/env python
# Copyright (c) mmeo contributors. All rights reserved.
"""LoveDA: convert the official tree, export predictions for the server."""

import argparse
import sys

from mmeo.apis.run import run_main
from mmeo.datasets.converters import loveda


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest='command', required=True)
    convert = commands.add_parser(
        'convert', help='official tree to img_dir and ann_dir')
    convert.add_argument('source', help='folder with Train, Val, Test')
    convert.add_argument('out')
    submit = commands.add_parser('submit', help='predictions to what the '
                                 'evaluation server takes')
    submit.add_argument('predictions', help='folder of predicted PNGs')
    submit.add_argument('out', help='the .zip to write')
    return parser.parse_args()


def main() -> None:
    args = vars(parse_args())
    for name, value in getattr(loveda, args.pop('command'))(**args).items():
        print(f'{name}: {value}')


if __name__ == '__main__':
    sys.exit(run_main(main))
