#!/usr/bin/env python
# Copyright (c) mmeo contributors. All rights reserved.
"""DynamicEarthNet: class maps and lists; means of the bands."""

import argparse
import sys

from mmeo.apis.run import run_main
from mmeo.datasets.converters import dynamicearthnet, dynamicearthnet_bands


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest='command', required=True)
    convert = commands.add_parser(
        'convert', help='one-hot labels to class maps, files to lists')
    convert.add_argument('source', help='folder of the unpacked archives')
    convert.add_argument('--out', help='target, SOURCE/mmeo if left out')
    convert.add_argument('--splits', help='folder of train.txt, val.txt and '
                         'test.txt, SOURCE/dynnet_training_splits if left '
                         'out')
    convert.add_argument('--subsets', nargs='+',
                         default=list(dynamicearthnet.SPLITS))
    measure = commands.add_parser(
        'measure', help='mean and deviation of each band')
    measure.add_argument('source', help='folder of the unpacked archives')
    measure.add_argument('--files', type=int, default=20,
                         help='files per sensor')
    return parser.parse_args()


def main() -> None:
    args = vars(parse_args())
    if args.pop('command') == 'measure':
        print(*dynamicearthnet_bands.measure(**args), sep='\n')
    else:
        print(dynamicearthnet.convert(**args))


if __name__ == '__main__':
    sys.exit(run_main(main))
