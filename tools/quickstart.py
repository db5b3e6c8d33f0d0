#!/usr/bin/env python
# Copyright (c) mmeo contributors. All rights reserved.
"""The main job, small: pretrain a ViT on instructions, fine-tune it on three
tasks against a random initialisation, and write a report."""

import argparse
import sys
from pathlib import Path

from mmeo.benchmarks.quickstart import Plan, run_quickstart
from mmeo.errors import UserError

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--work-dir', type=Path,
                        default=ROOT / 'work_dirs' / 'quickstart')
    parser.add_argument('--seeds', type=int, default=1,
                        help='fine-tuning runs per task and initialisation')
    parser.add_argument('--scenes', type=int, default=Plan.scenes)
    args = parser.parse_args()
    plan = Plan(root=ROOT, work_dir=args.work_dir.resolve(),
                data=ROOT / 'data' / 'synthearth', scenes=args.scenes,
                seeds=args.seeds)
    try:
        run_quickstart(plan)
    except UserError as error:
        print(f'error: {error}', file=sys.stderr)
        return 2
    return 0


if __name__ == '__main__':
    sys.exit(main())
