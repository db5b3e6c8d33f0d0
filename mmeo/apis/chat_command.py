# Copyright (c) mmeo contributors. All rights reserved.
"""``mmeo.apis.chat``: the command ``mmeo chat``."""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Optional

import mmcv

from mmeo.codecs import task_token
from mmeo.errors import DataError
from mmeo.geo.raster import Band

from .chat_answer import ChatAnswer
from .chat_images import ChatImage
from .chat_inferencer import ChatInferencer, ChatSession
from .chat_outputs import draw_answer, write_geojson, write_mask

PROMPT = '> '


def chat(images: Sequence[str],
         model: str,
         weights: str,
         questions: Optional[Sequence[str]] = None,
         task: Optional[str] = None,
         names: Optional[Sequence[str]] = None,
         bands: Optional[Sequence[Band]] = None,
         out: Optional[str] = None,
         overwrite: bool = False,
         as_json: bool = False,
         system: Optional[str] = None,
         device: Optional[str] = None,
         dtype: Optional[str] = None,
         tokenizer: Optional[str] = None,
         cfg_options: Optional[dict] = None,
         trust_checkpoint: bool = False) -> list[ChatAnswer]:
    """Hold a dialogue on the terminal.

    Args:
        images (Sequence[str]): Files, at most two.
        model (str): Config.
        weights (str): Checkpoint.
        questions (Sequence[str], optional): Ask these and return. By default
            they are read from the terminal.
        task (str, optional): Token of questions that have none.
        names (Sequence[str], optional): Labels of ``[SEG]`` answers.
        bands (Sequence, optional): Red, green and blue of rasters.
        out (str, optional): Folder for what was found.
        overwrite (bool): Replace files there. Defaults to False.
        as_json (bool): Print JSON lines. Defaults to False.
        others: See :class:`ChatInferencer`.

    Returns:
        list[ChatAnswer]: All answers.

    Raises:
        UserError: If an image, the model, or a question given beforehand
            cannot be used. What was answered before is printed and written.
    """
    opened = [ChatImage(image, bands) for image in images]
    for note in (note for image in opened for note in image.notes):
        print(f'note: {note}', file=sys.stderr)
    inferencer = ChatInferencer(
        model, weights, device, dtype, tokenizer,
        trust_checkpoint=trust_checkpoint, cfg_options=cfg_options)
    talk = _Talk(inferencer.start(opened, system), task, names, out,
                 overwrite, as_json)
    if questions:
        for question in questions:
            talk.ask(question)
    else:
        talk.listen(_lines())
    return talk.answers


class _Talk:
    """A session with its outputs."""

    def __init__(self, session: ChatSession, task: Optional[str],
                 names: Optional[Sequence[str]], out: Optional[str],
                 overwrite: bool, as_json: bool) -> None:
        self.session = session
        self.task = task
        self.names = names
        self.out = out and Path(out)
        self.overwrite = overwrite
        self.as_json = as_json
        self.answers: list[ChatAnswer] = []

    def listen(self, lines: Iterator[str]) -> None:
        """Answer lines until they end; a bad one is said and forgotten."""
        for line in lines:
            word, _, rest = line.strip().partition(' ')
            try:
                if word == '/quit':
                    return
                if word.startswith('/'):
                    self._command(word, rest.strip())
                elif line.strip():
                    self.ask(line)
            except DataError as error:
                print(f'error: {error}', file=sys.stderr)

    def _command(self, word: str, rest: str) -> None:
        if word == '/new':
            self.session = ChatSession(self.session.inferencer,
                                       self.session.images,
                                       self.session.system)
        elif word == '/task':
            if rest:
                task_token(rest)  # refuses unknown ones
            self.task = rest or None
        else:
            raise DataError(f'{word} is unknown: /task, /new or /quit')

    def ask(self, question: str) -> None:
        """Ask, print, write."""
        has_token = question.lstrip().startswith('[')
        answer = self.session.ask(question, None if has_token else self.task,
                                  self.names)
        self.answers.append(answer)
        files = self._write(answer)
        if self.as_json:
            print(json.dumps(dict(answer.to_dict(), files=files),
                             ensure_ascii=False), flush=True)
            return
        print(as_text(answer), flush=True)
        for file in files:
            print(f'  wrote {file}', flush=True)

    def _write(self, answer: ChatAnswer) -> list[str]:
        if self.out is None or not self.session.images:
            return []
        image, number = self.session.images[-1], len(self.answers)
        stem = str(self.out / f'{image.name}_{number:02d}')
        found = len(answer.boxes) > 0 or answer.mask is not None
        writers: list[tuple[str, Callable[[str], Any]]] = []
        if found:
            writers.append(('.png', lambda path: mmcv.imwrite(
                draw_answer(image, answer)[..., ::-1], path)))
        if found and image.is_georeferenced:
            writers.append(('.geojson', lambda path: write_geojson(
                path, image, [answer], self.overwrite)))
        if answer.mask is not None and image.transform is not None:
            writers.append(('.tif', lambda path: write_mask(
                path, image, answer, self.overwrite)))
        for suffix, _ in writers:
            if Path(stem + suffix).exists() and not self.overwrite:
                raise DataError(f'output {stem + suffix} exists: choose '
                                'another --out, or replace it with '
                                '--overwrite')
        for suffix, write in writers:
            write(stem + suffix)
        return [stem + suffix for suffix, _ in writers]


def as_text(answer: ChatAnswer) -> str:
    """An answer for a person: masks as shares, not as rows of runs."""
    if answer.mask is None:
        lines = [answer.text or '(no answer)']
    else:
        lines = ['cover: ' + ', '.join(
            f'{name} {share:.1%}'
            for name, share in answer.to_dict()['cover'].items())]
    lines += [f'  box {i}: ' + ', '.join(f'{v:.1f}' for v in box) + ' px'
              for i, box in enumerate(answer.boxes, 1)]
    lines += [f'  note: {flaw}' for flaw in answer.flaws]
    return '\n'.join(lines)


def _lines() -> Iterator[str]:
    """Lines of a person or of a pipe."""
    while True:
        try:
            yield input(PROMPT if sys.stdin.isatty() else '')
        except (EOFError, KeyboardInterrupt):
            return
