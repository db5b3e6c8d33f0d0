#!/usr/bin/env python
# Copyright (c) mmeo contributors. All rights reserved.
"""Count parameters and operations: ``get_flops.py CONFIG``."""

import sys
from argparse import ArgumentParser

from mmeo.apis.arguments import add_cfg_options
from mmeo.apis.run import run_main


def main() -> None:
    parser = ArgumentParser(description='Count the parameters and operations '
                            'of a model')
    parser.add_argument('config', help='config file')
    parser.add_argument('--shape', type=int, nargs='+', metavar='N',
                        help='SIZE, HEIGHT WIDTH or CHANNELS HEIGHT WIDTH; '
                        'the crop size of the config by default')
    add_cfg_options(parser)
    options = parser.parse_args()
    from mmeo.apis import complexity
    print(complexity(**vars(options)).table())


if __name__ == '__main__':
    sys.exit(run_main(main))
