# Copyright (c) mmeo contributors. All rights reserved.
"""A visitor's dialogue: what is drawn, counted, written and refused."""

import json
from pathlib import Path

import numpy as np
import pytest
import rasterio
from PIL import Image

from mmeo.demo.dialogue import Dialogue, split_bands, split_names
from mmeo.errors import DataError, MissingDataError


@pytest.fixture
def talk(scripted_chat, images: dict[str, str], tmp_path: Path) -> Dialogue:
    """About 64 x 96 pixels of 2 m."""
    return Dialogue.open(scripted_chat, [images['optical'], None], tmp_path)


def test_boxes_are_drawn_enlarged_and_written_in_place(talk) -> None:
    plain = talk.picture()
    assert plain.shape == (512, 768, 3)
    talk.ask('the pier', 'VG')
    changed = np.argwhere((talk.picture() != plain).any(-1))
    # [25, 50, 75, 100] of the percent, eight times enlarged.
    assert np.abs(changed.min(0) - (256, 192)).max() <= 3
    assert np.abs(changed.max(0) - (512, 576)).max() <= 3
    files = talk.files()
    assert set(files) == {'picture', 'geojson'}
    with Image.open(files['picture']) as picture:
        assert np.array_equal(np.asarray(picture), talk.picture())
    feature, = json.loads(files['geojson'].read_text())['features']
    assert feature['properties']['box'] == [24, 32, 72, 64]
    # 500 km east in zone 31, 5000 km north: just below 45.15 N, 3 E.
    ring = np.array(feature['geometry']['coordinates'][0])
    assert np.abs(ring - (3, 45.15)).max() < .01


def test_masks_are_counted_and_written(talk) -> None:
    talk.ask('Where is it?', 'SEG', ['building'])
    assert '>building</td><td>25.0%</td><td>0.61 ha<' in talk.table()
    assert '>others</td><td>75.0%</td><td>1.84 ha<' in talk.table()
    files = talk.files()
    assert set(files) == {'picture', 'geojson', 'geotiff'}
    with rasterio.open(files['geotiff']) as result:
        labels = result.read(1)
        assert result.crs.to_epsg() == 32631
        assert labels.shape == (64, 96) and labels[16:48, 24:72].all()
        assert labels.sum() == 32 * 48
    before = {file: file.stat().st_mtime_ns for file in files.values()}
    assert {file: file.stat().st_mtime_ns
            for file in talk.files().values()} == before


def test_any_answer_can_be_looked_at_again(talk) -> None:
    talk.ask('Where?', 'VG')
    first = talk.picture()
    talk.ask('What?')
    assert not np.array_equal(talk.picture(), first)
    assert set(talk.files()) == {'picture'} and talk.table() == ''
    assert [message['role'] for message in talk.messages()] == [
        'user', 'assistant'] * 2
    talk.show(0)
    assert np.array_equal(talk.picture(), first)
    assert talk.caption() == 'Answer 1 of 2: [VG] Where?'
    assert talk.files()['geojson'].name == 'optical_01.geojson'
    with pytest.raises(DataError, match='no answer 3'):
        talk.show(2)


def test_a_picture_without_place_gives_a_picture(scripted_chat,
                                                 tmp_path: Path) -> None:
    path = tmp_path / 'a.png'
    Image.new('RGB', (900, 50)).save(path)
    talk = Dialogue.open(scripted_chat, [str(path)], tmp_path)
    talk.ask('x', 'SEG')
    assert set(talk.files()) == {'picture'}
    assert talk.picture().shape == (50, 900, 3)  # large enough as it is
    assert '11,250 pixels' in talk.table()


def test_two_dates(scripted_chat, images: dict[str, str],
                   tmp_path: Path) -> None:
    talk = Dialogue.open(scripted_chat, [images['optical']] * 2, tmp_path)
    before = talk.before()
    talk.ask('x', 'VG')
    assert np.array_equal(talk.before(), before)
    assert not np.array_equal(talk.picture(), before)
    assert scripted_chat.asked == [('[VG] x', None, 2)]


@pytest.mark.parametrize('ask, message', [
    (dict(question=' '), 'question is empty'),
    (dict(question='x', task='CCD'), 'second image'),
    (dict(question='[CCD] x'), 'second image'),
    (dict(question='[SGE] x'), r'unknown task token \[SGE\]'),
    (dict(question='[VG] x', task='SEG'), 'give one of them'),
    (dict(question='x', task='SEG', names=['a', 'A']), 'same'),
    (dict(question='x', task='SEG', names=['others']), 'same'),
    (dict(question='x', task='SEG', names=['a|b']), r"'a\|b'"),
])
def test_bad_questions_change_nothing(talk, scripted_chat, ask: dict,
                                      message: str) -> None:
    talk.ask('Where?', 'VG')
    with pytest.raises(DataError, match=message):
        talk.ask(**ask)
    assert len(talk.answers) == len(scripted_chat.asked) == 1
    assert talk.shown == 0


def test_words_alone(scripted_chat, tmp_path: Path) -> None:
    talk = Dialogue.open(scripted_chat, [None, None], tmp_path)
    talk.ask('hello')
    assert talk.picture() is None and talk.files() == {}
    with pytest.raises(DataError, match='there is none: load one'):
        talk.ask('x', 'CAP')


def test_a_new_dialogue_has_the_images(talk) -> None:
    talk.ask('x', 'VG')
    folder = talk.files()['picture'].parent
    again = talk.again()
    talk.close()
    assert not folder.exists()
    assert again.images == talk.images and again.messages() == []
    again.ask('x', 'VG')
    assert again.files()['picture'].exists()


def test_bad_images_are_refused(scripted_chat, images: dict[str, str],
                                tmp_path: Path) -> None:
    with pytest.raises(DataError, match='96 x 64 pixels.*`mmeo chat`'):
        Dialogue.open(scripted_chat, [images['optical']], tmp_path,
                      max_pixels=6000)
    with pytest.raises(MissingDataError, match='upload it again'):
        Dialogue.open(scripted_chat, [str(tmp_path / 'x.tif')], tmp_path)
    with pytest.raises(DataError, match='band'):
        Dialogue.open(scripted_chat, [images['optical']], tmp_path, [7, 8, 9])


def test_bands_are_chosen(scripted_chat, images: dict[str, str],
                          tmp_path: Path) -> None:
    def open_with(bands: str) -> np.ndarray:
        return np.asarray(Dialogue.open(
            scripted_chat, [images['optical']], tmp_path,
            split_bands(bands)).images[0].picture)

    assert np.array_equal(open_with('3,2,1'), open_with('')[..., ::-1])
    talk = Dialogue.open(scripted_chat, [images['radar']], tmp_path,
                         split_bands('VV, VH, VV'))
    assert 'stretched' in talk.notes()[0]


def test_lists_are_read() -> None:
    assert split_names(' road,low  vegetation ,') == ['road',
                                                      'low vegetation']
    assert split_names(' ') is None
    assert split_bands('4, B03,2') == [4, 'B03', 2]
    assert split_bands('') is None
