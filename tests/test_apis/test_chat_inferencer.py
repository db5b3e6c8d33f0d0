# Copyright (c) mmeo contributors. All rights reserved.
"""Dialogues about images: what is asked, what is read from the answers."""

import json
from pathlib import Path

import numpy as np
import pytest
import rasterio
import torch
from mmengine.config import Config
from PIL import Image
from rasterio.transform import from_origin
from rasterio.warp import transform as project
from shapely.geometry import shape

from mmeo.apis import ChatInferencer
from mmeo.apis.chat_answer import labels_of, read_answer
from mmeo.apis.chat_images import ChatImage
from mmeo.apis.chat_inferencer import with_task
from mmeo.apis.chat_outputs import draw_answer, write_geojson, write_mask
from mmeo.codecs import encode_mask
from mmeo.errors import ConfigError, DataError


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    path = tmp_path / 'words.jsonl'
    path.write_text(json.dumps(dict(conversations=[
        {'from': 'human', 'value': '[SEG] road others*8 [VG] the large ship'},
        {'from': 'gpt', 'value': '[10, 20, 30, 40]'}])))
    return path


@pytest.fixture
def config(corpus: Path, repo_root: Path) -> Config:
    cfg = Config.fromfile(
        repo_root / 'configs/_base_/models/rsunivlm_tiny_gmoe.py')
    cfg.test_dataloader = dict(dataset=dict(pipeline=[
        dict(type='LoadDialogueImages'),
        dict(type='ImageViews', image_size=56, newline=True),
        dict(type='PackDialogue', template='qwen_1_5', max_seq_len=400,
             tokenizer=dict(type='ByteBPETokenizer', corpus=str(corpus),
                            vocab_size=300, template='qwen_1_5'))]))
    return cfg


@pytest.fixture
def chat(config: Config) -> ChatInferencer:
    torch.manual_seed(0)
    from mmeo.builder import build
    model = build(config.model)
    model.cfg = config
    return ChatInferencer(model, device='cpu', grid=4)


@pytest.fixture
def script(chat, monkeypatch):
    """Replace what the model says; keep what it was asked."""
    heard = []

    def speak(*answers: str) -> list:
        lines = iter(answers)

        def forward(inputs, data_samples, mode):
            heard.extend(data_samples)
            for sample in data_samples:
                sample.pred_answer = next(lines)
                sample.pred_finished = True
            return data_samples
        monkeypatch.setattr(chat.model, 'forward', forward)
        return heard
    return speak


def scene(path: Path, crs: str = 'EPSG:32633', dtype: str = 'uint8') -> Path:
    pixels = np.random.default_rng(0).integers(0, 255, (3, 80, 120))
    with rasterio.open(path, 'w', driver='GTiff', height=80, width=120,
                       count=3, dtype=dtype, crs=crs,
                       transform=from_origin(500000, 5400000, 2, 2)) as dst:
        dst.write(pixels.astype(dtype))
    return path


def test_real_model_answers_single_pair_and_batch(chat, tmp_path):
    path = scene(tmp_path / 'a.tif')
    picture = np.zeros((30, 40, 3), np.uint8)
    talk = chat.start([path, picture])
    first = talk.ask('What has changed?', task='CCD')
    second = talk.ask('[SEG] Segment it.')
    assert first.granularity == 0 and second.granularity == 2
    assert [a.question for a in talk.answers] == [
        '[CCD] What has changed?', '[SEG] Segment it.']
    questions = ['[VQA] how many?', '[SEG] road', '[VG] the ship']
    images = [path, picture, None]
    many = chat(images, questions, batch_size=2)
    alone = [chat(i, q) for i, q in zip(images, questions)]
    assert [a.text for a in many] == [a.text for a in alone]
    assert [a.granularity for a in many] == [0, 2, 1]


