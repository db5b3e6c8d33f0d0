#!/usr/bin/env python
# Copyright (c) mmeo contributors. All rights reserved.
"""Draw what a model is fed: ``python tools/browse_dataset.py CONFIG``."""

import sys
from argparse import ArgumentParser

from mmeo.apis.arguments import add_cfg_options
from mmeo.apis.run import run_main


def main() -> None:
    parser = ArgumentParser(description='Write pictures of samples after the '
                            'whole pipeline, with their annotations')
    parser.add_argument('config', help='config file')
    parser.add_argument('--output-dir', default='work_dirs/browse',
                        help='folder for the pictures')
    parser.add_argument('-n', '--number', type=int, default=8,
                        help='so many samples, spread evenly')
    parser.add_argument('--split', choices=('train', 'val', 'test'),
                        default='train')
    parser.add_argument('--bands', type=int, nargs=3, metavar=('R', 'G', 'B'),
                        help='channels to show, counted from 0')
    parser.add_argument('--seed', type=int, default=0,
                        help='seed of the augmentation')
    add_cfg_options(parser)
    options = vars(parser.parse_args())
    from mmeo.apis import browse
    files = browse(**options)
    print(f'{len(files)} pictures in {files[0].parent}')


if __name__ == '__main__':
    sys.exit(run_main(main))
