# Copyright (c) mmeo contributors. All rights reserved.
"""Command-line options shared by ``tools/`` and the ``mmeo`` command."""

from argparse import ArgumentParser
from typing import Optional

from mmengine.config import DictAction


def _parser(description: str,
            parser: Optional[ArgumentParser]) -> ArgumentParser:
    return parser if parser is not None else ArgumentParser(
        description=description)


def _add_common(parser: ArgumentParser) -> None:
    add_cfg_options(parser)
    parser.add_argument(
        '--launcher', choices=('none', 'pytorch', 'slurm', 'mpi'),
        default='none', help='what started the processes of a distributed '
        'run; pytorch means torchrun')
    # Both spellings exist: torch.distributed.launch changed it in 2.0.
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0,
                        help='set by launchers')
    parser.add_argument(
        '--trust-checkpoint', action='store_true', help='unpickle whatever '
        'the checkpoint holds, which lets it run code')


def add_cfg_options(parser: ArgumentParser) -> None:
    """Add ``--cfg-options KEY=VALUE …``."""
    parser.add_argument(
        '--cfg-options', nargs='+', action=DictAction, metavar='KEY=VALUE',
        help='override config fields, e.g. train_cfg.max_iters=100 '
        'model.backbone.with_cp=True; lists as key="[a,b]" or key=a,b')


def train_arguments(
        parser: Optional[ArgumentParser] = None) -> ArgumentParser:
    """The options of training, named as :func:`mmeo.apis.train` has them."""
    parser = _parser('Train a model', parser)
    parser.add_argument('config', help='config file')
    parser.add_argument('--work-dir', help='folder for logs and checkpoints; '
                        'work_dirs/<config name> by default')
    parser.add_argument('--amp', action='store_true',
                        help='train in mixed precision')
    parser.add_argument('--amp-dtype', choices=('bf16', 'fp16'),
                        help='its number format; bf16 where the device has '
                        'it by default. Implies --amp')
    parser.add_argument(
        '--resume', nargs='?', const='auto', default=False, metavar='FILE',
        help='go on from the latest checkpoint in the work dir, or from FILE')
    parser.add_argument('--auto-scale-lr', action='store_true',
                        help='scale the learning rate with the batch size')
    parser.add_argument('--seed', type=int, help='random seed')
    _add_common(parser)
    return parser


def test_arguments(parser: Optional[ArgumentParser] = None) -> ArgumentParser:
    """The options of testing, named as :func:`mmeo.apis.test` has them."""
    parser = _parser('Evaluate a model', parser)
    parser.add_argument('config', help='config file')
    parser.add_argument(
        'checkpoint', type=lambda name: None if name == 'none' else name,
        help='weights to test; none for a model that brings its own')
    parser.add_argument('--work-dir', help='folder for logs and metrics; '
                        'work_dirs/<config name> by default')
    parser.add_argument('--out', metavar='FILE.pkl',
                        help='write the predictions')
    parser.add_argument('--show', action='store_true',
                        help='show each prediction in a window')
    parser.add_argument('--show-dir', help='folder for pictures of the '
                        'predictions, in the work dir if relative')
    parser.add_argument('--wait-time', type=float, default=2.,
                        help='seconds each window stays')
    parser.add_argument('--tta', action='store_true',
                        help='test-time augmentation')
    _add_common(parser)
    return parser
