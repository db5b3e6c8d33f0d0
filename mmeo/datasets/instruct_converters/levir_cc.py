# Copyright (c) mmeo contributors. All rights reserved.
"""Captions of change between two dates: LEVIR-CC, LEVIR-MCI."""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from mmeo.datasets.instruct_converters.captions import (
    CAPTION_SPLIT,
    REPEATS,
    read_sentences,
)
from mmeo.datasets.instruct_converters.files import lists_of
from mmeo.datasets.instruct_converters.items import (
    Item,
    Sample,
    register_source,
)
from mmeo.datasets.instruct_converters.wording import Wording


@register_source(
    'levir_cc',
    title='LEVIR-CC, LEVIR-MCI (captions)',
    asks='two dates, one "what has changed" a sentence',
    tree='ROOT/LevirCCcaptions.json\n'
         'ROOT/images/{train,val,test}/{A,B}/train_000001.png',
    options=(CAPTION_SPLIT, REPEATS))
def levir_cc(root: Path, images: Path, wording: Wording, split: str,
             sentences: str) -> Iterator[Item]:
    """Pairs of dates; their folder is the entry's split."""
    # The metrics come with it; only this source needs them.
    from mmeo.evaluation.text.change_words import says_no_change
    base = root if root.is_dir() else root.parent
    path = root if root.is_file() else base / 'LevirCCcaptions.json'
    for entry in lists_of(path, 'images')[0]:
        pair = _dates(images, entry)
        key = '_'.join(PurePosixPath(entry['filename']).parts)
        found = [*read_sentences(entry, sentences, f'{path.name}: {key}',
                                 split)]
        texts = [text for text, drop in found if drop is None]
        if wording.truth and texts:
            found = [(texts[0], None)]
        truth = dict(references=texts, changed=not all(
            says_no_change(text) for text in texts))
        for i, (text, drop) in enumerate(found):
            yield drop or Sample(
                f'{key}_change{i}', pair,
                ((wording.say('change_caption', f'{key}{i}'), text), ),
                task='CCD', truth=truth)


def _dates(images: Path, entry: dict) -> tuple[str, str]:
    """Paths of both dates, put together from parts.

    Replacing the letter A in a finished path would also hit folders such as
    ``DATA`` above it.
    """
    folder = entry.get('filepath') or entry.get('split') or ''
    places = [PurePosixPath('images', folder), PurePosixPath(folder),
              PurePosixPath()]
    for place in places:
        pair = [place / date / entry['filename'] for date in ('A', 'B')]
        if all((images / path).is_file() for path in pair):
            break
    else:
        pair = [places[0] / date / entry['filename'] for date in ('A', 'B')]
    return pair[0].as_posix(), pair[1].as_posix()
