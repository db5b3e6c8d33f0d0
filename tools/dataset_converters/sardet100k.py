#!/usr/bin/env python
# Copyright (c) mmeo contributors. All rights reserved.
"""Check the official tree of SARDet-100K, which is read as it is."""

import argparse
import sys

from mmeo.apis.run import run_main
from mmeo.datasets.converters.check_detection import (
    PUBLISHED,
    check_split,
    split_config,
)

NAME = 'sardet100k'


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('root', help='folder of SARDet-100K')
    parser.add_argument('--splits', nargs='+', choices=list(PUBLISHED[NAME]),
                        default=list(PUBLISHED[NAME]))
    parser.add_argument('--decode', action='store_true',
                        help='also decode every image')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    for split in args.splits:
        report = check_split(split_config(NAME, args.root, split),
                             PUBLISHED[NAME][split], args.decode)
        print(f'{args.root}: {split}\n{report}')


if __name__ == '__main__':
    sys.exit(run_main(main))
