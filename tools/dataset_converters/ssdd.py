#!/usr/bin/env python
# Copyright (c) mmeo contributors. All rights reserved.
"""Prepare SSDD's polygons: OUT/images and OUT/annotations."""

import argparse
import sys

from mmeo.apis.run import run_main
from mmeo.datasets.converters.ssdd import convert_ssdd


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('root', help='Official-SSDD-OPEN')
    parser.add_argument('--out', required=True, help='target folder')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    for split, report in convert_ssdd(args.root, args.out).items():
        print(f'{args.out}/annotations/{split}.json\n{report}')


if __name__ == '__main__':
    sys.exit(run_main(main))
