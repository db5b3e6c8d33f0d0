#!/usr/bin/env python
# Copyright (c) mmeo contributors. All rights reserved.
"""Train a model: ``python tools/train.py CONFIG [options]``."""

import sys

from mmeo.apis.arguments import train_arguments
from mmeo.apis.run import run_main


def main() -> None:
    options = train_arguments().parse_args()
    from mmeo.apis import train
    train(**vars(options))


if __name__ == '__main__':
    sys.exit(run_main(main))
