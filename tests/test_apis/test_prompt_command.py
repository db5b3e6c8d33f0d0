# Copyright (c) mmeo contributors. All rights reserved.
"""``mmeo prompt``: from words to a map."""

import inspect
import json
from argparse import ArgumentParser

import cv2
import numpy as np
import pytest
import rasterio
import torch
from mmengine.config import Config

from mmeo import apis
from mmeo.apis.arguments_prompt import prompt_arguments
from mmeo.apis.prompt_command import group_shots
from mmeo.builder import build
from mmeo.cli import main
from mmeo.errors import ConfigError, DataError

NEEDED = ['t.tif', '-o', 'o.tif', '--model', 'c.py', '--weights', 'w.pth']


@pytest.fixture(scope='module')
def model_words(repo_root, tmp_path_factory):
    """``--model`` and ``--weights`` of a small untrained model."""
    config = repo_root / 'configs/_base_/models/vita_tiny.py'
    weights = tmp_path_factory.mktemp('weights') / 'w.pth'
    torch.manual_seed(0)
    torch.save(dict(state_dict=build(
        Config.fromfile(config).model).state_dict()), weights)
    return ['--model', str(config), '--weights', str(weights)]


@pytest.fixture
def scene(tmp_path):
    """Target, example and its mask, as files."""
    rng = np.random.default_rng(0)
    for name in ('target', 'example'):
        cv2.imwrite(str(tmp_path / f'{name}.png'), rng.integers(
            0, 255, (40, 56, 3), dtype=np.uint8))
    mask = np.zeros((40, 56), np.uint8)
    mask[:20, :30] = 255
    cv2.imwrite(str(tmp_path / 'mask.png'), mask)
    return tmp_path


def parse(*words):
    return vars(prompt_arguments(ArgumentParser()).parse_args(
        [*NEEDED, *words]))


def run(words, code=0):
    with pytest.raises(SystemExit) as info:
        main(['prompt', *map(str, words)])
    assert info.value.code == code


def test_options_are_those_of_the_function():
    assert set(parse()) == set(inspect.signature(apis.prompt).parameters)


def test_marks_follow_their_example():
    options = parse(
        '--example', 'a.tif', '--mask', 'a.png', '--example', 'b.tif',
        '--box', 'flooded road', '1', '2', '3', '4.5', '--point', 'tree', '7',
        '8', '--point', 'tree', '9', '10', '--value', 'tree', '6', '--bands',
        '4,red', '--background', '0.5')
    examples, masks, boxes, points = group_shots(options['shots'])
    assert (examples, masks) == (['a.tif', 'b.tif'], ['a.png', None])
    assert boxes == [None, {'flooded road': [(1, 2, 3, 4.5)]}]
    assert points == [None, {'tree': [(7, 8), (9, 10)]}]
    assert options['values'] == {'tree': 6}
    assert options['bands'] == [4, 'red'] and options['background'] == 0.5
    # With one example the order does not matter.
    assert group_shots([('mask', 'm'), ('example', 'e')])[:2] == (
        ['e'], ['m'])


def test_marks_that_belong_nowhere():
    with pytest.raises(ConfigError, match='before the first of several'):
        group_shots([('mask', 'm'), ('example', 'a'), ('example', 'b')])
    with pytest.raises(ConfigError, match='a has two --mask'):
        group_shots([('example', 'a'), ('mask', 'm'), ('mask', 'n')])
    with pytest.raises(DataError, match='without the --example'):
        group_shots([('box', ('road', (1, 2, 3, 4)))])
    for words in (['--box', 'road', '1', '2', '3', 'x'],
                  ['--value', 'road', 'x']):
        with pytest.raises(SystemExit) as info:
            parse(*words)
        assert info.value.code == 2


def test_help_shows_how(capsys):
    run(['--help'])
    out = capsys.readouterr().out
    assert '--text "flooded road"' in out and 'by both' in out


def test_map_and_picture(model_words, scene, capsys):
    run([scene / 'target.png', '-o', scene / 'out.tif', *model_words,
         '--example', scene / 'example.png', '--mask', scene / 'mask.png',
         '--text', 'flooded road', '--device', 'cpu', '--json',
         '--picture', scene / 'p.png'])
    captured = capsys.readouterr()
    found, = json.loads(captured.out)
    assert found['mode'] == 'fused' and captured.err == ''
    assert found['classes'][0]['name'] == 'flooded road'
    assert found['classes'][0]['pixels'] + found['none']['pixels'] == 40 * 56
    with rasterio.open(scene / 'out.tif') as src:
        assert src.shape == (40, 56)
    assert cv2.imread(str(scene / 'p.png')).shape[0] > 384


def test_text_report_and_note(model_words, scene, capsys):
    run([scene / 'target.png', '-o', scene / 'out.tif', *model_words,
         '--example', scene / 'example.png', '--box', 'road', 0, 0, 9, 9,
         '--text', 'road', '--text', 'open water', '--mode', 'visual',
         '--device', 'cpu'])
    captured = capsys.readouterr()
    assert 'visual mode' in captured.out and '100.0%' in captured.out
    assert captured.err.startswith('warning: no example shows open water')
    before = (scene / 'out.tif').read_bytes()
    run([scene / 'target.png', '-o', scene / 'out.tif', *model_words,
         '--text', 'road', '--device', 'cpu'], code=2)
    captured = capsys.readouterr()
    assert captured.err.startswith('error: output') and \
        captured.err.count('\n') == 1
    assert (scene / 'out.tif').read_bytes() == before


@pytest.mark.parametrize('words, message', [
    ([], 'nothing to look for'),
    (['--text', 'road', '--text', 'road'], 'given twice'),
    (['--text', 'road', '--mode', 'fused'], 'needs an example'),
    (['--text', 'road', '--picture', 'p.tif'], 'picture p.tif'),
    (['--text', 'road', '--modality', 's1'], '8-bit picture'),
])
def test_errors_are_one_line(model_words, scene, capsys, words, message):
    run([scene / 'target.png', '-o', scene / 'out.tif', *model_words,
         '--device', 'cpu', *words], code=2)
    error = capsys.readouterr().err
    assert message in error and error.count('\n') == 1
    assert not (scene / 'out.tif').exists()
