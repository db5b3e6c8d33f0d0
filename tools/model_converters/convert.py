#!/usr/bin/env python
# Copyright (c) mmeo contributors. All rights reserved.
"""Convert a checkpoint between key layouts, or take its vision encoder.

An output without suffix is a folder: weights and config.json, which
transformers loads with --to hf.
"""

import argparse
import sys
from pathlib import Path

from mmeo import weights
from mmeo.errors import CheckpointError, UserError


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        'src', help='*.safetensors, a folder of them, or *.pth')
    parser.add_argument(
        'dst', help='*.safetensors or *.pth to write, or a folder')
    parser.add_argument(
        '--to', default='mmeo', help='mmeo (default), hf or original')
    parser.add_argument(
        '--family',
        default='auto',
        help='auto (default), internvit, internvl or vitp_finetuned')
    parser.add_argument(
        '--vision-only',
        action='store_true',
        help='keep only the vision encoder of a larger model')
    parser.add_argument(
        '--config',
        help='for a folder: config.json or mmeo config of the model; by '
        'default that of the source folder')
    parser.add_argument(
        '--assets',
        help='for a folder: where to copy tokenizer files from; by default '
        'the source folder')
    parser.add_argument(
        '--max-shard-size', default='5GB', help='per file of a folder')
    parser.add_argument(
        '--trust-checkpoint',
        action='store_true',
        help='read pickles that may run code; only for files you trust')
    return parser.parse_args()


def save(state: dict, path: Path) -> None:
    """Write tensors by the suffix of ``path``, never half a file."""
    import torch
    from safetensors.torch import save_file
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + '.part')
    if path.suffix == '.safetensors':
        # The format wants plain, unshared memory.
        state = {key: value.contiguous().clone()
                 for key, value in state.items()}
        save_file(state, part, metadata={'format': 'pt'})
    elif path.suffix in ('.pth', '.pt'):
        torch.save(dict(state_dict=state), part)
    else:
        raise CheckpointError(f'{path} must end in .safetensors, .pth or .pt.')
    part.replace(path)


def save_model(args: argparse.Namespace) -> None:
    """Write a folder with config.json."""
    source = args.src if Path(args.src).is_dir() else None
    config = args.config or source
    if config is None:
        raise CheckpointError(
            f'{args.dst} has no suffix and so is a folder, which needs a '
            'config.json: give --config CONFIG of the checkpoint, or a name '
            'ending in .safetensors.')
    spec = weights.read_spec(config)
    if args.vision_only:
        spec.text = {}
    report = weights.save_folder(
        weights.load(args.src, trust=args.trust_checkpoint), args.dst, spec,
        args.to, args.assets or source, args.max_shard_size)
    print(report.text())


def main() -> None:
    args = parse_args()
    if not Path(args.dst).suffix:
        save_model(args)
        return
    family = 'internvit' if args.vision_only else args.family
    state, report = weights.convert_with_report(
        weights.load(args.src, trust=args.trust_checkpoint), args.to, family)
    print(report.text())
    save(state, Path(args.dst))
    size = sum(value.numel() for value in state.values())
    print(f'{args.dst}: {len(state)} tensors, {size:,} values, '
          f'{args.to} layout')


if __name__ == '__main__':
    try:
        main()
    except UserError as error:
        sys.exit(f'error: {error}')
