# Copyright (c) mmeo contributors. All rights reserved.
"""Where things are on the page. Imports gradio."""

from collections.abc import Sequence
from types import SimpleNamespace

import gradio as gr

from .answer import SENSOR_NAMES
from .drawing import COLOURS, SIDE, hex_colour
from .look import FILES, put_samples

MODE_NAMES = {'fused': 'Example and names', 'visual': 'Example only',
              'textual': 'Names only'}
KIND_NAMES = {'mask': 'Exactly what I paint',
              'box': 'A box around each patch',
              'point': 'A point in each patch'}
_TITLE = """
<h1>Segment by example</h1>
<p>Show the model what you mean on one image, name it, or both. It finds the
same things in another image, optical or radar, with no training.</p>
"""
_DRAW = """
Choose the brush colour of a class at the left edge of the image and paint
some of it. Not everything has to be painted.
"""


def css() -> str:
    """Colours of the classes beside their names."""
    return ''.join(
        f'.colour-{number} {{border-left: 14px solid {hex_colour(colour)} '
        '!important; border-radius: 4px}'
        for number, colour in enumerate(COLOURS, 1))


def layout(samples: Sequence[str], modalities: Sequence[str],
           modes: Sequence[str]) -> SimpleNamespace:
    """Put the components on the page that is open.

    Args:
        samples (Sequence[str]): Titles.
        modalities (Sequence[str]): Sensors of the model.
        modes (Sequence[str]): Those that the model was trained for.

    Returns:
        SimpleNamespace: The components by name.
    """
    page = SimpleNamespace()
    gr.HTML(_TITLE)
    page.samples = put_samples(samples)
    with gr.Row():
        with gr.Column():
            _ask(page, modes)
            _example(page, modalities)
        with gr.Column():
            _target(page, modalities)
            _found(page)
    page.size = gr.State(None)
    page.kept = gr.State([])
    return page


def _ask(page: SimpleNamespace, modes: Sequence[str]) -> None:
    gr.Markdown('### 1 · What are you looking for?')
    choices = [(text, mode) for mode, text in MODE_NAMES.items()
               if mode in modes]
    page.mode = gr.Radio(choices, value=choices[0][1], show_label=False,
                         container=False, elem_id='mode')
    page.names = []
    for first in range(0, len(COLOURS), 4):
        with gr.Row():
            for number in range(first + 1, first + 5):
                page.names.append(gr.Textbox(
                    label=f'Class {number}', show_label=False, max_lines=1,
                    max_length=80, container=False, min_width=110,
                    placeholder='class name' if number == 1 else '',
                    elem_id=f'name-{number}',
                    elem_classes=[f'colour-{number}']))


def _sensor(modalities: Sequence[str], name: str) -> gr.Radio:
    choices = [(SENSOR_NAMES.get(one, one), one) for one in modalities]
    return gr.Radio(choices, value=choices[0][1], label='Sensor',
                    elem_id=f'{name}-sensor', visible=len(choices) > 1)


def _file(label: str, name: str) -> gr.File:
    return gr.File(label=label, file_types=FILES, height=90,
                   elem_id=f'{name}-file')


def _example(page: SimpleNamespace, modalities: Sequence[str]) -> None:
    gr.Markdown('### 2 · Paint it on an example')
    with gr.Row():
        page.example = _file('Example image (GeoTIFF, PNG, JPEG)', 'example')
        page.example_sensor = _sensor(modalities, 'example')
    page.editor = gr.ImageEditor(
        type='numpy', image_mode='RGBA', format='png', sources=(),
        transforms=(), layers=False, show_label=False, elem_id='editor',
        canvas_size=(SIDE, SIDE), height=560, buttons=[],
        brush=gr.Brush(colors=[hex_colour(c) for c in COLOURS],
                       color_mode='fixed', default_size=24))
    gr.Markdown(_DRAW)
    page.kind = gr.Radio([(text, kind) for kind, text in KIND_NAMES.items()],
                         value='mask', label='The example shows',
                         elem_id='kind')
    with gr.Accordion('More than one example', open=False):
        page.kept_text = gr.Markdown('Paint this one, keep it, then load '
                                     'another: all of them are used.')
        with gr.Row():
            page.keep = gr.Button('Keep this example', size='sm',
                                  elem_id='keep')
            page.forget = gr.Button('Forget all kept', size='sm',
                                    elem_id='forget')


def _target(page: SimpleNamespace, modalities: Sequence[str]) -> None:
    gr.Markdown('### 3 · Find it in another image')
    with gr.Row():
        page.target = _file('Target image (GeoTIFF, PNG, JPEG)', 'target')
        page.target_sensor = _sensor(modalities, 'target')
    with gr.Row(equal_height=True):
        page.leave_out = gr.Checkbox(
            label='Leave out what is none of these', elem_id='leave-out',
            info='Otherwise each pixel is one of the classes.')
        page.background = gr.Slider(
            0, 1, value=.3, step=.01, label='Least score', scale=2,
            elem_id='background', info='Pixels below it are left out.')
    page.run = gr.Button('Segment', variant='primary', elem_id='run')


def _found(page: SimpleNamespace) -> None:
    page.status = gr.HTML(elem_id='status')
    page.view = gr.AnnotatedImage(
        show_label=False, elem_id='view', format='png', height=480)
    page.table = gr.HTML(elem_id='table')
    with gr.Row():
        page.map_file = gr.DownloadButton(
            'Map as GeoTIFF', interactive=False, elem_id='map-file')
        page.picture_file = gr.DownloadButton(
            'Picture with legend', interactive=False, elem_id='picture-file')
