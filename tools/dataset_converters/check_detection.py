#!/usr/bin/env python
# Copyright (c) mmeo contributors. All rights reserved.
"""Check an official tree that is read as it is."""

import argparse
import sys

from mmeo.apis.run import run_main
from mmeo.datasets.converters.check_detection import (
    PUBLISHED,
    check_split,
    split_config,
)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('dataset', choices=list(PUBLISHED))
    parser.add_argument('root', help='folder of the data set')
    parser.add_argument('--splits', nargs='+', help='defaults to all')
    parser.add_argument('--decode', action='store_true',
                        help='also decode every image')
    args = parser.parse_args()
    known = PUBLISHED[args.dataset]
    args.splits = args.splits or list(known)
    if not set(args.splits) <= set(known):
        parser.error(f'--splits of {args.dataset} are {", ".join(known)}')
    return args


def main() -> None:
    args = parse_args()
    for split in args.splits:
        report = check_split(
            split_config(args.dataset, args.root, split),
            PUBLISHED[args.dataset][split], args.decode)
        print(f'{args.root}: {split}\n{report}')


if __name__ == '__main__':
    sys.exit(run_main(main))
