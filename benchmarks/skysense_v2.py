#!/usr/bin/env python
# Copyright (c) mmeo contributors. All rights reserved.
"""SkySense V2: what its parts cost.

    python benchmarks/skysense_v2.py attention    # against mmpretrain
    python benchmarks/skysense_v2.py moe          # against a dense FFN
    python benchmarks/skysense_v2.py scaling      # against image size
    python benchmarks/skysense_v2.py pretrain     # a step of a config

On a GPU: ``--device cuda --dtype bfloat16``. Each part is a module of
``benchmarks/skysense``; ``PART --help`` lists its options.
"""

import argparse
import importlib
import sys

import mmeo  # noqa: F401  (before its siblings, which then import quietly)

PARTS = ('attention', 'moe', 'scaling', 'pretrain')


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument('part', choices=PARTS)
    chosen = parser.parse_args(sys.argv[1:2]).part
    part = importlib.import_module(f'skysense.{chosen}')
    options = argparse.ArgumentParser(
        prog=f'skysense_v2.py {chosen}', description=part.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    part.add_arguments(options)
    return part.run(options.parse_args(sys.argv[2:]))


if __name__ == '__main__':
    sys.exit(main())
