# Copyright (c) mmeo contributors. All rights reserved.
"""From a question to a map, a picture and a table."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import rasterio

from mmeo.apis import PromptInferencer
from mmeo.demo.answer import answer, check_size, look_at
from mmeo.demo.drawing import COLOURS
from mmeo.demo.question import Example, Question
from mmeo.errors import DataError, MissingDataError


def make_question(images: dict[str, str], target: str = 'optical',
                  mode: str = 'fused', name: str = 'roof') -> Question:
    paint = np.zeros((64, 96), np.uint8)
    paint[5:30, 5:40], paint[40:60, 50:90] = 3, 1
    return Question(images[target], 'hr' if target == 'optical' else 's1',
                    mode, ['road', '', name, *[''] * 5],
                    [Example(images['optical'], 'hr', paint)])


@pytest.mark.parametrize('mode', ['visual', 'textual', 'fused'])
@pytest.mark.parametrize('target', ['optical', 'radar'])
def test_map_picture_and_table(inferencer: PromptInferencer,
                               images: dict[str, str], tmp_path: Path,
                               mode: str, target: str) -> None:
    question = make_question(images, target, mode)
    found = answer(inferencer, question, tmp_path, inferencer.norms, 1e6)
    assert sum(found.pixels) == 64 * 96 and found.pixel_area == 4
    with rasterio.open(found.map_file) as result:
        labels = result.read(1)
        assert result.crs.to_epsg() == 32631 and result.transform.a == 2
        assert np.bincount(labels.ravel(), minlength=3
                           ).tolist() == found.pixels
        assert result.colormap(1)[1][:3] == COLOURS[0]
        assert result.colormap(1)[2][:3] == COLOURS[2]
    picture = cv2.imread(str(found.picture_file))
    assert picture is not None and picture.shape[1] > picture.shape[0]
    height, width = found.picture.shape[:2]
    assert found.labels.shape == (height, width) == (512, 768)
    assert np.array_equal(found.labels[4::8, 4::8], labels)
    for mask, name in found.annotations():
        number = list(found.palette).index(name) + 1
        assert mask.sum() == 64 * found.pixels[number] > 0


def test_colours_are_of_this_visitor_alone(inferencer: PromptInferencer,
                                           images: dict[str, str],
                                           tmp_path: Path) -> None:
    answer(inferencer, make_question(images), tmp_path, inferencer.norms, 1e6)
    assert inferencer.palette is None


def test_names_cannot_write_the_page(inferencer: PromptInferencer,
                                     images: dict[str, str],
                                     tmp_path: Path) -> None:
    question = make_question(images, name='<script>alert(1)</script>')
    table = answer(inferencer, question, tmp_path, inferencer.norms,
                   1e6).table()
    assert '<script' not in table and '&lt;script&gt;' in table


def test_table_counts_hectares(inferencer: PromptInferencer,
                               images: dict[str, str],
                               tmp_path: Path) -> None:
    found = answer(inferencer, make_question(images), tmp_path,
                   inferencer.norms, 1e6)
    found.pixels = [0, 64 * 96 // 4, 64 * 96 * 3 // 4]
    assert '75.0%' in found.table() and '1.84 ha' in found.table()
    found.pixel_area = None
    assert '4,608 pixels' in found.table()


def test_large_images_are_refused_unread(images: dict[str, str],
                                         tmp_path: Path) -> None:
    check_size(images['optical'], 64 * 96, 'target')
    with pytest.raises(DataError, match='96 x 64 pixels.*mmeo prompt'):
        check_size(images['optical'], 6000, 'target')
    # Of a bomb only the header is read.
    with rasterio.open(tmp_path / 'bomb.tif', 'w', driver='GTiff',
                       width=200000, height=200000, count=3, dtype='uint8',
                       tiled=True, sparse_ok=True, bigtiff='yes'):
        pass
    with pytest.raises(DataError, match='200000 x 200000'):
        check_size(str(tmp_path / 'bomb.tif'), 4e6, 'target')


def test_what_is_no_image_is_said(inferencer: PromptInferencer,
                                  images: dict[str, str],
                                  tmp_path: Path) -> None:
    fake = tmp_path / 'fake.png'
    fake.write_text('hello')
    with pytest.raises(DataError, match='fake.png is no picture'):
        check_size(str(fake), 1e6, 'example')
    with pytest.raises(MissingDataError, match='upload it again'):
        check_size(str(tmp_path / 'gone.tif'), 1e6, 'example')
    outside = tmp_path / 'link.vrt'
    outside.write_text('<VRTDataset/>')
    with pytest.raises(DataError, match='cannot be read'):
        check_size(str(outside), 1e6, 'example')
    with pytest.raises(DataError, match='decibels'):
        look_at(images['linear'], 's1', inferencer.norms, 1e6, 'target')
    with pytest.raises(DataError, match='band'):
        look_at(images['optical'], 's1', inferencer.norms, 1e6, 'target')