def test_dialogue_is_read_anew_with_its_history(chat, script, tmp_path):
    heard = script('a house was built', 'others*4\n' * 4)
    talk = chat.start([scene(tmp_path / 'a.tif')] * 2)
    talk.ask('What has changed?', task='CCD')
    answer = talk.ask('Segment it.', task='SEG', names=['house'])
    assert [s.granularity for s in heard] == [0, 2]
    first, second = talk.prepare('x'), talk.prepare('y')
    text = chat.pack.tokenizer.decode(second['inputs']['input_ids'])
    assert text.count('a house was built') == 1
    assert text.index('[CCD]') < text.index('[SEG]') < text.index('y<|im')
    # A question without token does not inherit the last one's expert.
    assert first['data_samples'].granularity == 0
    assert first['inputs']['image_mask'].sum() == 2 * 17
    assert heard[1].mask_names == ['others', 'house']
    assert (answer.mask == 0).all() and not answer.flaws


def test_boxes_are_in_pixels_of_the_whole_image(chat, script, tmp_path):
    script('It is at [10, 25, 50, 100].', 'nowhere')
    path = scene(tmp_path / 'a.tif')
    answer = chat(path, '[VG] the ship')
    np.testing.assert_allclose(answer.boxes, [[12, 20, 60, 80]])
    assert answer.to_dict()['boxes'] == [[12, 20, 60, 80]]
    assert chat(path, '[VG] the ship').boxes.shape == (0, 4)


def test_masks_find_their_labels_and_say_what_was_mended() -> None:
    good = 'others*4\nroad*2, others*2\nothers*4\nlow plant*4'
    answer = read_answer('[SEG] x', good, 'SEG', 2, (8, 8), grid=4)
    assert answer.names == ['others', 'road', 'low plant']
    assert answer.mask[1].tolist() == [1, 1, 0, 0] and not answer.flaws
    assert answer.to_dict()['cover'] == {
        'others': .625, 'road': .125, 'low plant': .25}
    asked = read_answer('[SEG] x', good, 'SEG', 2, (8, 8), ['road'], grid=4)
    assert asked.mask.max() == 1
    assert "'low plant'" in asked.flaws[0]
    for text in ('', 'no idea', '[1, 2, 3, 4]', '*' * 50, 'road*99999'):
        bad = read_answer('[SEG] x', text, 'SEG', 2, (8, 8), grid=4)
        assert bad.flaws, text
    assert labels_of('a*1, B b*2\nothers*3\na*4') == ['a', 'b b']


@pytest.mark.parametrize('crs', ['EPSG:32633', 'EPSG:4326', 'EPSG:32733'])
def test_geojson_lies_where_the_pixels_lie(chat, script, tmp_path, crs):
    path = scene(tmp_path / 'a.tif', crs)
    if crs == 'EPSG:4326':
        with rasterio.open(path, 'r+') as dst:
            dst.transform = from_origin(10, 50, .001, .001)
    mask = np.array([[0, 0, 0, 0], [0, 1, 1, 0], [0, 0, 0, 2], [0] * 4])
    script('[25, 50, 75, 100]',
           encode_mask(mask, ['others', 'road', 'river']))
    image = ChatImage(path)
    talk = chat.start([image])
    answers = [talk.ask('[VG] ship'), talk.ask('[SEG] all')]
    out = tmp_path / 'out' / 'a.geojson'
    assert write_geojson(out, image, answers) == 3
    found = json.loads(out.read_text())['features']
    with rasterio.open(path) as src:
        for feature, corners in zip(found, (
                ((30, 40), (90, 80)), ((30, 20), (90, 40)),
                ((90, 40), (120, 60)))):
            xs, ys = zip(*(src.transform * corner for corner in corners))
            lon, lat = project(src.crs, 'EPSG:4326', xs, ys)
            ring = shape(feature['geometry'])
            for x, y in zip(lon, lat):
                point = min(ring.exterior.coords, key=lambda p: abs(
                    p[0] - x) + abs(p[1] - y))
                assert abs(point[0] - x) < 1e-7 and abs(point[1] - y) < 1e-7
            assert ring.exterior.is_ccw
    assert [f['properties'].get('label') for f in found] == [
        None, 'road', 'river']
    with pytest.raises(DataError, match='exists'):
        write_geojson(out, image, answers)


