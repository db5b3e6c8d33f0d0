#!/usr/bin/env python
# Copyright (c) mmeo contributors. All rights reserved.
"""Check data before a run: ``check_dataset.py TARGET``.

Instruction data, or places seen by several sensors, whose bands
``--norm-report`` measures.
"""

import json
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any, Optional

from mmeo.apis.arguments import add_cfg_options
from mmeo.apis.arguments_series import (
    add_series_arguments,
    is_series_config,
    is_series_target,
)
from mmeo.apis.run import run_main


def parse_args() -> Namespace:
    parser = ArgumentParser(
        description='Report flaws of instruction data, or of places seen by '
        'several sensors. Exit code 0: no errors, 2: errors (with --strict '
        'also warnings).')
    parser.add_argument('target', help='a .jsonl, a LLaVA .json, an InternVL '
                        'meta .json, a config (.py), or images (see below)')
    parser.add_argument('--data-root', default='',
                        help='folder of relative paths (not for configs)')
    parser.add_argument('--split', choices=('train', 'val', 'test'),
                        default='train', help='dataloader of a config')
    parser.add_argument('--images', action='store_true',
                        help='decode every image completely')
    parser.add_argument('--tokenizer', help='folder of a tokenizer: count '
                        'tokens. A config brings its own')
    parser.add_argument('--no-tokens', action='store_true',
                        help='count no tokens')
    parser.add_argument('--max-seq-len', type=int)
    parser.add_argument('--max-tiles', type=int)
    parser.add_argument('--image-size', type=int)
    parser.add_argument('--tokens-per-tile', type=int)
    parser.add_argument('--examples', type=int, default=5,
                        help='shown of each kind')
    parser.add_argument('--workers', type=int, default=4,
                        help='processes; 0 works in this one')
    parser.add_argument('--json', metavar='FILE', help='write the report')
    parser.add_argument('--strict', action='store_true',
                        help='warnings count as errors')
    parser.add_argument('--mask-grid', type=int, default=24,
                        help='cells of a side of masks in [SEG] answers')
    parser.add_argument('--truth', action='store_true',
                        help='an evaluation file: one question a record, '
                        'with the fields that metrics read')
    parser.add_argument('--one-granularity', action='store_true',
                        help='the questions of a dialogue must be for one '
                        'expert ([VQA], [VG], [SEG] are for three)')
    parser.add_argument('--mixture', action='store_true',
                        help='only print the shares, from the lengths that '
                        'the config or meta states; reads no data')
    parser.add_argument('--write-meta', metavar='FILE',
                        help='with --mixture: also write an InternVL meta')
    add_series_arguments(parser)
    add_cfg_options(parser)
    return parser.parse_args()


def main() -> Optional[int]:
    args = parse_args()
    if is_series_target(args.target):
        from mmeo.apis.check_series import run_series
        return run_series(args.target, args)
    from mmeo.datasets.instruct_targets import config_target, file_target
    if args.target.endswith('.py'):
        from mmengine.registry import init_default_scope

        from mmeo.apis.config import load_config
        cfg = load_config(args.target, args.cfg_options)
        init_default_scope(cfg.get('default_scope', 'mmeo'))
        if is_series_config(cfg, args.split):
            from mmeo.apis.check_series import run_series
            return run_series(args.target, args, cfg)
        target = config_target(cfg, args.split)
    else:
        target = file_target(args.target, args.data_root)
    return show_mixture(target, args) if args.mixture else \
        check(target, args)


def show_mixture(target: Any, args: Namespace) -> None:
    from mmeo.datasets.instruct_meta import write_meta
    from mmeo.datasets.instruct_repeats import format_mixture, mixture_rows
    from mmeo.errors import ConfigError
    unknown = [s.name for s in target.sources if s.length is None]
    if unknown:
        raise ConfigError(f'no `length` is stated for {", ".join(unknown)}')
    print(format_mixture(mixture_rows(*zip(
        *((s.name, s.length, s.repeat) for s in target.sources)))))
    for note in target.notes:
        print(note)
    if args.write_meta:
        write_meta(target.sources, args.write_meta)
        print(f'meta: {args.write_meta}')


def check(target: Any, args: Namespace) -> int:
    from mmeo.datasets.instruct_audit import audit
    from mmeo.datasets.instruct_check import CheckSettings
    from mmeo.datasets.instruct_targets import token_transforms
    transforms = None if args.no_tokens else token_transforms(
        target, args.tokenizer, max_seq_len=args.max_seq_len,
        max_tiles=args.max_tiles, image_size=args.image_size,
        tokens_per_tile=args.tokens_per_tile)
    tiling, pack = transforms or (None, None)
    report = audit(
        target.sources,
        CheckSettings(args.images, tiling, pack, limit=args.examples,
                      mask_grid=args.mask_grid, truth=args.truth,
                      one_granularity=args.one_granularity),
        args.workers,
        done=lambda r: print(f'{r.source.name}: {r.records} records',
                             file=sys.stderr))
    report.notes += target.notes
    if pack is None:
        report.notes.append('Lengths were not checked: give --tokenizer.')
    if not args.images:
        report.notes.append('Images were not decoded: give --images.')
    print(report)
    if args.json:
        Path(args.json).write_text(json.dumps(
            report.to_dict(), indent=2, ensure_ascii=False) + '\n')
    failed = report.errors or (args.strict and report.warnings)
    return 2 if failed else 0


if __name__ == '__main__':
    sys.exit(run_main(main))
