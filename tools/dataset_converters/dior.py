#!/usr/bin/env python
# Copyright (c) mmeo contributors. All rights reserved.
"""Prepare DIOR and DIOR-R: list of train + val, COCO files of boxes."""

import argparse
import sys

from mmeo.apis.run import run_main
from mmeo.datasets.converters.voc import DIOR_SPLITS, convert_dior


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('root', help='official tree of DIOR')
    parser.add_argument('--splits', nargs='+', choices=list(DIOR_SPLITS),
                        default=list(DIOR_SPLITS))
    parser.add_argument('--one-based', action='store_true',
                        help='take boxes as pixels counted from 1, as in VOC')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    reports = convert_dior(args.root, args.splits, args.one_based)
    for split, report in reports.items():
        print(f'{args.root}/annotations/{split}.json\n{report}')


if __name__ == '__main__':
    sys.exit(run_main(main))
