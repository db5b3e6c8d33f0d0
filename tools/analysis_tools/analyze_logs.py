#!/usr/bin/env python
# Copyright (c) mmeo contributors. All rights reserved.
"""Draw curves and measure times from logs.

``analyze_logs.py plot_curve WORK_DIR … --keys loss --out loss.png``
``analyze_logs.py cal_train_time WORK_DIR …``
"""

import sys
from argparse import ArgumentParser, Namespace

from mmeo.apis.run import run_main


def parse_args() -> Namespace:
    parser = ArgumentParser(description='Analyse the logs of training')
    tasks = parser.add_subparsers(dest='task', required=True, metavar='TASK')
    plot = tasks.add_parser('plot_curve', help='draw curves')
    plot.add_argument('logs', nargs='+', help='work dirs, or JSON logs')
    plot.add_argument('--keys', nargs='+', default=['loss'],
                      help='what to draw, e.g. loss mIoU')
    plot.add_argument('--legend', nargs='+', help='a name for each curve')
    plot.add_argument('--title', help='title of the picture')
    plot.add_argument('--smooth', type=int, default=1, metavar='N',
                      help='running mean over N points')
    plot.add_argument('--out', default='curves.png', help='the picture')
    times = tasks.add_parser('cal_train_time', help='seconds per iteration')
    times.add_argument('logs', nargs='+', help='work dirs, or JSON logs')
    times.add_argument('--include-outliers', action='store_true',
                       help='count the first entry as well')
    return parser.parse_args()


def main() -> None:
    options = parse_args()
    from mmeo.apis.logs import plot_curves, train_time
    if options.task == 'plot_curve':
        print(plot_curves(options.logs, options.keys, options.legend,
                          options.out, options.title, options.smooth))
        return
    for log in options.logs:
        times = train_time(log, skip=0 if options.include_outliers else 1)
        print(f'{log}\n  {times["mean"]:.4f} s per iteration (median '
              f'{times["median"]:.4f}, {times["fastest"]:.4f} - '
              f'{times["slowest"]:.4f}), {times["data"]:.0%} of it waiting '
              'for data')


if __name__ == '__main__':
    sys.exit(run_main(main))
