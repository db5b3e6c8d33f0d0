#!/usr/bin/env python
# Copyright (c) mmeo contributors. All rights reserved.
"""Pascal VOC's XML files to a COCO file."""

import argparse
import sys
from pathlib import Path

from mmeo.apis.run import run_main
from mmeo.datasets.converters.voc import voc_to_coco


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument('images', help='folder of the images')
    parser.add_argument('annotations', help='folder of the XML files')
    parser.add_argument('out', help='JSON file to write')
    parser.add_argument('--classes', nargs='+', required=True,
                        help='names in the order of category ids')
    parser.add_argument('--names', metavar='TXT',
                        help='list of image names; all XML files without it')
    parser.add_argument('--suffix', default='jpg', help='of the images')
    parser.add_argument('--zero-based', action='store_true',
                        help='boxes are edges, not pixels counted from 1')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    names = Path(args.names).read_text().split() if args.names else None
    report = voc_to_coco(args.images, args.annotations, args.out,
                         args.classes, names, args.suffix,
                         one_based=not args.zero_based)
    print(f'{args.out}\n{report}')


if __name__ == '__main__':
    sys.exit(run_main(main))
