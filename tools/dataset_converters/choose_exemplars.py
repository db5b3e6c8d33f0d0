#!/usr/bin/env python
# Copyright (c) mmeo contributors. All rights reserved.
"""Write which images are the examples in a config's in-context test."""

import argparse
import sys

from mmengine.config import DictAction

from mmeo.apis.run import run_main
from mmeo.datasets.converters import exemplars


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument('config')
    parser.add_argument('out', help='JSON file')
    parser.add_argument('--shots', type=int, default=8,
                        help='examples of each class; fewer shots take the '
                        'first of them')
    parser.add_argument('--seed', type=int,
                        help='of the choice; that of the config if left out')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction,
                        metavar='KEY=VALUE')
    return parser.parse_args()


def main() -> None:
    for name, count in exemplars.convert(**vars(parse_args())).items():
        print(f'{name}: {count}')


if __name__ == '__main__':
    sys.exit(run_main(main))
