#!/usr/bin/env python
# Copyright (c) mmeo contributors. All rights reserved.
"""BraTS 2021: MRI volumes to 2-D slices of three sequences."""

import argparse
import sys

from mmeo.apis.run import run_main
from mmeo.datasets.converters import brats
from mmeo.datasets.converters.slices import add_slice_options, parse_policy


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('source', help='folder with BraTS2021_NNNNN')
    parser.add_argument('out')
    parser.add_argument(
        '--channels', nargs=3, choices=brats.MODALITIES,
        default=('flair', 't1ce', 't2'), help='red, green, blue')
    parser.add_argument(
        '--val-share', type=float, default=0.2, help='cases set aside')
    add_slice_options(parser)
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    print(brats.convert(args.source, args.out, args.channels, args.val_share,
                        parse_policy(args), args.workers))


if __name__ == '__main__':
    sys.exit(run_main(main))
