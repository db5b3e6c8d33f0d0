#!/usr/bin/env python
# Copyright (c) mmeo contributors. All rights reserved.
"""Embed class names for image-text alignment, once, into a safetensors file.

With a CLIP of transformers, or with --random: orthogonal rows that know no
language, for tests and where there is no text model.
"""

import argparse
import sys

from mmeo.apis.run import run_main


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('out', help='*.safetensors to write')
    parser.add_argument(
        '--classes',
        default='osm',
        help="'osm' (default), a JSON list of names, or the semantics.json of "
        'SynthEarth')
    parser.add_argument(
        '--legend-level',
        type=int,
        default=1,
        help='of semantics.json: 0 groups, 1 kinds (default), 2 leaves')
    kind = parser.add_mutually_exclusive_group(required=True)
    kind.add_argument(
        '--model', help='folder or hub name of a CLIP, e.g. '
        'openai/clip-vit-large-patch14')
    kind.add_argument(
        '--random', type=int, metavar='DIM',
        help='random orthogonal rows of DIM numbers: no knowledge of language')
    parser.add_argument(
        '--seed', type=int, default=0, help='of --random; default 0')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    from mmeo.models.selfsup import text_embeddings as text
    names = text.read_class_names(args.classes, args.legend_level)
    if args.random:
        table = text.random_table(len(names), args.random, args.seed)
        model = f'{text.RANDOM} (seed {args.seed})'
    else:
        table = text.embed_names(names, args.model)
        model = args.model
    text.save_table(args.out, table, names, model)
    print(f'{args.out}: {len(names)} classes, {table.shape[1]} dimensions, '
          f'{model}')


if __name__ == '__main__':
    sys.exit(run_main(main))
