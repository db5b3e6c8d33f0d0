# Copyright (c) mmeo contributors. All rights reserved.
"""The page where one paints an example, names it, and sees it found."""

import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Optional

import gradio as gr
import numpy as np

from mmeo.errors import DataError
from mmeo.structures import MODES

from .answer import answer, look_at
from .drawing import (
    COLOURS,
    draw_paint,
    enlarge,
    fit_paint,
    hex_colour,
    off_canvas,
    on_canvas,
    read_paint,
)
from .page import KEEP, Page, button, remove
from .prompt_layout import css, layout
from .question import Example, Question
from .samples import Sample, draw_samples, read_samples

MAX_EXAMPLES = 8


class PromptPage(Page):
    """Reads the components, asks the model, says what happened.

    Samples of sensors that the model does not know are not offered.

    Args:
        inferencer (PromptInferencer): Holds the model.
        samples (Sequence[Sample]): See :class:`~mmeo.demo.page.Page`.
        folder (Path): For results.
        max_pixels (float): Of each image. Defaults to 4 million.
    """

    title = 'Segment by example'
    draw_samples = staticmethod(draw_samples)
    read_samples = staticmethod(read_samples)

    def __init__(self, inferencer: Any, samples: Sequence[Sample],
                 folder: Path, max_pixels: float = 4e6) -> None:
        self.norms = inferencer.norms
        known = [s for s in samples if {
            s.modality, s.example_modality} <= set(self.norms)]
        super().__init__(inferencer, known, folder, max_pixels)

    def css(self) -> str:
        """With the colours of the classes."""
        return css() + super().css()

    def layout(self) -> SimpleNamespace:
        """Samples, classes, example, target and answer."""
        model = getattr(self.inferencer, 'model', None)
        modes = getattr(model, 'modes', MODES)
        page = layout([sample.title for sample in self.samples],
                      tuple(self.norms), modes)
        page.last = gr.State(None, time_to_live=KEEP, delete_callback=remove)
        return page

    def connect(self, blocks: gr.Blocks) -> None:
        """Samples, uploads, examples that are kept, the button."""
        page = self.page
        shown = [page.editor, page.size, page.view, page.table,
                 page.map_file, page.picture_file]
        loaded = [*shown, *page.names, page.mode, page.kind, page.example,
                  page.example_sensor, page.target, page.target_sensor,
                  page.leave_out, page.background, page.kept, page.kept_text]
        for number, sample in enumerate(page.samples):
            self.on(sample.click, self._sample(number), [], loaded)
        if self.samples:
            self.on(blocks.load, self._sample(0), [], loaded)
        look = [page.example, page.example_sensor]
        for event in (page.example.upload, page.example.clear,
                      page.example_sensor.input):
            self.on(event, self.show_example, look, shown)
        look = [page.target, page.target_sensor]
        for event in (page.target.upload, page.target.clear,
                      page.target_sensor.input):
            self.on(event, self.show_target, look, shown)
        example = [page.editor, page.size, page.example, page.example_sensor,
                   page.kind, page.kept]
        self.on(page.keep.click, self.keep_example, example,
                [*shown, page.example, page.kept, page.kept_text])
        self.on(page.forget.click, self.forget_examples, [],
                [page.kept, page.kept_text])
        self.on(page.run.click, self.run, [
            *example, page.target, page.target_sensor, page.mode,
            page.leave_out, page.background, page.last, *page.names],
            [*shown, page.last])

    # What each event does: a sentence for the visitor, and new values.

    def _sample(self, number: int) -> Callable[[], tuple[str, dict]]:
        sample = self.samples[number]

        def load() -> tuple[str, dict]:
            page = self.page
            _, out = self.show_target(str(sample.target), sample.modality)
            if sample.example is None:
                out.update({page.editor: None, page.size: None,
                            page.example: None})
            else:
                picture, size = look_at(
                    str(sample.example), sample.example_modality, self.norms,
                    self.max_pixels, 'example')
                out.update({
                    page.editor: _canvas(picture, sample.paint()),
                    page.size: size, page.example: str(sample.example)})
            names = [*sample.classes, *[''] * len(COLOURS)]
            out.update(zip(page.names, names))
            out.update(self.forget_examples()[1])
            out.update({
                page.mode: sample.mode, page.kind: 'mask',
                page.example_sensor: sample.example_modality,
                page.target: str(sample.target),
                page.target_sensor: sample.modality,
                page.leave_out: sample.background is not None})
            if sample.background is not None:
                out[page.background] = sample.background
            return 'The sample is ready: press Segment, or change it.', out

        return load

    def show_example(self, path: Optional[str], modality: str
                     ) -> tuple[str, dict]:
        """Put an uploaded example on the canvas."""
        page = self.page
        if path is None:
            return '', {page.editor: None, page.size: None}
        # Whatever was painted belongs to another image.
        try:
            picture, size = look_at(path, modality, self.norms,
                                    self.max_pixels, 'example')
        except Exception as error:
            return self.problem(error), {page.editor: None, page.size: None}
        height, width = size
        return (f'Example of {width} × {height} pixels: paint what you look '
                'for.', {page.editor: _canvas(picture), page.size: size})

    def show_target(self, path: Optional[str], modality: str
                    ) -> tuple[str, dict]:
        """Show an uploaded target and take the last answer away."""
        page = self.page
        out = {page.view: None, page.table: '',
               page.map_file: button(None),
               page.picture_file: button(None)}
        if path is None:
            return '', out
        try:
            picture, (height, width) = look_at(
                path, modality, self.norms, self.max_pixels, 'target')
        except Exception as error:
            return self.problem(error), out
        out[page.view] = gr.AnnotatedImage(value=(picture, []))
        return f'Target of {width} × {height} pixels.', out

    def keep_example(self, editor: Optional[dict], size: Any,
                     path: Optional[str], modality: str, kind: str,
                     kept: list[Example]) -> tuple[str, dict]:
        """Put the example aside, so that another one can be loaded."""
        page = self.page
        example = _example(editor, size, path, modality, kind)
        if example is None or not example.colours:
            raise DataError('There is no painted example to keep: load one '
                            'and paint on it.')
        if len(kept) >= MAX_EXAMPLES - 1:
            raise DataError(f'{MAX_EXAMPLES} examples are enough: more hardly '
                            'help.')
        kept = [*kept, example]
        return 'Kept. Load another example and paint on it.', {
            page.kept: kept, page.kept_text: _kept_text(kept),
            page.editor: None, page.size: None, page.example: None}

    def forget_examples(self) -> tuple[str, dict]:
        """Drop the kept examples."""
        return 'No example is kept.', {self.page.kept: [],
                                       self.page.kept_text: _kept_text([])}

    def run(self, editor: Optional[dict], size: Any, path: Optional[str],
            modality: str, kind: str, kept: list[Example],
            target: Optional[str], target_modality: str, mode: str,
            leave_out: bool, background: float, last: Optional[str],
            *names: str) -> tuple[str, dict]:
        """Segment the target."""
        page = self.page
        if target is None:
            raise DataError('There is no target: load the image to be '
                            'segmented.')
        example = _example(editor, size, path, modality, kind)
        question = Question(
            target, target_modality, mode, names,
            [*kept, *([] if example is None else [example])],
            background if leave_out else None)
        started = time.time()
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        try:
            found = answer(self.inferencer, question, folder, self.norms,
                           self.max_pixels)
        except BaseException:
            remove(str(folder))
            raise
        remove(last)
        colours = {name: hex_colour(colour)
                   for name, colour in found.palette.items()}
        return f'Done in {time.time() - started:.1f} s.', {
            page.view: gr.AnnotatedImage(
                value=(found.picture, found.annotations()),
                color_map=colours),
            page.table: found.table(), page.last: str(folder),
            page.map_file: button(found.map_file),
            page.picture_file: button(found.picture_file)}


def _canvas(picture: np.ndarray,
            paint: Optional[np.ndarray] = None) -> dict[str, Any]:
    """What the editor shows: a picture, and paint on it."""
    layers = []
    if paint is not None:
        layers = [draw_paint(on_canvas(enlarge(paint)))]
    canvas = on_canvas(picture)
    return dict(background=canvas, layers=layers, composite=canvas)


def _example(editor: Optional[dict], size: Any, path: Optional[str],
             modality: str, kind: str) -> Optional[Example]:
    """The example on the canvas, if there is one."""
    if path is None or size is None or not editor or not editor['layers']:
        return None
    paint = off_canvas(read_paint(editor['layers']), size)
    return Example(path, modality, fit_paint(paint, tuple(size)), kind)


def _kept_text(kept: Sequence[Example]) -> str:
    if not kept:
        return ('Paint this one, keep it, then load another: all of them '
                'are used.')
    return f'Kept so far: {len(kept)}. The one on the canvas is used as well.'
