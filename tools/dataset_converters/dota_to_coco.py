#!/usr/bin/env python
# Copyright (c) mmeo contributors. All rights reserved.
"""Horizontal boxes around DOTA's objects, as a COCO file."""

import argparse
import sys

from mmeo.apis.run import run_main
from mmeo.datasets import DOTADataset, DOTAv2Dataset, RSARDataset
from mmeo.datasets.converters.dota import dota_to_coco

CLASSES = dict(v1=DOTADataset, v2=DOTAv2Dataset, rsar=RSARDataset)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument('part', help='folder with images/ and labels')
    parser.add_argument('out', help='JSON file to write')
    parser.add_argument('--classes', nargs='+', default=['v1'],
                        help='v1, v2 or rsar, or names in order')
    parser.add_argument('--label-dir', default='labelTxt',
                        help='name of the label folder')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    classes = args.classes
    if len(classes) == 1 and classes[0] in CLASSES:
        classes = CLASSES[classes[0]].METAINFO['classes']
    report = dota_to_coco(args.part, args.out, classes, args.label_dir)
    print(f'{args.out}\n{report}')


if __name__ == '__main__':
    sys.exit(run_main(main))
