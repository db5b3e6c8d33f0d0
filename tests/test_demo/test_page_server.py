# Copyright (c) mmeo contributors. All rights reserved.
"""The page as it is served: what it answers, refuses and leaves behind."""

import json
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import numpy as np
import pytest

from mmeo.apis import PromptInferencer
from mmeo.cli import build_parser
from mmeo.demo import server
from mmeo.errors import ConfigError, MissingDataError

pytest.importorskip('gradio')


@pytest.fixture(scope='module')
def served(inferencer: PromptInferencer) -> Iterator[tuple[Any, str]]:
    serving = server.Serving(0, max_pixels=1e4, max_upload_mb=.05)
    with server.open_page('prompt', inferencer, serving) as (blocks, address):
        yield blocks, address.rstrip('/')


def get(address: str) -> str:
    with urlopen(address, timeout=30) as answer:
        return answer.read().decode()


def post(address: str, data: bytes, kind: str) -> Any:
    request = Request(address, data, {'Content-Type': kind})
    with urlopen(request, timeout=30) as answer:
        return json.loads(answer.read())


def upload(address: str, name: str, content: bytes) -> Any:
    body = (f'--x\r\nContent-Disposition: form-data; name="files"; '
            f'filename="{name}"\r\n\r\n').encode() + content + b'\r\n--x--\r\n'
    return post(f'{address}/gradio_api/upload', body,
                'multipart/form-data; boundary=x')


def test_page_loads_nothing_from_elsewhere(served: tuple) -> None:
    page = get(served[1])
    assert 'Segment by example' in page
    loaded = re.findall(r'(?:src|href)="?(https?://[^"\s>]+)', page)
    loaded += re.findall(r'@import[^;]*(https?://[^")\s]+)', page)
    loaded += re.findall(r'@import[^;]*(https?://[^")\s]+)',
                         get(f'{served[1]}/theme.css'))
    assert not [link for link in loaded if not link.startswith(served[1])]


def test_nothing_is_reported_to_anyone(served: tuple) -> None:
    config = json.loads(get(f'{served[1]}/config'))
    assert config['analytics_enabled'] is False
    assert not config.get('is_space') and not served[0].share


def test_it_listens_on_this_computer_alone() -> None:
    parser = build_parser('demo')
    options = vars(parser.parse_args(
        ['demo', 'prompt', '--model', 'c.py', '--weights', 'w.pth']))
    assert options.pop('command') == 'demo'
    assert options['host'] == '127.0.0.1' and options['port'] == 7860
    assert server._is_local('::1') and server._is_local('localhost')
    assert not server._is_local('0.0.0.0')


def test_uploads_have_a_limit(served: tuple) -> None:
    path, = upload(served[1], 'a.png', b'x' * 1000)
    assert Path(path).is_relative_to(tempfile.gettempdir())
    assert 'mmeo_demo_' in path
    with pytest.raises(HTTPError) as info:
        upload(served[1], 'b.png', b'x' * 100_000)
    assert info.value.code == 413


def test_files_of_the_computer_are_not_served(served: tuple,
                                              repo_root: Path) -> None:
    for path in ('/etc/passwd', str(repo_root / 'README.md')):
        with pytest.raises(HTTPError) as info:
            get(f'{served[1]}/gradio_api/file={path}')
        assert info.value.code in (403, 404)


def test_handlers_are_no_public_interface(served: tuple) -> None:
    info = json.loads(get(f'{served[1]}/gradio_api/info'))
    assert not info['named_endpoints'] and not info['unnamed_endpoints']


def test_everything_is_removed_at_the_end(inferencer: PromptInferencer,
                                          monkeypatch, tmp_path: Path
                                          ) -> None:
    monkeypatch.setattr(tempfile, 'tempdir', str(tmp_path))
    before = os.environ.get('GRADIO_TEMP_DIR')
    with server.open_page('prompt', inferencer,
                          server.Serving(0)) as (_, address):
        upload(address.rstrip('/'), 'a.png', b'hello')
        assert list(tmp_path.rglob('a.png')) and list(
            tmp_path.rglob('sample.json'))
    assert not list(tmp_path.iterdir())
    assert os.environ.get('GRADIO_TEMP_DIR') == before


def test_a_taken_port_is_said(served: tuple,
                              inferencer: PromptInferencer) -> None:
    port = int(served[1].rsplit(':', 1)[1])
    with pytest.raises(ConfigError, match=f'{port}.*--port'):
        with server.open_page('prompt', inferencer, server.Serving(port)):
            pass


