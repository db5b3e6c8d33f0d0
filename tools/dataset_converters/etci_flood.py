#!/usr/bin/env python
# Copyright (c) mmeo contributors. All rights reserved.
"""ETCI 2021: stack VV and VH of each tile, floods to ids."""

import argparse
import sys

from mmeo.apis.run import run_main
from mmeo.datasets.converters import etci_flood


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument('source', help='folder with train/ and test/')
    parser.add_argument('out')
    parser.add_argument('--splits', nargs='+', default=list(etci_flood.SPLITS),
                        choices=list(etci_flood.SPLITS),
                        help='val is the folder test/ of the download')
    return parser.parse_args()


def main() -> None:
    report, lines = etci_flood.convert(**vars(parse_args()))
    print(report)
    for name, value in lines.items():
        print(f'{name}: {value}')


if __name__ == '__main__':
    sys.exit(run_main(main))
