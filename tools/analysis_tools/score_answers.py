#!/usr/bin/env python
# Copyright (c) mmeo contributors. All rights reserved.
"""Score answers that a test has saved, again or by other rules.

``score_answers.py answers.jsonl --metric "dict(type='VQAAccuracy')"``
"""

import sys
from argparse import ArgumentParser, Namespace

from mmeo.apis.run import run_main


def parse_args() -> Namespace:
    parser = ArgumentParser(description='Score saved answers')
    parser.add_argument('answers', nargs='+', metavar='ANSWERS.jsonl',
                        help='what a test has saved; several files of one run '
                        'count as one test set')
    parser.add_argument('--metric', action='append', default=[],
                        help='as in a config: "dict(type=\'VQAAccuracy\', '
                        'match=\'geochat\')"; may be given more than once')
    parser.add_argument('--config', help='use its test_evaluator instead')
    parser.add_argument('--out', metavar='FILE.json',
                        help='also write the scores there')
    return parser.parse_args()


def main() -> None:
    options = parse_args()
    from mmeo.apis.score_answers import score_answers
    print(score_answers(**vars(options)))


if __name__ == '__main__':
    sys.exit(run_main(main))
