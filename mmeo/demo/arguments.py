# Copyright (c) mmeo contributors. All rights reserved.
"""Command line of ``mmeo demo``."""

from argparse import ArgumentParser

from mmengine.config import DictAction


def demo_arguments(parser: ArgumentParser) -> ArgumentParser:
    """The pages and their options, named as the functions have them."""
    pages = parser.add_subparsers(dest='page', required=True, metavar='PAGE')
    text = 'paint an example or type names, and see a target segmented'
    page = pages.add_parser('prompt', help=text, description=text)
    page.add_argument('--model', required=True, metavar='CONFIG',
                      help='config of a VITASegmentor')
    page.add_argument('--weights', metavar='CKPT',
                      help="checkpoint; the config's load_from by default")
    _add_common(page)
    text = 'talk about an image or two dates, see boxes and masks'
    page = pages.add_parser('chat', help=text, description=text)
    page.add_argument('--model', required=True, metavar='CONFIG',
                      help='config of an InstructVLM, or the name of one of '
                      'RSUniVLM')
    page.add_argument('--weights', required=True, metavar='CKPT',
                      help='checkpoint')
    page.add_argument('--dtype', choices=('float32', 'bfloat16', 'float16'),
                      help='bfloat16 on a GPU by default, else float32')
    page.add_argument('--tokenizer', help='folder, in place of the one of '
                      'the config')
    page.add_argument('--grid', type=int, help="cells of a mask's side; by "
                      "default those of the model's constraint, else 24")
    page.add_argument('--cfg-options', nargs='+', action=DictAction,
                      help='key=value, override entries of the config')
    _add_common(page)
    return parser


def _add_common(page: ArgumentParser) -> None:
    page.add_argument('--device', help='cuda or cpu; the GPU by default, if '
                      'there is one')
    page.add_argument('--port', type=int, default=7860,
                      help='7860 by default; 0 takes any free one')
    page.add_argument('--host', default='127.0.0.1', help='address to listen '
                      'on; 127.0.0.1 by default, which only this computer '
                      'reaches')
    page.add_argument('--examples', metavar='FOLDER', help='samples to offer '
                      'instead of those that SynthEarth draws')
    page.add_argument('--max-pixels', type=float, default=4e6,
                      help='of an image; 4 million by default')
    page.add_argument('--max-upload-mb', type=float, default=64,
                      help='of a file; 64 by default')
    page.add_argument('--trust-checkpoint', action='store_true',
                      help='unpickle whatever the checkpoint holds, which '
                      'lets it run code')
