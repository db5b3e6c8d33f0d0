# Copyright (c) mmeo contributors. All rights reserved.
"""A dialogue as the model gets it: tiles, tokens, and what is learned."""

from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

_GIVEN, _LEARNED, _IMAGE = (40, 40, 40), (20, 130, 60), (150, 90, 20)
_WIDTH, _SIZE, _LINE = 760, 14, 19


def dialogue_panel(inputs: Mapping, tokenizer: Any) -> np.ndarray:
    """Draw the tiles and, below them, the text of all tokens.

    Tokens the loss is taken on are green, given ones black, runs of image
    tokens are counted.

    Args:
        inputs (Mapping): ``pixel_values`` ``(T, 3, S, S)`` uint8 RGB,
            ``input_ids``, ``labels`` (-100 where nothing is learned) and
            ``image_mask``, each ``(L,)``.
        tokenizer (Any): Has ``decode``; None prints token ids.

    Returns:
        np.ndarray: ``(H, W, 3)`` uint8.
    """
    tiles = inputs['pixel_values'].permute(0, 2, 3, 1).numpy()
    runs = list(_runs(inputs, tokenizer))
    learned = int((inputs['labels'] != -100).sum())
    runs.append((f'\n\n{len(inputs["input_ids"])} tokens, {learned} learned '
                 f'(green), {int(inputs["image_mask"].sum())} of images',
                 _GIVEN))
    side = min(224, _WIDTH // max(1, len(tiles)))
    canvas = Image.new('RGB', (_WIDTH, 20000), 'white')
    for i, tile in enumerate(tiles):
        canvas.paste(Image.fromarray(tile).resize((side, side)),
                     (i * side, 0))
    bottom = _write(ImageDraw.Draw(canvas), runs, side + 8)
    return np.asarray(canvas.crop((0, 0, _WIDTH, bottom + 8)))


def _runs(inputs: Mapping, tokenizer: Any) -> Iterator[tuple[str, tuple]]:
    """Text pieces with their colours."""
    kinds = [(_IMAGE if image else _GIVEN if label == -100 else _LEARNED)
             for image, label in zip(inputs['image_mask'].tolist(),
                                     inputs['labels'].tolist())]
    ids = inputs['input_ids'].tolist()
    for colour, group in groupby(range(len(ids)), key=kinds.__getitem__):
        piece = [ids[i] for i in group]
        if colour == _IMAGE:
            yield f'[{len(piece)} image tokens]', colour
        elif tokenizer is None:
            yield ' '.join(map(str, piece)) + ' ', colour
        else:
            yield tokenizer.decode(piece), colour


def _write(draw: ImageDraw.ImageDraw, runs: list[tuple[str, tuple]],
           top: int) -> int:
    """Write coloured pieces, wrapped to the width; return the last y."""
    font = ImageFont.load_default(size=_SIZE)
    x, y = 8, top
    for text, colour in runs:
        for k, line in enumerate(text.split('\n')):
            if k:
                x, y = 8, y + _LINE
            for word in line.replace(' ', ' \0').split('\0'):
                width = draw.textlength(word, font)
                if x + width > _WIDTH - 8 and x > 8:
                    x, y = 8, y + _LINE
                draw.text((x, y), word, colour, font)
                x += width
    return y + _LINE
