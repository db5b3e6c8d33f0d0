# Copyright (c) mmeo contributors. All rights reserved.
"""Samples are ready to run, or say why not."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import rasterio

from mmeo.demo.samples import copy_samples, draw_samples, read_samples
from mmeo.errors import DataError, MissingDataError


def write_sample(folder: Path, **fields: Any) -> Path:
    folder.mkdir()
    image = np.zeros((20, 30, 3), np.uint8)
    cv2.imwrite(str(folder / 'a.png'), image)
    cv2.imwrite(str(folder / 'b.png'), image)
    mask = np.zeros((20, 30), np.uint8)
    mask[:5], mask[10:15], mask[15:] = 1, 2, 255
    cv2.imwrite(str(folder / 'm.png'), mask)
    fields = dict(dict(title='Two', classes=['roof', 'road'], target='b.png',
                       example='a.png', mask='m.png'), **fields)
    (folder / 'sample.json').write_text(json.dumps(fields))
    return folder


def test_drawn_samples_show_their_classes(tmp_path: Path) -> None:
    samples = draw_samples(tmp_path)
    assert {s.mode for s in samples} == {'visual', 'textual', 'fused'}
    assert any(s.modality == 's1' != s.example_modality for s in samples)
    for sample in samples:
        paint = sample.paint()
        with rasterio.open(sample.example) as example:
            assert example.shape == paint.shape
        shares = np.bincount(paint.ravel(),
                             minlength=len(sample.classes) + 1)
        assert len(shares) == len(sample.classes) + 1
        assert shares[1:].min() > 100
        with rasterio.open(sample.target) as target:
            assert target.crs is not None
            assert target.count == (2 if sample.modality == 's1' else 3)
    assert [s.title for s in read_samples(tmp_path)] == [
        s.title for s in samples]


def test_a_folder_of_ones_own(tmp_path: Path) -> None:
    write_sample(tmp_path / 'one', background=.2)
    sample, = read_samples(tmp_path)
    assert sample.classes == ('roof', 'road') and sample.mode == 'fused'
    assert sample.background == .2
    paint = sample.paint()
    assert np.unique(paint).tolist() == [0, 1, 2] and not paint[15:].any()


def test_copies_are_elsewhere(tmp_path: Path) -> None:
    write_sample(tmp_path / 'one')
    copy, = copy_samples(read_samples(tmp_path), tmp_path / 'out')
    assert copy.example.is_relative_to(tmp_path / 'out')
    assert np.array_equal(copy.paint(), read_samples(tmp_path)[0].paint())


@pytest.mark.parametrize('fields, message', [
    (dict(mode='both'), "mode 'both'"),
    (dict(classes=[]), '0 classes'),
    (dict(classes=['x'] * 9), '9 classes.*8 colours'),
    (dict(mask=None), 'needs a mask'),
    (dict(example=None, mask=None), 'needs an example'),
    (dict(target='c.png'), 'c.png'),
    (dict(target='../one/../secret.png'), 'secret.png'),
    (dict(colour='red'), "'colour'"),
    (dict(classes=3), 'not a sample'),
])
def test_what_is_wrong_is_named(tmp_path: Path, fields: dict,
                                message: str) -> None:
    cv2.imwrite(str(tmp_path / 'secret.png'), np.zeros((5, 5), np.uint8))
    write_sample(tmp_path / 'one', **fields)
    with pytest.raises(DataError, match=f'one.sample.json.*{message}'):
        read_samples(tmp_path)


def test_mask_without_a_name(tmp_path: Path) -> None:
    write_sample(tmp_path / 'one', classes=['roof'])
    with pytest.raises(DataError, match='holds 2.*1 classes'):
        read_samples(tmp_path)[0].paint()


def test_no_samples(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match='no samples'):
        read_samples(tmp_path)
    (tmp_path / 'one').mkdir()
    (tmp_path / 'one' / 'sample.json').write_text('{')
    with pytest.raises(DataError, match='not a sample'):
        read_samples(tmp_path)
