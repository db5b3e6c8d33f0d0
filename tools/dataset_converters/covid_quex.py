#!/usr/bin/env python
# Copyright (c) mmeo contributors. All rights reserved.
"""COVID-QU-Ex: X-rays and masks to img_dir and ann_dir, official splits."""

import argparse
import sys

from mmeo.apis.run import run_main
from mmeo.datasets.converters import covid_quex


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        'source', help="the inner folder 'Infection Segmentation Data'")
    parser.add_argument('out')
    parser.add_argument(
        '--target', choices=list(covid_quex.TARGETS), default='infection')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    print(covid_quex.convert(args.source, args.out, args.target))


if __name__ == '__main__':
    sys.exit(run_main(main))
