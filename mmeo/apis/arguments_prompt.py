# Copyright (c) mmeo contributors. All rights reserved.
"""Command-line options of prompts."""

from argparse import Action, ArgumentParser, RawDescriptionHelpFormatter
from typing import Any, Union

from mmengine.config import DictAction

EXAMPLES = """\
examples:
  by example: the values 1, 2, … of a mask are the classes
    mmeo prompt --model CONFIG.py --weights CKPT.pth \\
        --example img.tif --mask m.tif target.tif -o out.tif
  by name, here with all below a score left out
    mmeo prompt … --text "flooded road" --text water --background 0.3 \\
        target.tif -o out.tif
  by both: names say which value of the mask is what
    mmeo prompt … --example img.tif --mask m.tif --text road --text water \\
        target.tif -o out.tif
  by a box and two points, in pixels of the example
    mmeo prompt … --example img.tif --box road 10 20 60 40 \\
        --point water 90 12 --point water 80 70 target.tif -o out.tif
  two examples, each with its own marks; optical ones for a SAR target
    mmeo prompt … --example a.tif --mask a.png --example b.tif --mask b.png \\
        --modality s1 --example-modality hr target_vv_vh.tif -o out.tif

The map has the grid and place of the target: 0 is none of the classes or no
data, 1 to N are the classes in their order; their names are in the tag
`classes`, their colours in its colour table.
"""


class _Mark(Action):
    """Appends ``(kind, value)``, so that marks follow their example."""

    def __call__(self, parser: ArgumentParser, namespace: Any, values: Any,
                 option_string: Union[str, None] = None) -> None:
        kind = option_string.lstrip('-')
        if kind in ('box', 'point'):
            name, *numbers = values
            try:
                values = (name, tuple(float(number) for number in numbers))
            except ValueError:
                parser.error(f'{option_string} takes the name of a class and '
                             f'{len(numbers)} numbers, got '
                             f'{" ".join(map(repr, values))}')
        entries = list(getattr(namespace, self.dest) or [])
        setattr(namespace, self.dest, [*entries, (kind, values)])


class _Value(Action):
    """Collects ``NAME N`` in a dict."""

    def __call__(self, parser: ArgumentParser, namespace: Any, values: Any,
                 option_string: Union[str, None] = None) -> None:
        name, number = values
        if not number.isdecimal():
            parser.error(f'--value takes a name and a whole number, got '
                         f'{name!r} {number!r}')
        known = dict(getattr(namespace, self.dest) or {})
        setattr(namespace, self.dest, {**known, name: int(number)})


def _number_or_name(text: str) -> Union[float, str]:
    try:
        return float(text)
    except ValueError:
        return text


def _nodata(text: str) -> Union[float, str]:
    return text if text == 'file' else float(text)


def _bands(text: str) -> list[Union[int, str]]:
    return [int(band) if band.isdecimal() else band
            for band in text.split(',')]


def prompt_arguments(parser: ArgumentParser) -> ArgumentParser:
    """The options of :func:`mmeo.apis.prompt`."""
    parser.description = ('Segment images by an example, by names of classes, '
                          'or by both, with no training.')
    parser.epilog = EXAMPLES
    parser.formatter_class = RawDescriptionHelpFormatter
    parser.add_argument('targets', nargs='+', metavar='TARGET',
                        help='GeoTIFF, PNG or JPEG to segment')
    parser.add_argument('-o', '--out', required=True, help='GeoTIFF to '
                        'write; with several targets a folder')
    _add_model(parser)
    _add_prompt(parser)
    _add_images(parser)
    group = parser.add_argument_group('output')
    group.add_argument('--background', type=_number_or_name,
                       metavar='SCORE|NAME', help='score below which a pixel '
                       'is none of the classes, or the name of the class '
                       'that stands for none of them')
    group.add_argument('--picture', metavar='FILE.png', help='also draw the '
                       'example, the target, what was found and the legend; '
                       'with several targets a folder')
    group.add_argument('--overwrite', action='store_true',
                       help='replace existing outputs')
    group.add_argument('--json', action='store_true', dest='as_json',
                       help='print JSON')
    return parser


def _add_model(parser: ArgumentParser) -> None:
    group = parser.add_argument_group('model')
    group.add_argument('--model', required=True, metavar='CONFIG',
                       help='config of a VITASegmentor, file or name')
    group.add_argument('--weights', required=True, metavar='CKPT',
                       help='its checkpoint')
    group.add_argument('--device', help='the GPU by default, if there is one')
    group.add_argument('--crop-size', type=int, metavar='N',
                       help='side of the windows that large images are cut '
                       "to; the config's by default, else 512")
    group.add_argument('--stride', type=int, metavar='N', help='from one '
                       "window to the next; the config's by default, else "
                       '2/3 of a window')
    group.add_argument('--cfg-options', nargs=1, action=DictAction,
                       metavar='KEY=VALUE', help='override a config field, '
                       'e.g. model.test_cfg.crop_size=256; may be repeated')
    group.add_argument('--trust-checkpoint', action='store_true',
                       help='unpickle whatever the checkpoint holds, which '
                       'lets it run code')


def _add_prompt(parser: ArgumentParser) -> None:
    group = parser.add_argument_group(
        'prompt', 'marks belong to the --example before them; all options '
        'may be repeated')
    marks = dict(action=_Mark, dest='shots')
    group.add_argument('--example', metavar='IMAGE', help='image that shows '
                       'the classes', **marks)
    group.add_argument('--mask', metavar='FILE', help='label map of its '
                       'size: 0 none, 1 to N the classes in the order of '
                       '--text, 255 unlabelled; any value if there is one '
                       'class', **marks)
    group.add_argument('--box', nargs=5, help='left, top, right and bottom '
                       'edge in pixels of the example',
                       metavar=('NAME', 'X1', 'Y1', 'X2', 'Y2'), **marks)
    group.add_argument('--point', nargs=3, metavar=('NAME', 'X', 'Y'),
                       help='a pixel of the class; several make a better '
                       'example', **marks)
    group.add_argument('--text', action='append', metavar='NAME',
                       help='name of a class to look for')
    group.add_argument('--value', nargs=2, action=_Value, dest='values',
                       metavar=('NAME', 'N'), help='value of a class in the '
                       'masks, where they are not 1 to N; other values are '
                       'left out')
    group.add_argument('--mode', choices=('visual', 'textual', 'fused'),
                       help='by default what is given decides')


def _add_images(parser: ArgumentParser) -> None:
    group = parser.add_argument_group('images')
    group.add_argument('--modality', default='hr', metavar='NAME',
                       help='sensor of the targets: hr (red, green, blue, '
                       '8 bits; the default) or s1 (VV, VH in dB)')
    group.add_argument('--example-modality', metavar='NAME',
                       help="sensor of the examples; the targets' by default")
    group.add_argument('--bands', type=_bands, metavar='A,B,…',
                       help='of a raster, by number from 1 or by band '
                       'description, e.g. 4,3,2')
    group.add_argument('--example-bands', type=_bands, metavar='A,B,…',
                       help='those of the examples; as --bands for the same '
                       'sensor')
    group.add_argument('--nodata', type=_nodata, default='file',
                       metavar='VALUE',
                       help="value of pixels without data; the file's own by "
                       'default')
