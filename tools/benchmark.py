#!/usr/bin/env python
# Copyright (c) mmeo contributors. All rights reserved.
"""Paper against measured: ``python tools/benchmark.py table vitp``."""

import sys
from argparse import ArgumentParser

from mmeo.apis.arguments_analysis import record_arguments, table_arguments
from mmeo.apis.run import run_main


def main() -> None:
    parser = ArgumentParser(description='Compare papers with run records')
    commands = parser.add_subparsers(dest='command', required=True)
    table_arguments(commands.add_parser(
        'table', help="a paper's tables, our column from run records"))
    record_arguments(commands.add_parser(
        'record', help='write a run record by hand, e.g. of the result of an '
        'evaluation server'))
    options = vars(parser.parse_args())
    from mmeo import apis
    print(getattr(apis, options.pop('command'))(**options))


if __name__ == '__main__':
    sys.exit(run_main(main))
