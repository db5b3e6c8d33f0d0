# Copyright (c) mmeo contributors. All rights reserved.
"""Arguments of tools/dataset_converters/to_instruct.py."""

import argparse
from collections.abc import Sequence
from typing import Any, Optional

from mmeo.datasets.instruct_converters.items import SOURCES, Source
from mmeo.datasets.instruct_converters.style import STYLES

_TEXT = argparse.RawDescriptionHelpFormatter


def build_parser() -> argparse.ArgumentParser:
    """One sub-command a source."""
    parser = argparse.ArgumentParser(
        prog='to_instruct.py', formatter_class=_TEXT,
        description='Convert a raw data set into JSON lines for '
        'InstructDataset. `to_instruct.py SOURCE --help` shows the files a '
        'source expects.')
    commands = parser.add_subparsers(dest='source', required=True,
                                     metavar='SOURCE')
    for name in sorted(SOURCES):
        source = SOURCES[name]
        command = commands.add_parser(
            name, help=source.title, formatter_class=_TEXT,
            description=f'{source.title}\n\nAsks: {source.asks}\n\n'
            f'Files:\n{source.tree}')
        _add_common(command)
        _add_own(command, source)
    return parser


def _add_common(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    add('root', metavar='ROOT', help='folder or file of the raw data')
    add('--out', required=True, help='.jsonl to write')
    add('--image-root', help='folder that image paths are relative to')
    add('--meta', help='InternVL meta JSON to create or add to')
    add('--name', help='entry of the meta (default: name of --out)')
    add('--repeat', type=float, default=1, help='repeat_time of the entry')
    add('--max-tiles', type=int, help='max_dynamic_patch of the entry')
    add('--jpeg-augment', action='store_true',
        help='data_augment of the entry')
    add('--seed', type=int, default=0,
        help='of wording, options and chosen questions (default: 0)')
    add('--limit', type=int, help='stop after so many records')
    add('--exclude', metavar='LIST',
        help='text file of image names to leave out (test images)')
    add('--strict', action='store_true',
        help='stop at the first flaw instead of counting it')
    add('--templates', help='JSON file that replaces wordings')
    add('--style', choices=tuple(STYLES), default='internvl',
        help='rsunivlm: task tokens, boxes from 0 to 100, the prompts of its '
        'paper (default: internvl)')
    add('--truth', action='store_true',
        help='for evaluation: one question a record, with the fields that '
        'metrics read')


def _add_own(command: argparse.ArgumentParser, source: Source) -> None:
    group = command.add_argument_group(f'options of {source.name}')
    for option in source.options:
        default = ('' if option.default in (None, '')
                   else f' (default: {option.default})')
        group.add_argument(
            option.flag, type=option.type, default=option.default,
            choices=option.choices, required=option.required,
            help=(option.help + default).replace('%', '%%'))


def parse_args(arguments: Optional[Sequence[str]] = None
               ) -> tuple[str, str, str, dict[str, Any]]:
    """Parse the command line.

    Returns:
        tuple: Source, root, output, and keywords of
        :func:`~mmeo.datasets.instruct_converters.convert_instruct`.
    """
    options = vars(build_parser().parse_args(arguments))
    return (options.pop('source'), options.pop('root'), options.pop('out'),
            options)
