#!/usr/bin/env python
# Copyright (c) mmeo contributors. All rights reserved.
"""Print a config with all it inherits: ``print_config.py CONFIG``."""

import sys
from argparse import ArgumentParser

from mmeo.apis.arguments import add_cfg_options
from mmeo.apis.run import run_main


def main() -> None:
    parser = ArgumentParser(description='Print a config with all it inherits')
    parser.add_argument('config', help='config file')
    parser.add_argument('--field', metavar='KEY',
                        help='only this part, e.g. model.backbone')
    add_cfg_options(parser)
    options = parser.parse_args()
    from mmeo.apis.config import describe, load_config
    print(describe(load_config(options.config, options.cfg_options),
                   options.field))


if __name__ == '__main__':
    sys.exit(run_main(main))
