#!/usr/bin/env python
# Copyright (c) mmeo contributors. All rights reserved.
"""Merge predictions on patches and write DOTA's submission.

``tools/test.py CONFIG CKPT --out preds.pkl``, then
``merge_dota.py preds.pkl --classes dotav2 --out work_dirs/submission``
"""

import sys
from argparse import ArgumentParser, Namespace

from mmeo.apis.run import run_main


def parse_args() -> Namespace:
    parser = ArgumentParser(description='Merge patches of DOTA images')
    parser.add_argument('predictions', metavar='PREDS.pkl',
                        help='what `tools/test.py --out` has written')
    parser.add_argument('--out', required=True, metavar='DIR',
                        help='folder of the text files and the zip')
    parser.add_argument('--classes', nargs='+', required=True,
                        help='dotav1, dotav15, dotav2, or the class names in '
                        'the order of labels')
    parser.add_argument('--task', type=int, default=1, choices=[1, 2],
                        help='1: oriented boxes, 2: upright boxes')
    parser.add_argument('--iou-thr', type=float, default=0.1,
                        help='of two boxes that overlap more, one is kept')
    parser.add_argument('--ann-file', metavar='DIR',
                        help='label files of the whole images: evaluate too')
    parser.add_argument('--coco', action='store_true',
                        help='evaluate with IoU 0.5:0.95 and 101 points '
                        'instead of IoU 0.5 and 11 points')
    return parser.parse_args()


def main() -> None:
    options = parse_args()
    from mmeo.evaluation.merge_saved import merge_saved
    classes = options.classes
    coco = dict(iou_thrs='coco', eval_mode='101points')
    scores = merge_saved(
        options.predictions, options.out,
        classes[0] if len(classes) == 1 and classes[0].startswith('dotav')
        else classes, options.task, options.iou_thr, options.ann_file,
        **(coco if options.coco else {}))
    for name, value in scores.items():
        print(f'{name} {value:.4f}')


if __name__ == '__main__':
    sys.exit(run_main(main))
