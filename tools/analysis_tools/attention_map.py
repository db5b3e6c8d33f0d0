#!/usr/bin/env python
# Copyright (c) mmeo contributors. All rights reserved.
"""What a patch attends to: ``attention_map.py CONFIG IMAGE --query X,Y``."""

import sys
from argparse import ArgumentParser

from mmeo.apis.arguments_analysis import attention_arguments
from mmeo.apis.run import run_main


def main() -> None:
    options = attention_arguments(ArgumentParser(
        description='Draw what the patch under a pixel attends to'))
    from mmeo.apis import attention_map
    print(attention_map(**vars(options.parse_args())))


if __name__ == '__main__':
    sys.exit(run_main(main))
