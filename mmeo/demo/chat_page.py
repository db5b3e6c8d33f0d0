# Copyright (c) mmeo contributors. All rights reserved.
"""The page where one talks about an image, or about two dates."""

import html
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Optional, Union

import gradio as gr
import numpy as np
from PIL import Image

from mmeo.errors import DataError

from .chat_layout import CSS, HEIGHTS, HIDDEN, TASK_NAMES, layout
from .chat_samples import draw_chat_samples, read_chat_samples
from .dialogue import Dialogue, split_bands, split_names
from .page import KEEP, Page, button

_GONE = ('This dialogue was not used for an hour and is deleted on the '
         'server: press New dialogue.')


class ChatPage(Page):
    """Reads the components, asks the model, shows what it said."""

    title = 'Talk about an image'
    draw_samples = staticmethod(draw_chat_samples)
    read_samples = staticmethod(read_chat_samples)

    def css(self) -> str:
        """With that of the chat."""
        return super().css() + CSS

    def layout(self) -> SimpleNamespace:
        """Images, chat and picture."""
        page = layout([sample.title for sample in self.samples])
        page.dialogue = gr.State(
            None, time_to_live=KEEP,
            delete_callback=lambda talk: talk and talk.close())
        return page

    def connect(self, blocks: gr.Blocks) -> None:
        """Samples, uploads, questions, and what is looked at."""
        page = self.page
        shown = [page.chat, page.view, page.before, page.picture, page.slider,
                 page.caption, page.table, *page.files.values(),
                 page.dialogue]
        sources = [page.first, page.second, page.bands]
        state = [page.view, page.dialogue]
        loaded = [*shown, page.first, page.second, page.bands, page.task,
                  page.names, page.question]
        for number, press in enumerate(page.samples):
            self.on(press.click, self._sample(number), state, loaded)
        if self.samples:
            self.on(blocks.load, self._sample(0), state, loaded)
        for event in (page.first.upload, page.first.clear,
                      page.second.upload, page.second.clear,
                      page.bands.submit):
            self.on(event, self.load, [*sources, *state],
                    [*shown, page.first, page.second])
        asked = [page.question, page.task, page.names, page.chat, *sources,
                 *state]
        for event in (page.ask.click, page.question.submit):
            self.on(event, self.ask, asked, [*shown, page.question])
        for event in (page.renew.click, page.chat.clear):
            self.on(event, self.renew, [*sources, *state], shown)
        self.on(page.chat.select, self.select, state, shown, selects=True)
        self.on(page.view.input, self.look, state, shown)
        self.on(page.task.input, self.choose, [page.task],
                [page.names, page.question])

    # What each event does: a sentence for the visitor, and new values.

    def _sample(self, number: int) -> Callable[..., tuple[str, dict]]:
        sample = self.samples[number]

        def load(view: str, old: Optional[Dialogue]) -> tuple[str, dict]:
            page = self.page
            first, second = [*map(str, sample.images), None][:2]
            _, out = self._begin(first, second, '', view, old)
            out.update(self.choose(sample.task)[1])
            out.update({
                page.first: first, page.second: second, page.bands: '',
                page.task: sample.task})
            # One update for a component: this one also says its value.
            out[page.names] = gr.Textbox(value=', '.join(sample.classes),
                                         visible=_seen(sample.task == 'SEG'))
            out[page.question] = gr.Textbox(
                value=sample.question,
                placeholder=TASK_NAMES[sample.task][1])
            return 'The sample is ready: press Ask, or change it.', out

        return load

    def load(self, first: Optional[str], second: Optional[str], bands: str,
             view: str, old: Optional[Dialogue]) -> tuple[str, dict]:
        """Begin a dialogue about uploads; keep the old one if they are bad."""
        page = self.page
        try:
            return self._begin(first, second, bands, view, old)
        except Exception as error:
            before = [None, None] if old is None else old.uploads
            first, second = (path if path and Path(path).exists() else None
                             for path in before)
            return self.problem(error), {page.first: first,
                                         page.second: second}

    def _begin(self, first: Optional[str], second: Optional[str], bands: str,
               view: str, old: Optional[Dialogue]) -> tuple[str, dict]:
        talk = Dialogue.open(self.inferencer, (first, second), self.folder,
                             split_bands(bands), self.max_pixels)
        if old is not None:
            old.close()
        said = ['{} × {} pixels'.format(*image.size[::-1])
                for image in talk.images]
        notes = [f'{note}.' for note in talk.notes()]
        return ' '.join([' and '.join(said) + ': ask.', *notes]
                        if said else []), self._shown(talk, view)

    def ask(self, question: str, task: str, names: str, history: list,
            first: Optional[str], second: Optional[str], bands: str,
            view: str, talk: Optional[Dialogue]) -> tuple[str, dict]:
        """Ask the model."""
        if talk is None:
            if history:
                raise DataError(_GONE)
            talk = Dialogue.open(self.inferencer, (first, second),
                                 self.folder, split_bands(bands),
                                 self.max_pixels)
        started = time.time()
        talk.ask(question, task or None,
                 split_names(names) if task == 'SEG' else None)
        said = f'Answered in {time.time() - started:.1f} s.'
        shown = self._shown(talk, view)
        # What was said must not be lost with a file.
        try:
            shown.update(self._files(talk))
        except Exception as error:
            said = self.problem(error)
        return said, {**shown, self.page.question: ''}

    def renew(self, first: Optional[str], second: Optional[str], bands: str,
              view: str, old: Optional[Dialogue]) -> tuple[str, dict]:
        """Forget what was said; the images stay."""
        if old is None:
            said, out = self._begin(first, second, bands, view, None)
        else:
            talk = old.again()
            old.close()
            out = self._shown(talk, view)
        return 'A new dialogue about the same images.', out

    def select(self, message: int, view: str, talk: Optional[Dialogue]
               ) -> tuple[str, dict]:
        """Show the answer that was clicked, or that of the question."""
        if talk is None:
            raise DataError(_GONE)
        talk.show(message // 2)
        return '', {**self._shown(talk, view), **self._files(talk)}

    def look(self, view: str, talk: Optional[Dialogue]) -> tuple[str, dict]:
        """Show two dates the other way."""
        if talk is None:
            raise DataError(_GONE)
        return '', {**self._shown(talk, view), **self._files(talk)}

    def choose(self, task: str) -> tuple[str, dict]:
        """Suggest a question; classes are for masks alone."""
        page = self.page
        return '', {
            page.names: gr.Textbox(visible=_seen(task == 'SEG')),
            page.question: gr.Textbox(placeholder=TASK_NAMES[task][1])}

    def _shown(self, talk: Dialogue, view: str) -> dict:
        """The dialogue, its picture, and no files yet."""
        page = self.page
        before, picture = talk.before(), talk.picture()
        slides = before is not None and view == 'slider'
        beside = before is not None and not slides
        return {
            page.dialogue: talk, page.chat: [
                # gradio takes any text for HTML.
                dict(message, content=html.escape(message['content'], False))
                for message in talk.messages()],
            page.view: gr.Radio(visible=_seen(before is not None)),
            page.before: gr.Image(
                value=before if beside else None, visible=_seen(beside),
                height=HEIGHTS[beside]),
            page.picture: gr.Image(
                value=None if slides else picture, visible=_seen(not slides),
                height=HEIGHTS[beside],
                label='After' if beside else 'Image'),
            page.slider: gr.ImageSlider(
                value=_alike(before, picture) if slides else None,
                visible=_seen(slides)),
            page.caption: html.escape(talk.caption()),
            page.table: talk.table(),
            **{part: button(None) for part in page.files.values()}}

    def _files(self, talk: Dialogue) -> dict:
        files = talk.files()
        return {part: button(files.get(kind))
                for kind, part in self.page.files.items()}


def _seen(seen: bool) -> Union[bool, str]:
    return seen or HIDDEN


def _alike(before: np.ndarray, after: np.ndarray
           ) -> tuple[np.ndarray, np.ndarray]:
    """Two pictures of the size of the second, for the slider."""
    if before.shape != after.shape:
        before = np.asarray(Image.fromarray(before).resize(
            after.shape[1::-1], Image.Resampling.BILINEAR))
    return before, after
