# Copyright (c) mmeo contributors. All rights reserved.
"""What all pages share: samples, events, and errors as sentences."""

import html
import re
import shutil
import sys
import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Optional

import gradio as gr

from mmeo.apis.explain import explain

from .look import COMMON_CSS
from .samples import copy_samples

#: Uploads and results are deleted after so many seconds.
KEEP = 3600


class Page(ABC):
    """Handlers of a page, each of which says a sentence and gives values.

    Every error becomes a sentence on the page. Those that a visitor cannot
    mend are printed, with their traceback, where the server runs. A handler
    that fails changes nothing else.

    Args:
        inferencer: Holds the model.
        samples (Sequence): Offered as buttons; the first one is there when
            the page opens. Their files are handed out to visitors.
        folder (Path): For results, beside the folder of uploads; the caller
            removes both at the end.
        max_pixels (float): Of each image. Defaults to 4 million.
    """

    title = ''

    def __init__(self, inferencer: Any, samples: Sequence[Any], folder: Path,
                 max_pixels: float = 4e6) -> None:
        self.inferencer = inferencer
        self.samples = list(samples)
        self.folder = folder
        self.max_pixels = max_pixels

    @classmethod
    def open(cls, inferencer: Any, folder: Path, examples: Optional[str],
             max_pixels: float) -> 'Page':
        """A page with samples and a place for results.

        Args:
            inferencer: Holds the model.
            folder (Path): Where both go.
            examples (str, optional): Folder of samples to copy; those that
                SynthEarth draws by default.
            max_pixels (float): Of each image.

        Raises:
            UserError: If the samples cannot be used.
        """
        results = folder / 'results'
        results.mkdir()
        if examples is None:
            samples = cls.draw_samples(folder / 'samples')
        else:
            samples = copy_samples(
                cls.read_samples(Path(examples).expanduser()),
                folder / 'samples')
        return cls(inferencer, samples, results, max_pixels)

    @staticmethod
    @abstractmethod
    def draw_samples(folder: Path) -> list:
        """Samples of SynthEarth, written to a folder."""

    @staticmethod
    @abstractmethod
    def read_samples(folder: Path) -> list:
        """Samples that somebody put in a folder."""

    @abstractmethod
    def layout(self) -> SimpleNamespace:
        """Components by name, on the page that is open; one is ``status``."""

    @abstractmethod
    def connect(self, blocks: gr.Blocks) -> None:
        """Give events their handlers, by :meth:`on`."""

    def css(self) -> str:
        """Look of this page."""
        return COMMON_CSS

    def build(self) -> gr.Blocks:
        """The page, to be launched."""
        with gr.Blocks(title=self.title, analytics_enabled=False,
                       delete_cache=(600, KEEP)) as blocks:
            self.page = self.layout()
            self.connect(blocks)
        return blocks

    def on(self, event: Callable, handler: Callable, inputs: list,
           outputs: list, selects: bool = False) -> None:
        """Call a handler, and show what it says.

        Args:
            event (Callable): Of a component.
            handler (Callable): Takes values of ``inputs``, returns a sentence
                and new values by component.
            inputs (list): Components.
            outputs (list): Components that it may change.
            selects (bool): It takes the index of what was selected first.
                Defaults to False.
        """

        def call(*values: Any) -> dict:
            try:
                said, out = handler(*values)
            except Exception as error:
                return {self.page.status: self.problem(error)}
            return {self.page.status: said and status(said, 'fine'), **out}

        def call_with_index(data: gr.SelectData, *values: Any) -> dict:
            return call(data.index, *values)

        event(call_with_index if selects else call, inputs,
              [*outputs, self.page.status], api_visibility='private')

    def problem(self, error: BaseException) -> str:
        """An error as a sentence on the page.

        Args:
            error (BaseException): Those that no visitor can mend are printed.
        """
        message = explain(error)
        if message is None:
            traceback.print_exception(error, file=sys.stderr)
            message = ('Something went wrong inside the program. What, is '
                       'written where the server was started.')
        # Visitors know their files by name, not by where they were put.
        place = re.escape(str(self.folder.parent))
        message = re.sub(rf'{place}/(?:[^/\s]+/)*', '', message)
        return status(message, 'problem')


def status(text: str, kind: str) -> str:
    """A sentence as HTML; ``kind`` is 'fine' or 'problem'."""
    if text.startswith('<'):  # is one already
        return text
    return (f'<div class="status {kind}" role="status">{html.escape(text)}'
            '</div>')


def button(path: Optional[Path]) -> gr.DownloadButton:
    """A download button that hands out a file, or that cannot be pressed."""
    return gr.DownloadButton(value=None if path is None else str(path),
                             interactive=path is not None)


def remove(folder: Optional[str]) -> None:
    """Delete a folder of results, if there is one."""
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)
