# Copyright (c) mmeo contributors. All rights reserved.
"""Command-line options of dialogues."""

from argparse import ArgumentParser, RawDescriptionHelpFormatter

from mmengine.config import DictAction

from mmeo.codecs.tasks import TASKS

EXAMPLES = """\
examples:
  talk about an image; boxes and masks go to pictures in the folder
    mmeo chat scene.tif --model CONFIG.py --weights CKPT.pth -o talk
  one question, the answer as JSON
    mmeo chat scene.tif --model … --weights … -q "[VG] the largest ship" --json
  what has changed between two dates, then where: one dialogue
    mmeo chat before.tif after.tif --model … --weights … -o talk \\
        -q "[CCD] What has changed?" -q "[SEG] Segment the changed buildings."

A question goes to the expert of its task token:
""" + '\n'.join(f'  [{task}]  {what[0]}' for task, what in TASKS.items()) + """

Without a token it is a free question. In a talk: /task SEG sets the token of
questions that have none, /new forgets what was said, /quit ends. Of a
georeferenced image, boxes and masks are also written as GeoJSON, masks as
GeoTIFF.
"""


def chat_arguments(parser: ArgumentParser) -> None:
    """Add the options of ``mmeo chat``."""
    parser.formatter_class = RawDescriptionHelpFormatter
    parser.epilog = EXAMPLES
    add = parser.add_argument
    add('images', nargs='*', metavar='IMAGE',
        help='picture or GeoTIFF; two of one place at two dates')
    add('--model', required=True,
        help='config of an InstructVLM, or the name of one of RSUniVLM')
    add('--weights', required=True, help='checkpoint')
    add('-q', '--question', action='append', dest='questions',
        help='ask this and leave; may be repeated, in one dialogue')
    add('--task', choices=sorted(TASKS),
        help='token of questions that have none')
    add('--class', action='append', dest='names', metavar='NAME',
        help='a label of [SEG] answers; may be repeated. By default those '
        'that an answer uses')
    add('--bands', type=lambda text: [
        int(word) if word.isdecimal() else word for word in text.split(',')],
        metavar='R,G,B', help='bands of a GeoTIFF, by number or name')
    add('-o', '--out', metavar='DIR',
        help='folder for pictures, GeoJSON and GeoTIFF')
    add('--overwrite', action='store_true',
        help='replace files of earlier dialogues in it')
    add('--json', action='store_true', dest='as_json',
        help='print answers as JSON lines')
    add('--system', help='system prompt')
    add('--device', help='e.g. cpu, cuda:0')
    add('--dtype', choices=('float32', 'bfloat16', 'float16'))
    add('--tokenizer', help='folder, in place of the one of the config')
    add('--cfg-options', nargs='+', action=DictAction,
        help='key=value, override entries of the config')
    add('--trust-checkpoint', action='store_true',
        help='read pickles that may run code; only for files you trust')
