# Copyright (c) mmeo contributors. All rights reserved.
"""Samples of the chat page fit their questions, or say what is wrong."""

import json
from pathlib import Path
from typing import Any

import pytest
import rasterio
from PIL import Image

from mmeo.datasets.synthetic.dialogues.pair_tasks import (
    CAPTION_PROMPTS,
    MASK_PROMPT,
    change_captions,
)
from mmeo.datasets.synthetic.dialogues.pixel_tasks import PROMPTS
from mmeo.datasets.synthetic.dialogues.region_tasks import expressions
from mmeo.datasets.synthetic.dialogues.view import COVERS, view_of
from mmeo.datasets.synthetic.raster import build_scene
from mmeo.demo.chat_samples import (
    _DRAWN,
    _SIZE,
    draw_chat_samples,
    read_chat_samples,
)
from mmeo.demo.samples import SEED, copy_samples
from mmeo.errors import DataError, MissingDataError


def test_drawn_samples_can_be_answered(tmp_path: Path) -> None:
    """Their questions are those of SynthEarth, and their scenes show it."""
    samples = draw_chat_samples(tmp_path)
    find, segment, change, masks = samples
    views = [view_of(build_scene(SEED, index, _SIZE), 'x')
             for _, index, *_ in _DRAWN[:3]]
    phrases = [phrase for phrase, _, _ in
               expressions(views[0].first, views[0].size)]
    assert find.task == 'VG' and find.question in phrases
    assert segment.question == PROMPTS[1].format('building')
    assert views[1].shares[COVERS.index('building')] > .1
    assert change.question in CAPTION_PROMPTS and change.task == 'CCD'
    assert masks.question == MASK_PROMPT and masks.task == 'SEG'
    assert views[2].changed.mean() > .02 and change_captions(views[2])
    assert [len(sample.images) for sample in samples] == [1, 1, 2, 2]


def test_drawn_dates_lie_on_each_other(tmp_path: Path) -> None:
    *_, pair = draw_chat_samples(tmp_path)
    before, after = (rasterio.open(path) for path in pair.images)
    with before, after:
        assert before.shape == after.shape == (128, 128)
        assert before.transform == after.transform
        assert before.crs.to_epsg() == 32631
        assert before.descriptions == ('red', 'green', 'blue')
        assert (before.read() != after.read()).any(0).mean() > .02


def write_sample(folder: Path, **fields: Any) -> None:
    folder.mkdir()
    for name in 'ab':
        Image.new('RGB', (9, 8)).save(folder / f'{name}.png')
    fields = dict(dict(title='Two', images=['a.png', 'b.png'], question='x?'),
                  **fields)
    (folder / 'sample.json').write_text(json.dumps(fields))


def test_a_folder_of_ones_own(tmp_path: Path) -> None:
    write_sample(tmp_path / 'one', task='SEG', classes=['road'])
    copy, = copy_samples(read_chat_samples(tmp_path), tmp_path / 'out')
    assert copy.classes == ('road',) and copy.task == 'SEG'
    assert [path.name for path in copy.images] == ['a.png', 'b.png']
    assert all(path.is_relative_to(tmp_path / 'out') for path in copy.images)


@pytest.mark.parametrize('fields, message', [
    (dict(images=[]), 'one or two'),
    (dict(images='a.png'), 'one or two'),
    (dict(images=['a.png'] * 3), 'one or two'),
    (dict(images=['../../secret.png']), 'secret.png, which is not beside'),
    (dict(task='SGE'), "'SGE' is none of CAP"),
    (dict(classes=['road']), 'for the task SEG'),
    (dict(task='SEG', classes='road'), 'no list'),
    (dict(target='a.png'), "'target'; there are title, images, question"),
])
def test_what_is_wrong_is_named(tmp_path: Path, fields: dict,
                                message: str) -> None:
    Image.new('RGB', (9, 8)).save(tmp_path / 'secret.png')
    write_sample(tmp_path / 'one', **fields)
    with pytest.raises(DataError, match=f'one.sample.json.*{message}'):
        read_chat_samples(tmp_path)


def test_what_is_needed_is_named(tmp_path: Path) -> None:
    (tmp_path / 'one').mkdir()
    (tmp_path / 'one' / 'sample.json').write_text('{"title": "x"}')
    with pytest.raises(DataError, match='needs title and images and quest'):
        read_chat_samples(tmp_path)
    with pytest.raises(MissingDataError, match='no samples'):
        read_chat_samples(tmp_path / 'one')
