# Copyright (c) mmeo contributors. All rights reserved.
"""The chat page as it is served, and its handlers."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Optional
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import numpy as np
import pytest
from PIL import Image

from mmeo.cli import build_parser
from mmeo.demo import server
from mmeo.errors import CheckpointError, ConfigError, DataError

pytest.importorskip('gradio')


@pytest.fixture(scope='module')
def served(tiny_chat: Any) -> Iterator[tuple[Any, str]]:
    serving = server.Serving(0, max_upload_mb=.05)
    with server.open_page('chat', tiny_chat, serving) as (blocks, address):
        yield blocks, address.rstrip('/')


def get(address: str) -> str:
    with urlopen(address, timeout=30) as answer:
        return answer.read().decode()


def test_page_keeps_to_itself(served: tuple) -> None:
    """Shares the server of the other page, which is tested in full."""
    address = served[1]
    assert 'Talk about an image' in get(address)
    config = json.loads(get(f'{address}/config'))
    assert config['analytics_enabled'] is False and not served[0].share
    info = json.loads(get(f'{address}/gradio_api/info'))
    assert not info['named_endpoints'] and not info['unnamed_endpoints']
    with pytest.raises(HTTPError) as error:
        get(f'{address}/gradio_api/file=/etc/passwd')
    assert error.value.code in (403, 404)


def test_uploads_have_a_limit(served: tuple) -> None:
    body = (b'--x\r\nContent-Disposition: form-data; name="files"; '
            b'filename="a.png"\r\n\r\n' + b'x' * 100_000 + b'\r\n--x--\r\n')
    with pytest.raises(HTTPError) as error:
        urlopen(Request(f'{served[1]}/gradio_api/upload', body, {
            'Content-Type': 'multipart/form-data; boundary=x'}), timeout=30)
    assert error.value.code == 413


def test_command_line() -> None:
    parser = build_parser('demo')
    options = vars(parser.parse_args(
        ['demo', 'chat', '--model', 'c.py', '--weights', 'w.pth',
         '--cfg-options', 'a.b=1', '--grid', '8']))
    assert options['grid'] == 8 and options['port'] == 7860
    assert options['host'] == '127.0.0.1'
    assert options['cfg_options'] == {'a.b': 1}
    with pytest.raises(SystemExit):
        parser.parse_args(['demo', 'chat', '--model', 'c.py'])


@pytest.mark.slow
def test_command_serves_until_it_is_ended(chat_files, tmp_path) -> None:
    model, weights = chat_files
    process = subprocess.Popen(
        [sys.executable, '-m', 'mmeo.cli', 'demo', 'chat', '--model', model,
         '--weights', weights, '--port', '0', '--device', 'cpu',
         '--grid', '4'],
        stdout=subprocess.PIPE, text=True,
        env=dict(os.environ, TMPDIR=str(tmp_path)))
    try:
        line = next(line for line in process.stdout
                    if line.startswith('The page is at '))
        assert 'Talk about an image' in get(line.split()[4])
        assert list(tmp_path.glob('mmeo_demo_*/samples/03/after.tif'))
    finally:
        process.terminate()
        process.wait(60)
    assert not list(tmp_path.glob('mmeo_demo_*'))


def test_what_is_no_dialogue_model_is_said(repo_root: Path, chat_files
                                           ) -> None:
    with pytest.raises(ConfigError, match='holds no dialogue'):
        server.demo('chat', model=str(
            repo_root / 'configs/_base_/models/vita_tiny.py'),
            weights=chat_files[1], device='cpu')
    with pytest.raises(CheckpointError, match='gone.pth'):
        server.demo('chat', model=chat_files[0], weights='gone.pth',
                    device='cpu')


class Visitor:
    """Presses buttons, and remembers values as a browser does."""

    def __init__(self, inferencer: Any, folder: Path,
                 max_pixels: float = 4e6) -> None:
        from mmeo.demo.chat_page import ChatPage
        self.page = ChatPage.open(inferencer, folder, None, max_pixels)
        self.page.build()
        self.parts = vars(self.page.page)
        self.parts.update({f'{kind}_file': part for kind, part
                           in self.page.page.files.items()})
        self.values: dict[str, Any] = dict(
            first=None, second=None, bands='', view='side', dialogue=None,
            question='', task='', names='', chat=[])
        self.said = ''

    def press(self, handler: Any, *names: str, first: Optional[Any] = None
              ) -> None:
        """Call a handler with the values of components."""
        given = [self.values[name] for name in names]
        try:
            self.said, out = handler(*([] if first is None else [first]),
                                     *given)
        except Exception as error:  # as `Page.on` does
            self.said, out = self.page.problem(error), {}
        for name, part in self.parts.items():
            if not isinstance(part, (list, dict)) and part in out:
                value = out[part]
                if hasattr(value, 'get_config'):
                    # What an update does not say stays.
                    given = value.constructor_args
                    if 'value' in given:
                        self.values[name] = given['value']
                    if 'visible' in given:
                        self.values[f'{name}_visible'] = (
                            given['visible'] is True)
                else:
                    self.values[name] = value

    def load(self, first: Optional[str], second: Optional[str] = None,
             bands: str = '') -> None:
        self.values.update(first=first, second=second, bands=bands)
        self.press(self.page.load, 'first', 'second', 'bands', 'view',
                   'dialogue')

    def ask(self, question: str, task: str = '', names: str = '') -> None:
        self.values.update(question=question, task=task, names=names)
        self.press(self.page.ask, 'question', 'task', 'names', 'chat',
                   'first', 'second', 'bands', 'view', 'dialogue')

    def renew(self) -> None:
        self.press(self.page.renew, 'first', 'second', 'bands', 'view',
                   'dialogue')

    def __getattr__(self, name: str) -> Any:
        if name == 'values' or name not in self.values:
            raise AttributeError(name)
        return self.values[name]


@pytest.fixture
def visitor(scripted_chat, tmp_path: Path) -> Visitor:
    return Visitor(scripted_chat, tmp_path, 1e4)


def test_samples_run_with_a_real_model(tiny_chat, tmp_path: Path) -> None:
    visitor = Visitor(tiny_chat, tmp_path)
    for number, sample in enumerate(visitor.page.samples):
        visitor.press(visitor.page._sample(number), 'view', 'dialogue')
        assert visitor.question == sample.question
        assert visitor.chat == []
        assert visitor.names_visible is (sample.task == 'SEG')
        visitor.ask(visitor.question, sample.task, visitor.names)
        assert visitor.said.startswith('Answered in')
        asked, answered = visitor.chat
        assert asked['content'] == f'[{sample.task}] {sample.question}'
        assert answered['content'] and visitor.picture_file
        assert visitor.before_visible is (len(sample.images) == 2)
        # Files of the samples before are gone.
        assert len(list(visitor.page.folder.iterdir())) == 1


def test_a_talk_of_several_turns(visitor: Visitor, images) -> None:
    visitor.load(images['optical'])
    assert visitor.said == '96 × 64 pixels: ask.'
    assert visitor.picture.shape == (512, 768, 3)
    visitor.ask('Where?', 'VG')
    boxes = visitor.picture
    assert visitor.question == '' and visitor.geojson_file
    assert visitor.geotiff_file is None
    visitor.ask('Where are they?', 'SEG', 'building, road')
    assert visitor.page.inferencer.asked[-1] == (
        '[SEG] Where are they?', ['building', 'road'], 1)
    assert visitor.geotiff_file.endswith('optical_02.tif')
    assert 'road</td><td>0.0%' in visitor.table
    visitor.ask('[VG] x', '', 'building')  # classes of another task
    assert visitor.page.inferencer.asked[-1][1] is None
    assert len(visitor.chat) == 6
    # A click on the first question or its answer shows that one.
    for message in (0, 1):
        visitor.press(visitor.page.select, 'view', 'dialogue', first=message)
        assert np.array_equal(visitor.picture, boxes)
        assert visitor.caption == 'Answer 1 of 3: [VG] Where?'
        assert visitor.geojson_file.endswith('optical_01.geojson')
    visitor.renew()
    assert visitor.chat == [] and visitor.geojson_file is None
    assert visitor.first == images['optical']
    assert not list(visitor.page.folder.iterdir())
    visitor.ask('Where?', 'VG')
    assert np.array_equal(visitor.picture, boxes)


def test_two_dates_side_by_side_or_under_a_slider(visitor: Visitor, images,
                                                  tmp_path: Path) -> None:
    small = tmp_path / 'earlier.png'
    Image.new('RGB', (48, 32), (200, 0, 0)).save(small)
    visitor.load(str(small), images['optical'])
    assert visitor.said == '48 × 32 pixels and 96 × 64 pixels: ask.'
    visitor.ask('What?', 'CCD')
    assert visitor.before_visible and not visitor.slider_visible
    assert visitor.before[0, 0].tolist() == [200, 0, 0]
    assert visitor.view_visible
    visitor.values['view'] = 'slider'
    visitor.press(visitor.page.look, 'view', 'dialogue')
    before, after = visitor.slider
    assert before.shape == after.shape == (512, 768, 3)
    assert not visitor.before_visible and not visitor.picture_visible
    visitor.load(images['optical'])
    assert visitor.picture_visible and not visitor.view_visible


def test_errors_lose_nothing(visitor: Visitor, images, tmp_path) -> None:
    visitor.load(images['optical'])
    visitor.ask('Where?', 'VG')
    talk, files = visitor.dialogue, visitor.geojson_file
    visitor.ask('What?', 'CCD')
    assert 'status problem' in visitor.said and 'second image' in visitor.said
    assert visitor.question == 'What?' and len(visitor.chat) == 2
    bad = tmp_path / 'bad.png'
    bad.write_text('hello')
    visitor.load(str(bad))
    assert 'bad.png is no picture' in visitor.said
    assert visitor.first == images['optical']
    large = tmp_path / 'large.png'
    Image.new('RGB', (200, 200)).save(large)
    visitor.load(images['optical'], str(large))
    assert '200 x 200' in visitor.said and visitor.second is None
    assert visitor.dialogue is talk and Path(files).exists()
    visitor.ask('And?', 'VG')
    assert len(visitor.chat) == 4


def test_answers_outlive_their_files(visitor: Visitor, images, monkeypatch,
                                     capsys) -> None:
    def fail(*args: Any) -> None:
        raise OSError('disk full')

    visitor.load(images['optical'])
    monkeypatch.setattr('mmeo.demo.dialogue.write_geojson', fail)
    visitor.ask('Where?', 'VG')
    assert 'inside the program' in visitor.said
    assert len(visitor.chat) == 2 and visitor.caption.startswith('Answer 1')
    assert visitor.geojson_file is None
    assert 'disk full' in capsys.readouterr().err


def test_a_dialogue_that_was_deleted(visitor: Visitor, images) -> None:
    visitor.load(images['optical'])
    visitor.ask('Where?', 'VG')
    visitor.values['dialogue'] = None
    visitor.ask('And?', 'VG')
    assert 'press New dialogue' in visitor.said
    visitor.press(visitor.page.select, 'view', 'dialogue', first=1)
    assert 'press New dialogue' in visitor.said
    visitor.renew()
    visitor.ask('And?', 'VG')
    assert visitor.said.startswith('Answered')


def test_words_alone_and_no_markup(visitor: Visitor) -> None:
    visitor.ask('<i>hello</i>')
    assert visitor.chat[1]['content'] == (
        'a &lt;b&gt;town&lt;/b&gt; by the *sea*')
    assert '&lt;i&gt;' in visitor.caption and visitor.picture_file is None
    visitor.ask('x', 'VG')
    assert 'load one' in visitor.said


def test_own_samples(scripted_chat, tmp_path: Path) -> None:
    from mmeo.demo.chat_page import ChatPage
    from mmeo.demo.chat_samples import draw_chat_samples
    draw_chat_samples(tmp_path / 'own')
    (tmp_path / 'place').mkdir()
    page = ChatPage.open(scripted_chat, tmp_path / 'place',
                         str(tmp_path / 'own'), 1e6)
    assert all(path.is_relative_to(tmp_path / 'place')
               for sample in page.samples for path in sample.images)
    with pytest.raises(DataError, match='no samples'):
        ChatPage.open(scripted_chat, Path(tempfile.mkdtemp(dir=tmp_path)),
                      str(tmp_path / 'nothing'), 1e6)
