#!/usr/bin/env python
# Copyright (c) mmeo contributors. All rights reserved.
"""Five-Billion-Pixels: cut the 150 scenes of Gaofen-2 into tiles."""

import argparse
import sys

from mmeo.apis.run import run_main
from mmeo.datasets.converters import fbp


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument('source', help='folder of Image__8bit_NirRGB (or '
                        'Image_16bit_BGRNir) and Annotation__index')
    parser.add_argument('out')
    parser.add_argument('--form', choices=list(fbp.FORMS), default='8bit',
                        help='which images')
    parser.add_argument('--size', type=int, default=512,
                        help='side of a tile in pixels')
    parser.add_argument('--overlap', type=int, default=0,
                        help='pixels that tiles share')
    return parser.parse_args()


def main() -> None:
    for name, value in fbp.convert(**vars(parse_args())).items():
        print(f'{name}: {value}')


if __name__ == '__main__':
    sys.exit(run_main(main))
