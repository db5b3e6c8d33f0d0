#!/usr/bin/env python
# Copyright (c) mmeo contributors. All rights reserved.
"""Make SynthEarth, the procedural data set that stands in for real ones."""

import argparse
import sys

from mmeo.datasets.synthetic import contact_sheet, make_synthearth
from mmeo.datasets.synthetic.styles import DEFAULT, STYLES
from mmeo.errors import UserError


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument('--out', default='data/synthearth',
                        help='target folder')
    parser.add_argument('--scenes', type=int, default=100,
                        help='number of scenes')
    parser.add_argument('--size', type=int, default=512,
                        help='image side in pixels, a multiple of 32')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--val-fraction', type=float, default=0.2,
                        help='share of the scenes that go into val')
    parser.add_argument('--workers', type=int, default=1,
                        help='number of processes')
    parser.add_argument('--in-context', action='store_true',
                        help='also write incontext/{optical,sar,labels}')
    parser.add_argument('--rsunivlm', action='store_true',
                        help='also write rsunivlm: dialogues with task '
                        'tokens, their images and truth')
    parser.add_argument('--only-rsunivlm', action='store_true',
                        help='write nothing else')
    parser.add_argument('--mask-grid', type=int, default=8,
                        help='cells along each side of a mask in rsunivlm')
    parser.add_argument('--style', default=DEFAULT.name, choices=list(STYLES),
                        help='look of the scenes')
    parser.add_argument('--overwrite', action='store_true',
                        help='replace a SynthEarth made with other settings')
    parser.add_argument('--contact-sheet', metavar='PATH',
                        help='also draw a picture of some scenes')
    return parser.parse_args()


def main() -> int:
    args = parse_args()
    try:
        out = make_synthearth(args.out, args.scenes, args.size, args.seed,
                              args.val_fraction, workers=args.workers,
                              overwrite=args.overwrite,
                              in_context=args.in_context, style=args.style,
                              rsunivlm=args.rsunivlm or args.only_rsunivlm,
                              mask_grid=args.mask_grid,
                              usual=not args.only_rsunivlm)
        if args.contact_sheet:
            contact_sheet(out, args.contact_sheet)
    except UserError as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
