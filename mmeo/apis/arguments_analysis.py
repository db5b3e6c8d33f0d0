# Copyright (c) mmeo contributors. All rights reserved.
"""Command-line options of tables, robustness and attention maps."""

from argparse import ArgumentParser


def table_arguments(parser: ArgumentParser) -> ArgumentParser:
    """The options of :func:`mmeo.apis.table`."""
    parser.add_argument('system', help='paper, e.g. vitp')
    parser.add_argument('--table', nargs='+', metavar='N',
                        help='numbers of the tables; all by default')
    parser.add_argument('--records', metavar='DIR',
                        help='folder that is searched for run records; '
                        'work_dirs by default')
    parser.add_argument('--format', dest='fmt', default='text',
                        choices=('text', 'md', 'csv', 'json'))
    parser.add_argument('--no-commands', dest='commands',
                        action='store_false', help='leave out what would '
                        'fill the empty cells')
    return parser


def record_arguments(parser: ArgumentParser) -> ArgumentParser:
    """The options of :func:`mmeo.apis.record`."""
    parser.add_argument('config', help='config file')
    parser.add_argument('--metric', dest='metrics', nargs='+', required=True,
                        metavar='KEY=VALUE', help="in the unit of the "
                        "config's metric, e.g. dota/AP50=0.6023")
    parser.add_argument('--checkpoint', help='the weights; their hash is '
                        'recorded')
    parser.add_argument('--note', help='where the numbers come from')
    parser.add_argument('--work-dir', help='folder of the record; '
                        'work_dirs/<config name> by default')
    return parser


def robustness_arguments(parser: ArgumentParser) -> ArgumentParser:
    """The options of :func:`mmeo.apis.robustness`."""
    from mmeo.apis.arguments import _add_common
    parser.add_argument('config', help='config file')
    parser.add_argument('checkpoint', help='weights to test')
    parser.add_argument('--work-dir', help='folder of the results; '
                        'work_dirs/<config name>/robustness by default')
    parser.add_argument('--corruptions', nargs='+', metavar='NAME',
                        help='all twelve by default')
    parser.add_argument('--severities', nargs='+', type=int, metavar='N',
                        default=(1, 2, 3, 4, 5), help='of 1 to 5')
    parser.add_argument('--metric', help="which of the config's metrics "
                        'counts; AP50 by default, else the first')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--outside', choices=('keep', 'remove'),
                        default='keep', help='objects that leave the image '
                        'count as missed, as in REOBench, or are removed')
    parser.add_argument('--value-range', type=float, help='largest value of '
                        'images that are not 8-bit')
    _add_common(parser)
    return parser


def _pixel(text: str) -> tuple[int, int]:
    x, y = text.split(',')
    return int(x), int(y)


def attention_arguments(parser: ArgumentParser) -> ArgumentParser:
    """The options of :func:`mmeo.apis.attention_map`."""
    parser.add_argument('model', help='config that holds an InternViT, or '
                        '300m or tiny')
    parser.add_argument('image', help='any raster')
    parser.add_argument('--query', type=_pixel, required=True, metavar='X,Y',
                        help='pixel of the image')
    parser.add_argument('--checkpoint', dest='checkpoints', nargs='+',
                        default=(), metavar='FILE', help='one row each; '
                        'random weights without')
    parser.add_argument('--names', nargs='+', help='titles of the '
                        'checkpoints')
    parser.add_argument('--layers', type=int, nargs='+', default=(3, ),
                        metavar='N', help='counted from 1; the third by '
                        'default, as in the paper')
    parser.add_argument('--heads', choices=('mean', 'each'), default='mean')
    parser.add_argument('--size', type=int, help='resize the longer side to '
                        'so many pixels')
    parser.add_argument('--bands', type=int, nargs=3, metavar='N',
                        help='bands used as red, green and blue')
    parser.add_argument('--out', default='work_dirs/attention.png')
    parser.add_argument('--device', default='cpu')
    parser.add_argument('--seed', type=int, default=0,
                        help='of random weights')
    parser.add_argument('--trust-checkpoint', action='store_true',
                        help='unpickle whatever the checkpoint holds')
    return parser