def test_samples_that_are_not_there(inferencer: PromptInferencer,
                                    tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match='no samples'):
        with server.open_page('prompt', inferencer, server.Serving(
                0, examples=str(tmp_path))):
            pass


def test_without_gradio_the_fix_is_said(monkeypatch) -> None:
    monkeypatch.setattr('importlib.util.find_spec', lambda name: None)
    with pytest.raises(ConfigError, match='requirements/optional.txt'):
        server.demo('prompt', model='c.py')


@pytest.fixture
def page(inferencer: PromptInferencer, tmp_path: Path) -> Any:
    """The handlers, called as gradio calls them."""
    from mmeo.demo.prompt_page import PromptPage
    from mmeo.demo.samples import draw_samples
    samples = draw_samples(tmp_path / 'samples')
    results = tmp_path / 'results'
    results.mkdir()
    page = PromptPage(inferencer, samples, results)
    page.build()
    return page


def run(page: Any, loaded: dict, **changes: Any) -> tuple[str, dict]:
    """Press the button after a sample was loaded."""
    parts = page.page
    values = dict(
        editor=loaded[parts.editor], size=loaded[parts.size],
        path=loaded[parts.example], modality=loaded[parts.example_sensor],
        kind=loaded[parts.kind], kept=loaded[parts.kept],
        target=loaded[parts.target],
        target_modality=loaded[parts.target_sensor], mode=loaded[parts.mode],
        leave_out=False, background=0., last=None)
    names = changes.pop('names', [loaded[name] for name in parts.names])
    return page.run(*{**values, **changes}.values(), *names)


def test_each_sample_is_ready_to_run(page: Any) -> None:
    assert len(page.samples) == 3
    last = None
    for number in range(3):
        _, loaded = page._sample(number)()
        said, out = run(page, loaded, last=last)
        assert said.startswith('Done')
        assert all(name in out[page.page.table]
                   for name in page.samples[number].classes)
        # The files of the answer before are gone.
        last = out[page.page.last]
        assert [str(p) for p in page.folder.iterdir()] == [last]
        assert len(list(Path(last).iterdir())) == 2


def test_paint_of_a_sample_is_its_mask(page: Any) -> None:
    from mmeo.demo.prompt_page import _example
    _, loaded = page._sample(0)()
    parts = page.page
    example = _example(loaded[parts.editor], loaded[parts.size], 'a.tif',
                       'hr', 'mask')
    assert np.array_equal(example.paint, page.samples[0].paint())


def test_kept_examples_are_used(page: Any) -> None:
    _, loaded = page._sample(0)()
    parts = page.page
    given = [loaded[parts.editor], loaded[parts.size], loaded[parts.example],
             'hr', 'box']
    _, out = page.keep_example(*given, [])
    assert len(out[parts.kept]) == 1 and 'far: 1' in out[parts.kept_text]
    # The kept one alone is enough.
    said, _ = run(page, loaded, editor=None, kept=out[parts.kept])
    assert said.startswith('Done')
    assert page.forget_examples()[1][parts.kept] == []
    with pytest.raises(ValueError, match='no painted example'):
        page.keep_example(None, None, None, 'hr', 'mask', [])
    with pytest.raises(ValueError, match='8 examples'):
        page.keep_example(*given, out[parts.kept] * 7)


def test_errors_become_sentences(page: Any, images: dict[str, str],
                                 capsys) -> None:
    _, loaded = page._sample(0)()
    with pytest.raises(ValueError, match='no target') as info:
        run(page, loaded, target=None)
    said = page.problem(info.value)
    assert said.startswith('<div class="status problem"')
    with pytest.raises(ValueError, match='twice|same') as info:
        run(page, loaded, names=['ship', 'Ship', *'abcd', '', ''])
    assert not list(page.folder.iterdir())  # of the failed run
    said, out = page.show_target(images['linear'], 's1')
    assert 'decibels' in said and out[page.page.view] is None
    said, out = page.show_example(images['optical'], 's1')
    assert 'problem' in said and out[page.page.editor] is None
    assert 'Traceback' not in capsys.readouterr().err


def test_bugs_are_printed_and_not_shown(page: Any, capsys) -> None:
    said = page.problem(KeyError('secret'))
    assert 'secret' not in said and 'inside the program' in said
    assert 'secret' in capsys.readouterr().err


def test_sentences_name_files_not_places(page: Any) -> None:
    place = page.folder.parent / 'cache' / '0a1b'
    said = page.problem(MissingDataError(f'raster {place}/x.tif <b> is bad'))
    assert 'raster x.tif &lt;b&gt; is bad' in said
