#!/usr/bin/env python
# Copyright (c) mmeo contributors. All rights reserved.
"""Convert a checkpoint between key layouts, or take its vision encoder.

An output without suffix is a folder: weights and config.json, which
transformers loads with --to hf (InternVL). Weights of SkySense have parts
(--part), and --warm-start-v2 starts a SkySenseV2 from V1's high-resolution
encoder. A LLaVA-OneVision becomes an RSUniVLM with --family rsunivlm, an
RSUniVLM a dense model with --expert; --qwen2 joins SigLIP and Qwen2.
"""

import argparse
import sys
from pathlib import Path

from mmeo import weights
from mmeo.codecs.tasks import GRANULARITIES
from mmeo.errors import CheckpointError, UserError

# Families that are written to a file only.
_FILES = ('siglip', 'llava_onevision', 'rsunivlm', 'skysense_v1',
          'skysense_pp')


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
        help='auto (default), ' + ', '.join(weights.FAMILIES))
    parser.add_argument(
        '--part',
        help='of SkySense: hr, s2, s1, fusion, head_s2, head_s1, calendar or '
        'all; by default the only one in the file, or all')
    parser.add_argument(
        '--warm-start-v2',
        metavar='ARCH',
        help="write a whole SkySenseV2 of this arch (huge) that starts from "
        "SkySense V1's hr")
    parser.add_argument(
        '--global-stages',
        action='store_true',
        help='with --warm-start-v2: copy into stages 3 and 4 as well')
    parser.add_argument(
        '--seed', type=int, default=0, help='of what --warm-start-v2 draws')
    parser.add_argument(
        '--expert',
        choices=GRANULARITIES,
        help='of RSUniVLM: keep the dense model of this granularity')
    parser.add_argument(
        '--qwen2',
        metavar='LLM',
        help='src is SigLIP: join it with this Qwen2 (file or folder) into '
        'an untrained LLaVA')
    parser.add_argument(
        '--vocab-rows',
        type=int,
        help='cut or fill the vocabulary to so many rows')
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
    args = parser.parse_args()
    if args.global_stages and not args.warm_start_v2:
        parser.error('--global-stages belongs to --warm-start-v2')
    if args.warm_start_v2 and args.part:
        parser.error("--warm-start-v2 always takes part 'hr': leave out "
                     '--part')
    return args


def save(state: dict, path: Path, about: dict) -> None:
    """Write tensors by the suffix of ``path``, never half a file."""
    import torch
    from safetensors.torch import save_file
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + '.part')
    if path.suffix == '.safetensors':
        # The format wants plain, unshared memory.
        state = {key: value.contiguous().clone()
                 for key, value in state.items()}
        save_file(state, part, metadata={'format': 'pt', **about})
    elif path.suffix in ('.pth', '.pt'):
        torch.save(dict(state_dict=state, meta=about), part)
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


def convert(args: argparse.Namespace) -> tuple[dict, weights.Report]:
    """Convert, or start a SkySenseV2."""
    source = weights.load(args.src, trust=args.trust_checkpoint)
    if args.warm_start_v2:
        import torch

        from mmeo import build
        torch.manual_seed(args.seed)
        model = build('SkySenseV2', arch=args.warm_start_v2)
        return weights.warm_start_v2(source, model.state_dict(),
                                     args.global_stages)
    if args.qwen2:
        llm = weights.load(args.qwen2, trust=args.trust_checkpoint)
        state, report = weights.compose_llava(
            weights.unwrap(source), weights.unwrap(llm), seed=args.seed)
        return finish(state, report, args, 'llava_onevision')
    family = 'internvit' if args.vision_only else args.family
    if args.expert is None and args.vocab_rows is None:
        return weights.convert_with_report(source, args.to, family, args.part)
    state, report = weights.convert_with_report(source, 'mmeo', family,
                                                args.part)
    return finish(state, report, args, report.family)


def finish(state: dict, report: weights.Report, args: argparse.Namespace,
           family: str) -> tuple[dict, weights.Report]:
    """From mmeo's names: expert, vocabulary, layout."""
    if args.expert is not None:
        state = weights.extract_expert(state,
                                       GRANULARITIES.index(args.expert))
        family = 'llava_onevision'
        report.notes.append(f'the expert {args.expert!r} alone')
    if args.vocab_rows is not None:
        state, notes = weights.resize_vocabulary(state, args.vocab_rows,
                                                 args.seed)
        report.notes += notes
    return weights.FAMILIES[family].from_mmeo(state, args.to), report


def main() -> None:
    args = parse_args()
    if not Path(args.dst).suffix:
        if args.part or args.warm_start_v2 or args.qwen2 or args.expert \
                or args.vocab_rows or args.family in _FILES:
            raise CheckpointError(
                f'{args.dst} has no suffix and so is a folder, which is '
                'written of InternVL only: give a name ending in '
                '.safetensors.')
        save_model(args)
        return
    state, report = convert(args)
    print(report.text())
    save(state, Path(args.dst), weights.describe(args.src, report, state))
    size = sum(value.numel() for value in state.values())
    print(f'{args.dst}: {len(state)} tensors, {size:,} values, '
          f'{"mmeo" if args.warm_start_v2 else args.to} layout')


if __name__ == '__main__':
    try:
        main()
    except UserError as error:
        sys.exit(f'error: {error}')
