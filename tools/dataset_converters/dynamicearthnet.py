#!/usr/bin/env python
# Copyright (c) mmeo contributors. All rights reserved.
"""DynamicEarthNet: class maps of the one-hot labels, lists of the files."""

import argparse
import sys

from mmeo.apis.run import run_main
from mmeo.datasets.converters import dynamicearthnet


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('source', help='folder of the unpacked archives')
    parser.add_argument('--out', help='target, SOURCE/mmeo if left out')
    parser.add_argument('--splits', help='folder of train.txt, val.txt and '
                        'test.txt, SOURCE/dynnet_training_splits if left out')
    parser.add_argument('--subsets', nargs='+',
                        default=list(dynamicearthnet.SPLITS))
    return parser.parse_args()


def main() -> None:
    print(dynamicearthnet.convert(**vars(parse_args())))


if __name__ == '__main__':
    sys.exit(run_main(main))
