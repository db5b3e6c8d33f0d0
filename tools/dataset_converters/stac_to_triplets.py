#!/usr/bin/env python
# Copyright (c) mmeo contributors. All rights reserved.
"""STAC items or SSL4EO-S12 to places of HR, Sentinel-2 and Sentinel-1."""

import argparse
import sys

from mmeo.apis.run import run_main


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument('source', help='folder with STAC items beside their '
                        'files, or of SSL4EO-S12')
    parser.add_argument('out', help='new folder, one sub-folder per place')
    parser.add_argument('--hr', nargs='+', default=[], metavar='FILE',
                        help='HR rasters whose first bands are red, green, '
                        'blue')
    parser.add_argument('--pitch', type=float,
                        help='metres of an S2 and S1 pixel; HR gets a 32nd. '
                        'By default 9.6 with HR, 10 without')
    parser.add_argument('--pixels', type=int, default=64,
                        help='side of a place in S2 pixels')
    parser.add_argument('--min-valid', type=float, default=0.9,
                        help='share of a place that a frame must cover')
    parser.add_argument('--resampling', default='bilinear',
                        choices=['nearest', 'bilinear', 'cubic'])
    parser.add_argument('--s1-unit', default='auto',
                        choices=['auto', 'db', 'linear'],
                        help='unit of the S1 files')
    parser.add_argument('--keep-offset', action='store_true',
                        help='leave the +1000 of Sentinel-2 baselines from '
                        '04.00 on')
    return parser.parse_args()


def main() -> None:
    from mmeo.datasets.converters import stac_triplets
    args = vars(parse_args())
    args['harmonize'] = not args.pop('keep_offset')
    print(stac_triplets.convert(**args))


if __name__ == '__main__':
    sys.exit(run_main(main))
