#!/usr/bin/env python
# Copyright (c) mmeo contributors. All rights reserved.
"""REOBench's corruptions: ``test_robustness.py CONFIG CHECKPOINT``."""

import sys
from argparse import ArgumentParser

from mmeo.apis.arguments_analysis import robustness_arguments
from mmeo.apis.run import run_main


def main() -> None:
    options = robustness_arguments(ArgumentParser(
        description='Test a detector on corrupted images')).parse_args()
    from mmeo.apis import robustness
    robustness(**vars(options))


if __name__ == '__main__':
    sys.exit(run_main(main))
