#!/usr/bin/env python
# Copyright (c) mmeo contributors. All rights reserved.
"""Merge LoRA adapters into the weights they belong to.

The result fits configs without LoRA, e.g. those for evaluation.
"""

import argparse
import sys

from mmeo.apis.merging import merge_adapters
from mmeo.errors import UserError


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='config of the training run')
    parser.add_argument('checkpoint', help='its checkpoint')
    parser.add_argument('out', help='*.pth to write')
    parser.add_argument(
        '--trust-checkpoint',
        action='store_true',
        help='unpickle any object, which can run code')
    return parser.parse_args()


if __name__ == '__main__':
    args = parse_args()
    try:
        count = merge_adapters(args.config, args.checkpoint, args.out,
                               args.trust_checkpoint)
    except UserError as error:
        sys.exit(f'error: {error}')
    print(f'{args.out}: {count} layers merged')
