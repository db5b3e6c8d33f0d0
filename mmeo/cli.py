# Copyright (c) mmeo contributors. All rights reserved.
"""The ``mmeo`` command: ``mmeo doctor``, ``mmeo train``, ``mmeo table`` …"""

import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from typing import Optional

COMMANDS = {
    'doctor': 'check the environment and say the fix for each failure',
    'train': 'train a model',
    'test': 'evaluate a checkpoint',
    'prompt': 'segment images by an example, by names, or by both',
    'chat': 'talk about an image or a pair of dates',
    'demo': 'serve an interactive page on this computer',
    'table': "a paper's tables beside what was measured",
}


def build_parser(command: Optional[str] = None) -> ArgumentParser:
    """The parser of the command line.

    Args:
        command (str, optional): The subcommand that will be parsed. Only its
            options are loaded, because those of train and test need
            mmengine, and the doctor must start without.
    """
    parser = ArgumentParser(
        prog='mmeo', description='Earth-observation foundation models')
    commands = parser.add_subparsers(dest='command', required=True,
                                     metavar='COMMAND')
    for name, text in COMMANDS.items():
        sub = commands.add_parser(name, help=text, description=text)
        if name == 'doctor':
            sub.add_argument('--json', action='store_true', dest='as_json',
                             help='print JSON')
        elif name == command:
            if name == 'table':
                from mmeo.apis import arguments_analysis as arguments
            elif name == 'prompt':
                from mmeo.apis import arguments_prompt as arguments
            elif name == 'chat':
                from mmeo.apis import arguments_chat as arguments
            elif name == 'demo':
                from mmeo.demo import arguments
            else:
                from mmeo.apis import arguments
            getattr(arguments, f'{name}_arguments')(sub)
    return parser


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run the command line.

    Args:
        argv (Sequence[str], optional): Arguments; those of the process by
            default.

    Returns:
        int: Exit code. All commands but ``doctor`` exit by themselves.
    """
    argv = list(sys.argv[1:] if argv is None else argv)
    command = next((word for word in argv if not word.startswith('-')), None)
    options = vars(build_parser(command).parse_args(argv))
    command = options.pop('command')
    if command == 'doctor':
        from mmeo.doctor import run_doctor
        return run_doctor(**options)
    from mmeo import apis
    from mmeo.apis.run import run_main
    if command == 'table':
        run_main(lambda: print(apis.table(**options)))
    if command == 'demo':
        from mmeo.demo.server import demo
        run_main(lambda: demo(**options))
    run_main(lambda: getattr(apis, command)(**options) and None)
    return 0


if __name__ == '__main__':
    sys.exit(main())
