#!/usr/bin/env python
# Copyright (c) mmeo contributors. All rights reserved.
"""What masks as text can reach: ``mask_oracle.py LABELS --classes A B``."""

import sys
from argparse import ArgumentParser

from mmeo.apis.run import run_main


def main() -> None:
    parser = ArgumentParser(description='Write label rasters as text, read '
                            'them back, and print the IoU: the ceiling of '
                            'any model that answers in this form')
    parser.add_argument('labels', help='folder of label rasters, or one file')
    parser.add_argument('--classes', nargs='+', required=True, metavar='NAME')
    parser.add_argument('--values', nargs='+', type=int, metavar='N',
                        help='values of the classes in the rasters; 0, 1, '
                        '... by default')
    parser.add_argument('--ignore', nargs='*', type=int, default=[255],
                        metavar='N', help='values that are not scored')
    parser.add_argument('--grid', nargs='+', type=int, metavar='N',
                        default=[16, 24, 32, 64], help='cells of a side')
    parser.add_argument('--tile', nargs='+', type=int, metavar='PIXELS',
                        help='sizes to cut the rasters into, a mask each; '
                        'whole rasters by default')
    parser.add_argument('--boxes', action='store_true', help='also boxes '
                        'around connected parts of the classes')
    parser.add_argument('--scale', nargs='+', type=int, default=[100, 1000],
                        metavar='N', help='units of an image side, for boxes')
    parser.add_argument('--min-side', type=int, default=8, metavar='PIXELS',
                        help='leave out smaller boxes')
    options = parser.parse_args()
    from mmeo.apis import mask_oracle as oracle
    legend = oracle.LabelLegend(options.classes, options.values,
                                options.ignore)
    files = oracle.find_labels(options.labels)
    tiles = options.tile or (None, )
    print(oracle.mask_table(
        oracle.mask_ceilings(files, legend, options.grid, tiles), legend))
    if options.boxes:
        print(oracle.box_table(oracle.box_ceilings(
            files, legend, options.scale, tiles, options.min_side)))


if __name__ == '__main__':
    sys.exit(run_main(main))
