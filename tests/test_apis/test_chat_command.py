# Copyright (c) mmeo contributors. All rights reserved.
"""`mmeo chat`: answers on the terminal, as JSON, and as files."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import rasterio
import torch
from mmengine.config import Config
from PIL import Image
from rasterio.transform import from_origin

from mmeo.apis import chat_command
from mmeo.apis.chat_answer import read_answer
from mmeo.apis.chat_images import ChatImage
from mmeo.builder import build
from mmeo.codecs import task_of


@pytest.fixture
def trained(tmp_path: Path, repo_root: Path) -> list[str]:
    """Options of a tiny model with random weights, from files alone."""
    (tmp_path / 'words.jsonl').write_text(json.dumps(dict(conversations=[
        {'from': 'human', 'value': 'hello'},
        {'from': 'gpt', 'value': 'good day'}])))
    cfg = Config.fromfile(
        repo_root / 'configs/_base_/models/rsunivlm_tiny_gmoe.py')
    cfg.test_dataloader = dict(dataset=dict(pipeline=[
        dict(type='ImageViews', image_size=56, newline=True),
        dict(type='PackDialogue', template='qwen_1_5',
             tokenizer=dict(type='ByteBPETokenizer', vocab_size=300,
                            corpus=str(tmp_path / 'words.jsonl'),
                            template='qwen_1_5'))]))
    cfg.dump(tmp_path / 'config.py')
    torch.save(dict(state_dict=build(cfg.model).state_dict()),
               tmp_path / 'w.pth')
    return ['--model', str(tmp_path / 'config.py'), '--weights',
            str(tmp_path / 'w.pth')]


@pytest.fixture
def image(tmp_path: Path) -> str:
    path = tmp_path / 'scene.tif'
    with rasterio.open(path, 'w', driver='GTiff', height=60, width=80,
                       count=3, dtype='uint8', crs='EPSG:32633',
                       transform=from_origin(5e5, 5e6, 1, 1)) as dst:
        dst.write(np.full((3, 60, 80), 9, np.uint8))
    return str(path)


def test_command_answers_a_pipe(trained, image) -> None:
    done = subprocess.run(
        [sys.executable, '-m', 'mmeo.cli', 'chat', image, image, *trained,
         '--json'], text=True, capture_output=True,
        input='[CCD] What has changed?\n\n[SGE] x\n/task VG\nthe ship\n'
        '/jump\n/quit\nnever asked\n')
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()
             if line.startswith('{')]
    assert [line['question'] for line in lines] == [
        '[CCD] What has changed?', '[VG] the ship']
    assert [line['granularity'] for line in lines] == ['image', 'region']
    assert 'unknown task token [SGE]' in done.stderr
    assert '/jump is unknown' in done.stderr


@pytest.fixture
def scripted(monkeypatch):
    """`chat` with answers of a script instead of a model's."""

    class Fake:
        def __init__(self, *args, **kwargs) -> None:
            self.texts = iter(Fake.script)

        def start(self, images, system):
            inferencer = self

            class Session:
                def __init__(self, inferencer, images, system) -> None:
                    self.inferencer, self.images = inferencer, images
                    self.system = system

                def ask(self, question, task, names):
                    text = f'[{task}] {question}' if task else question
                    kind = task_of(text)
                    return read_answer(
                        text, next(inferencer.texts), kind,
                        dict(VG=1, SEG=2).get(kind, 0), self.images[-1].size,
                        names, grid=4)
            return Session(self, images, system)

    monkeypatch.setattr(chat_command, 'ChatInferencer', Fake)
    return Fake


def test_files_of_boxes_and_masks(scripted, image, tmp_path, capsys):
    scripted.script = ['a town', '[0, 0, 50, 50]', 'road*4\n' * 4]
    out = tmp_path / 'talk'
    ask = dict(images=[image], model='m', weights='w', out=str(out),
               questions=['[CAP] x', '[VG] x', '[SEG] x'])
    chat_command.chat(**ask)
    said = capsys.readouterr().out
    assert 'a town\n' in said and 'box 1: 0.0, 0.0, 40.0, 30.0 px' in said
    assert 'cover: others 0.0%, road 100.0%' in said
    assert sorted(p.name for p in out.iterdir()) == [
        'scene_02.geojson', 'scene_02.png', 'scene_03.geojson',
        'scene_03.png', 'scene_03.tif']
    with Image.open(out / 'scene_03.png') as picture:
        assert picture.size == (80, 60)
    from mmeo.errors import DataError
    with pytest.raises(DataError, match='scene_02.png exists'):
        chat_command.chat(**ask)
    chat_command.chat(**ask, overwrite=True)


def test_pictures_without_place_get_a_picture_only(scripted, tmp_path):
    Image.new('RGB', (40, 40)).save(tmp_path / 'a.png')
    scripted.script = ['others*4\n' * 4]
    chat_command.chat([str(tmp_path / 'a.png')], 'm', 'w', ['x'], task='SEG',
                      out=str(tmp_path / 'o'))
    assert [p.name for p in (tmp_path / 'o').iterdir()] == ['a_01.png']


def test_text_names_what_was_mended() -> None:
    answer = read_answer('[SEG] x', 'road*9\n', 'SEG', 2, (8, 8), grid=4,
                         finished=False)
    said = chat_command.as_text(answer)
    assert 'limit of new tokens' in said and '3 rows of the mask absent' in \
        said
    assert chat_command.as_text(read_answer(
        'q', '', '', 0, (1, 1))) == '(no answer)'


def test_stretched_rasters_are_announced(scripted, tmp_path, capsys):
    path = tmp_path / 'raw.tif'
    with rasterio.open(path, 'w', driver='GTiff', height=9, width=9, count=4,
                       dtype='uint16') as dst:
        dst.write(np.arange(324, dtype=np.uint16).reshape(4, 9, 9))
    scripted.script = ['x']
    chat_command.chat([str(path)], 'm', 'w', ['hello'], bands=[4, 3, 2])
    assert 'uint16 stretched' in capsys.readouterr().err
    assert ChatImage(path).notes
