# Copyright (c) mmeo contributors. All rights reserved.
"""Where things are on the chat page. Imports gradio."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Union

import gradio as gr

from .look import FILES, put_samples

#: Task token -> what the page calls it, and a question to begin with.
TASK_NAMES = {
    '': ('Free question', 'e.g. What do you see?'),
    'CAP': ('Describe', 'e.g. Please describe the image.'),
    'CLS': ('Kind of scene', 'e.g. What kind of scene is it?'),
    'VQA': ('Short question', 'e.g. Is there a ship in the image?'),
    'VG': ('Find', 'one thing, e.g. the largest ship'),
    'REF': ('What is in a box', 'from 0 to 100, e.g. What is in the region '
            '[10, 20, 40, 60]?'),
    'SEG': ('Segment', 'e.g. Please segment the building in this image.'),
    'CCD': ('What has changed', 'e.g. What are the differences between these '
            'two images?'),
}
VIEW_NAMES = {'side': 'Side by side', 'slider': 'Slider'}
_TITLE = """
<h1>Talk about an image</h1>
<p>Load an image, or two dates of one place, and ask. Boxes and masks of an
answer are drawn on the last image.</p>
"""
#: Of a picture alone, and of two side by side.
HEIGHTS = {False: 520, True: 320}
#: Not ``False``: gradio 6.17 does not put what was left out on the page later.
HIDDEN = 'hidden'
CSS = """
    #chat .message {cursor: pointer}
    #caption {min-height: 1.6rem; color: var(--body-text-color-subdued)}
    """


def layout(samples: Sequence[str]) -> SimpleNamespace:
    """Put the components on the page that is open.

    Args:
        samples (Sequence[str]): Titles.

    Returns:
        SimpleNamespace: The components by name.
    """
    page = SimpleNamespace()
    gr.HTML(_TITLE)
    page.samples = put_samples(samples)
    with gr.Row():
        with gr.Column():
            _images(page)
            _talk(page)
        with gr.Column():
            _picture(page)
    return page


def _images(page: SimpleNamespace) -> None:
    gr.Markdown('### 1 · Which image?')
    with gr.Row():
        page.first = _file('Image (GeoTIFF, PNG, JPEG)', 'first')
        page.second = _file('The same place later, if you like', 'second')
    with gr.Accordion('Bands of a GeoTIFF', open=False):
        page.bands = gr.Textbox(
            label='Red, green and blue, by number or name', max_lines=1,
            max_length=80, placeholder='1, 2, 3', elem_id='bands',
            info='Enter opens the images anew.')


def _file(label: str, name: str) -> gr.File:
    return gr.File(label=label, file_types=FILES, height=120,
                   elem_id=f'{name}-file')


def _talk(page: SimpleNamespace) -> None:
    gr.Markdown('### 2 · Ask')
    page.chat = gr.Chatbot(
        height=250, show_label=False, elem_id='chat', buttons=['copy'],
        # What a model says is text and nothing else.
        render_markdown=False, allow_tags=False, latex_delimiters=[],
        feedback_options=None, group_consecutive_messages=False,
        placeholder='Click an answer to see it on the image.')
    page.task = gr.Radio(
        [(f'{name} [{task}]' if task else name, task)
         for task, (name, _) in TASK_NAMES.items()],
        value='', label='Task', elem_id='task')
    page.names = gr.Textbox(
        label='Classes, with commas between', max_lines=1, max_length=400,
        visible=HIDDEN, elem_id='names', info='Without any, those that the '
        'answer uses.')
    page.question = gr.Textbox(
        label='Question', lines=1, max_lines=6, max_length=4000,
        placeholder=TASK_NAMES[''][1], elem_id='question')
    with gr.Row():
        page.ask = gr.Button('Ask', variant='primary', elem_id='ask', scale=3)
        page.renew = gr.Button('New dialogue', elem_id='renew', scale=1)
    page.status = gr.HTML(elem_id='status')


def _picture(page: SimpleNamespace) -> None:
    gr.Markdown('### 3 · See')
    page.view = gr.Radio(
        [(name, view) for view, name in VIEW_NAMES.items()], value='side',
        show_label=False, container=False, visible=HIDDEN, elem_id='view')
    with gr.Row():
        page.before = _image('Before', 'before', visible=HIDDEN)
        page.picture = _image('Image', 'picture')
    page.slider = gr.ImageSlider(
        label='Before | after', format='png', interactive=False,
        visible=HIDDEN, max_height=560, elem_id='slider')
    page.caption = gr.HTML(elem_id='caption')
    page.table = gr.HTML(elem_id='table')
    with gr.Row():
        page.files = {
            kind: gr.DownloadButton(name, interactive=False,
                                    elem_id=f'{kind}-file')
            for kind, name in (('picture', 'Picture as PNG'),
                               ('geojson', 'Boxes and masks as GeoJSON'),
                               ('geotiff', 'Mask as GeoTIFF'))}


def _image(label: str, name: str,
           visible: Union[bool, str] = True) -> gr.Image:
    return gr.Image(label=label, format='png', interactive=False,
                    visible=visible, height=HEIGHTS[False], elem_id=name,
                    buttons=['fullscreen'])
