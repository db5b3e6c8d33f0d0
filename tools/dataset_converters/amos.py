#!/usr/bin/env python
# Copyright (c) mmeo contributors. All rights reserved.
"""AMOS 2022: CT volumes to windowed 2-D slices, official splits."""

import argparse
import sys

from mmeo.apis.run import run_main
from mmeo.datasets.converters import amos
from mmeo.datasets.converters.slices import add_slice_options, parse_policy


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('source', help='folder amos22 of amos22.zip')
    parser.add_argument('out')
    parser.add_argument(
        '--level', type=float, default=40, help='middle of the window, HU')
    parser.add_argument(
        '--width', type=float, default=400, help='width of the window, HU')
    add_slice_options(parser)
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    print(amos.convert(args.source, args.out, args.level, args.width,
                       parse_policy(args), args.workers))


if __name__ == '__main__':
    sys.exit(run_main(main))
