#!/usr/bin/env python
# Copyright (c) mmeo contributors. All rights reserved.
"""GVLM: cut the images after the events into tiles."""

import argparse
import sys

from mmeo.apis.run import run_main
from mmeo.datasets.converters import gvlm


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument('source', help='folder of the 17 sites')
    parser.add_argument('out')
    parser.add_argument('--size', type=int, default=1024,
                        help='side of a tile in pixels')
    return parser.parse_args()


def main() -> None:
    print(gvlm.convert(**vars(parse_args())))


if __name__ == '__main__':
    sys.exit(run_main(main))
