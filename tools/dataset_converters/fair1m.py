#!/usr/bin/env python
# Copyright (c) mmeo contributors. All rights reserved.
"""FAIR1M: official tree to DOTA's form, predictions to the benchmark's."""

import argparse
import sys

from mmeo.apis.run import run_main
from mmeo.datasets.converters import fair1m


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest='command', required=True)
    convert = commands.add_parser(
        'convert', help='official tree to SPLIT/{images,labelTxt}')
    convert.add_argument('source', help='folder with train, validation, test')
    convert.add_argument('out')
    convert.add_argument('--splits', nargs='+', default=list(fair1m.PARTS),
                         choices=list(fair1m.PARTS))
    submit = commands.add_parser('submit', help='merged results to the zip '
                                 'of XML files')
    submit.add_argument('predictions', help='folder of Task1_CLASS.txt')
    submit.add_argument('images', help='folder of the test images')
    submit.add_argument('out', help='the .zip to write')
    submit.add_argument('--author', default='mmeo',
                        help='name to put into the files')
    return parser.parse_args()


def main() -> None:
    args = vars(parse_args())
    command = args.pop('command')
    for name, value in getattr(fair1m, command)(**args).items():
        print(f'{name}\n{value}' if command == 'convert' else
              f'{name}: {value}')


if __name__ == '__main__':
    sys.exit(run_main(main))
