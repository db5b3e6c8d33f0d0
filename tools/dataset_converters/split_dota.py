#!/usr/bin/env python
# Copyright (c) mmeo contributors. All rights reserved.
"""Cut DOTA into patches: OUT/SPLIT/images and OUT/SPLIT/annfiles."""

import argparse
import sys
from pathlib import Path

from mmeo.apis.run import run_main
from mmeo.datasets.converters.dota import split_dota
from mmeo.datasets.converters.patches import PatchSettings


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument('root', help='folder of DOTA, with PART/images and '
                        'PART/labelTxt')
    parser.add_argument('--out', required=True, help='target folder')
    parser.add_argument('--splits', nargs='+', metavar='SPLIT[=PART,PART]',
                        default=['trainval=train,val', 'val'],
                        help='splits to write and the parts they are made of')
    parser.add_argument('--label-dir', default='labelTxt',
                        help='name of the label folders')
    parser.add_argument('--size', type=int, default=1024,
                        help='side of a patch in pixels')
    parser.add_argument('--overlap', type=int, default=200,
                        help='pixels that neighbours share')
    parser.add_argument('--rates', type=float, nargs='+', default=[1.0],
                        help="resize images by each; 0.5 1.0 1.5 is DOTA's "
                        'usual multi-scale set')
    parser.add_argument('--iof-thr', type=float, default=0.7,
                        help='least visible share of an object that is kept')
    parser.add_argument('--cut', choices=['drop', 'difficult'],
                        default='drop', help='what becomes of other objects: '
                        'left out, or their visible part with difficulty 2')
    parser.add_argument('--empty', choices=['keep', 'drop'], default='keep',
                        help='patches without objects')
    parser.add_argument('--suffix', choices=['png', 'jpg', 'tif'],
                        default='png', help='tif keeps bands, type and '
                        'georeference')
    parser.add_argument('--workers', type=int, default=1,
                        help='number of processes')
    parser.add_argument('--overwrite', action='store_true',
                        help='replace patches in the target folder')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    settings = PatchSettings(args.size, args.overlap, tuple(args.rates),
                             args.iof_thr, args.cut, args.empty,
                             suffix=args.suffix)
    for split in args.splits:
        name, _, parts = split.partition('=')
        report = split_dota(
            [Path(args.root) / part for part in (parts or name).split(',')],
            Path(args.out) / name, settings, args.label_dir, args.workers,
            args.overwrite)
        print(f'{Path(args.out) / name}\n{report}')


if __name__ == '__main__':
    sys.exit(run_main(main))