def test_mask_raster_has_the_grid_of_the_image(chat, script, tmp_path):
    path = scene(tmp_path / 'a.tif')
    script('others*4\nroad*4\nothers*4\nothers*2, road*2')
    image = ChatImage(path)
    answer = chat(image, '[SEG] road')
    write_mask(tmp_path / 'm.tif', image, answer)
    with rasterio.open(tmp_path / 'm.tif') as got, rasterio.open(path) as src:
        assert got.crs == src.crs and got.transform == src.transform
        label = got.read(1)
        assert json.loads(got.tags()['classes']) == {'1': 'road'}
    wanted = np.zeros((80, 120))
    wanted[20:40] = 1
    wanted[60:, 60:] = 1
    np.testing.assert_array_equal(label, wanted)
    with pytest.raises(DataError, match='is no mask'):
        write_mask(tmp_path / 'n.tif', image, read_answer(
            'q', 'hello', '', 0, (1, 1)))


def test_picture_shows_boxes_and_mask(tmp_path):
    image = ChatImage(np.full((80, 120, 3), 200, np.uint8))
    answer = read_answer('[SEG] x', 'road*2, others*2\n' * 4, 'SEG', 2,
                         (80, 120), grid=4)
    picture = draw_answer(image, answer)
    assert picture.shape == (80, 120, 3)
    assert (picture[60, :60] != 200).any() and (picture[60, 61:] == 200).all()
    boxed = draw_answer(image, read_answer(
        '[VG] x', '[50, 50, 75, 75]', 'VG', 1, (80, 120)))
    assert (boxed[40:60, 60] != 200).any()
    assert (boxed[:30] == 200).all()


def test_large_rasters_are_thinned_and_others_stretched(tmp_path):
    path = scene(tmp_path / 'a.tif', dtype='uint16')
    image = ChatImage(path, max_side=60)
    assert image.picture.size == (60, 40) and tuple(image.size) == (80, 120)
    assert len(image.notes) == 2 and 'stretched' in image.notes[1]
    assert np.asarray(image.picture).max() == 255


def test_pictures_have_no_place_on_earth(tmp_path):
    Image.new('RGB', (9, 9)).save(tmp_path / 'a.png')
    image = ChatImage(tmp_path / 'a.png')
    with pytest.raises(DataError, match=r'a\.png has no coordinate system'):
        write_geojson(tmp_path / 'x.geojson', image, [])


def test_bad_questions_and_images_are_refused(chat, config, tmp_path):
    talk = chat.start(np.zeros((9, 9, 3), np.uint8))
    for question, task, message in (
            ('  ', None, 'is empty'), ('<image> x', None, 'leave <image>'),
            ('[SGE] x', None, 'unknown task token'),
            ('x', 'SGE', "task 'SGE' is unknown"),
            ('[VG] x', 'SEG', 'give one of them'),
            ('x' * 3000, None, 'more than max_seq_len=400')):
        with pytest.raises(DataError, match=message):
            talk.ask(question, task)
    assert not talk.answers
    with pytest.raises(DataError, match='3 images in a dialogue'):
        chat.start([np.zeros((9, 9, 3), np.uint8)] * 3)
    with pytest.raises(DataError, match=r'\(9, 9, 4\)'):
        chat(np.zeros((9, 9, 4), np.uint8), 'x')
    with pytest.raises(DataError, match='2 questions need as many'):
        chat([None], ['x', 'y'])
    with pytest.raises(ConfigError, match='no weights were given'):
        ChatInferencer(config)
    config.pop('test_dataloader')
    with pytest.raises(ConfigError, match='no pipeline with `ImageViews`'):
        from mmeo.builder import build
        model = build(config.model)
        model.cfg = config
        ChatInferencer(model, device='cpu')
    assert with_task('x', 'VQA') == '[VQA] x'
    assert with_task('[VQA] x', 'VQA') == '[VQA] x'
