#!/usr/bin/env python
# Copyright (c) mmeo contributors. All rights reserved.
"""Index installed segmentation data sets by class, as Sky-VT-300k does."""

import argparse
import sys

from mmeo.apis.run import run_main


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='config with `datasets` (see '
                        'docs/en/semantic_granularity.md)')
    parser.add_argument('out', help='index to write, .json; NAME.py and '
                        'NAME_parts/ are written beside it')
    parser.add_argument('--exemplars', type=int, default=16,
                        help='images listed for each class of a data set')
    parser.add_argument('--min-pixels', type=int, default=64,
                        help='that make an image an example of a class')
    parser.add_argument('--workers', type=int, default=4,
                        help='threads that read label maps')
    return parser.parse_args()


def main() -> None:
    args = vars(parse_args())
    from mmengine.registry import init_default_scope

    from mmeo.datasets.converters import sky_vt
    init_default_scope('mmeo')
    print(sky_vt.format_statistics(sky_vt.convert(**args)))


if __name__ == '__main__':
    sys.exit(run_main(main))
