#!/usr/bin/env python
# Copyright (c) mmeo contributors. All rights reserved.
"""SkySense-VITA: what modes, classes, shots and windows cost.

    python benchmarks/vita.py modes      # one mode against all three
    python benchmarks/vita.py classes    # 1 to 64 classes
    python benchmarks/vita.py shots      # 1 to 8 examples
    python benchmarks/vita.py window     # prompts encoded once or each time

Former and Decoder have the paper's sizes; encoders are apart but in
``window``. On a GPU: ``--device cuda --dtype bfloat16``. Each part is a module
of ``benchmarks/in_context``; ``PART --help`` lists its options.
"""

import argparse
import importlib
import sys

import mmeo  # noqa: F401  (before its siblings, which then import quietly)

PARTS = ('modes', 'classes', 'shots', 'window')


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument('part', choices=PARTS)
    chosen = parser.parse_args(sys.argv[1:2]).part
    part = importlib.import_module(f'in_context.{chosen}')
    options = argparse.ArgumentParser(
        prog=f'vita.py {chosen}', description=part.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    part.add_arguments(options)
    return part.run(options.parse_args(sys.argv[2:]))


if __name__ == '__main__':
    sys.exit(main())
