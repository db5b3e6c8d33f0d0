#!/usr/bin/env python
# Copyright (c) mmeo contributors. All rights reserved.
"""Convert a raw data set into instruction records (JSON lines + meta).

``python tools/dataset_converters/to_instruct.py SOURCE ROOT --out FILE.jsonl``
"""

import sys

from mmeo.apis.run import run_main
from mmeo.datasets.instruct_converters.cli import parse_args


def main() -> None:
    source, root, out, options = parse_args()
    from mmeo.datasets.instruct_converters import convert_instruct
    report = convert_instruct(source, root, out, **options)
    print(f'{source}: {out}', *report.lines(), sep='\n')


if __name__ == '__main__':
    sys.exit(run_main(main))
