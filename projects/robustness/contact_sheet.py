#!/usr/bin/env python
# Copyright (c) mmeo contributors. All rights reserved.
"""All corruptions of one test image: ``contact_sheet.py CONFIG``."""

import sys
from argparse import ArgumentParser
from pathlib import Path

from mmeo.apis.arguments import add_cfg_options
from mmeo.apis.run import run_main


def main() -> None:
    parser = ArgumentParser(description='Draw all corruptions of an image')
    parser.add_argument('config', help='config whose test set is shown')
    parser.add_argument('--index', type=int, default=0,
                        help='image of the test set')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--width', type=int, default=256,
                        help='of a panel in pixels')
    parser.add_argument('--crop', type=int, metavar='N', help='show only N '
                        'pixels around the centre')
    parser.add_argument('--out', default='work_dirs/corruptions.png')
    add_cfg_options(parser)
    args = parser.parse_args()

    from PIL import Image

    from mmeo.apis.browsing import build_dataset
    from mmeo.apis.config import load_config
    from mmeo.visualization import read_rgb
    from mmeo.visualization.corruptions import corruption_sheet
    dataset = build_dataset(load_config(args.config, args.cfg_options),
                            'test')
    results = dataset.get_data_info(args.index)
    results['img'] = read_rgb(results['img_path'])
    sheet = corruption_sheet(results, seed=args.seed, width=args.width,
                             crop=args.crop)
    Path(args.out).parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(sheet).save(args.out)
    print(f'{args.out}: {sheet.shape[1]} x {sheet.shape[0]}')


if __name__ == '__main__':
    sys.exit(run_main(main))
