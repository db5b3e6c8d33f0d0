#!/usr/bin/env python
# Copyright (c) mmeo contributors. All rights reserved.
"""AIR-PolSAR-Seg: four polarisations in one raster, in decibel; ids."""

import argparse
import sys

from mmeo.apis.run import run_main
from mmeo.datasets.converters import air_polsar_seg


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('source', help='folder with train_set and test_set')
    parser.add_argument('out')
    parser.add_argument('--splits', nargs='+', default=['train', 'test'],
                        choices=list(air_polsar_seg.SPLITS))
    return parser.parse_args()


def main() -> None:
    for name, value in air_polsar_seg.convert(**vars(parse_args())).items():
        print(f'{name}: {value}')


if __name__ == '__main__':
    sys.exit(run_main(main))
