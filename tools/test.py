#!/usr/bin/env python
# Copyright (c) mmeo contributors. All rights reserved.
"""Evaluate a model: ``python tools/test.py CONFIG CHECKPOINT [options]``."""

import sys

from mmeo.apis.arguments import test_arguments
from mmeo.apis.run import run_main


def main() -> None:
    options = test_arguments().parse_args()
    from mmeo.apis import test
    test(**vars(options))


if __name__ == '__main__':
    sys.exit(run_main(main))
