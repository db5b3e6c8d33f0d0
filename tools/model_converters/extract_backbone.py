#!/usr/bin/env python
# Copyright (c) mmeo contributors. All rights reserved.
"""Take the backbone out of a checkpoint of a pretraining.

Of SkySense V2's (--side teacher or student), or of stage 1 of SkySense-VITA
(--side sar or optical). The file is what init_cfg=dict(type='Pretrained',
checkpoint=...) of the backbone loads; with --fusion that of MultiModalEncoder.
Its header says how images have to be normalised.
"""

import argparse
import sys
from pathlib import Path

from mmeo.apis.run import run_main


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('src', help='iter_*.pth of the pretraining')
    parser.add_argument('dst', help='*.safetensors to write')
    parser.add_argument(
        '--side',
        choices=('teacher', 'student', 'sar', 'optical'),
        default='teacher',
        help='of SkySense V2 the moving average (default) or the trained '
        'weights; of SkySense-VITA the SAR encoder or the frozen optical one')
    parser.add_argument(
        '--fusion',
        action='store_true',
        help='take the fusion transformer along')
    parser.add_argument(
        '--trust-checkpoint',
        action='store_true',
        help='read pickles that may run code; only for files you trust')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    from safetensors.torch import save_file

    from mmeo import weights
    from mmeo.errors import CheckpointError
    dst = Path(args.dst)
    if dst.suffix != '.safetensors':
        raise CheckpointError(f'{dst} must end in .safetensors.')
    checkpoint = weights.load(args.src, trust=args.trust_checkpoint)
    state = weights.extract_backbone(checkpoint, args.side, args.fusion)
    about = weights.describe_backbone(args.src, checkpoint, args.side)
    dst.parent.mkdir(parents=True, exist_ok=True)
    part = dst.with_name(dst.name + '.part')
    # The format wants plain, unshared memory.
    save_file({key: value.contiguous().clone()
               for key, value in state.items()}, part,
              metadata={'format': 'pt', **about})
    part.replace(dst)
    size = sum(value.numel() for value in state.values())
    print(f'{dst}: {len(state)} tensors, {size:,} values of the {args.side}, '
          f'iteration {about["mmeo.iterations"]}')


if __name__ == '__main__':
    sys.exit(run_main(main))
