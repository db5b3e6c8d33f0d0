# Copyright (c) mmeo contributors. All rights reserved.
"""How the pages look, and where all of them have their samples."""

from collections.abc import Sequence
from typing import Any

import gradio as gr

#: Images that can be uploaded.
FILES = ['.tif', '.tiff', '.png', '.jpg', '.jpeg', '.webp', '.bmp']
# Fonts of the computer itself: the page must work without a network.
_SANS = ('ui-sans-serif', 'system-ui', 'Segoe UI', 'Roboto', 'Arial',
         'sans-serif')
_MONO = ('ui-monospace', 'Consolas', 'monospace')

COMMON_CSS = """
    .gradio-container {max-width: 1500px !important; margin: auto}
    .samples {max-width: 120px}
    h1 {font-size: 1.6rem; margin: 0} h3 {margin: .2rem 0}
    .status {padding: .5rem .8rem; border-radius: 6px; min-height: 2.4rem}
    .status.fine {background: var(--background-fill-secondary)}
    .status.problem {background: #fdecea; color: #7a1c12;
                     border-left: 4px solid #c0392b}
    table.found, table.found * {border: 0 !important}
    table.found {width: 100%}
    table.found td {padding: 3px 8px}
    table.found tr:nth-child(even) {background:
                                    var(--background-fill-secondary)}
    table.found td:nth-child(n+3) {text-align: right;
                                   font-variant-numeric: tabular-nums}
    .swatch {display: inline-block; width: 14px; height: 14px;
             box-shadow: 0 0 0 1px #8888; border-radius: 3px}
    """


def theme() -> Any:
    """Quiet colours, no fonts from elsewhere."""
    return gr.themes.Default(primary_hue='teal', neutral_hue='slate',
                             font=list(_SANS), font_mono=list(_MONO))


def put_samples(titles: Sequence[str]) -> list[gr.Button]:
    """A row with a button for each sample, in no sight without any."""
    with gr.Row(visible=bool(titles), equal_height=True):
        gr.Markdown('Ready to run:', elem_classes=['samples'])
        return [gr.Button(title, size='sm', elem_id=f'sample-{i}')
                for i, title in enumerate(titles)]
