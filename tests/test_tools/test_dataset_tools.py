# Copyright (c) mmeo contributors. All rights reserved.
"""Command lines of the data tools: help, and what configs tell to run."""

import importlib.util
import re
import shlex
import sys
from pathlib import Path

import pytest
from mmengine.config import Config

from mmeo.errors import ConfigError

ROOT = Path(__file__).parents[2]
TOOLS = sorted((ROOT / 'tools/dataset_converters').glob('*.py'))


def prepare_commands() -> list[str]:
    """Commands in `prepare` of the bases of data sets."""
    found = set()
    for path in sorted((ROOT / 'configs/_base_/datasets').glob('*.py')):
        if not re.search(r'^prepare = ', path.read_text(), re.M):
            continue
        for part in Config.fromfile(path).prepare.split('&&'):
            _, python, command = part.partition('python tools/')
            if python:
                found.add(f'tools/{command.strip()}')
    return sorted(found)


def load(path: Path):
    spec = importlib.util.spec_from_file_location(f'tool_{path.stem}', path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize('path', TOOLS, ids=lambda path: path.stem)
def test_help(path, monkeypatch, capsys):
    monkeypatch.setattr(sys, 'argv', [path.name, '-h'])
    with pytest.raises(SystemExit) as left:
        load(path).main()
    assert left.value.code == 0
    assert path.name in capsys.readouterr().out


@pytest.mark.parametrize('command', prepare_commands())
def test_commands_of_configs_parse(command, monkeypatch):
    tool, *words = shlex.split(command)
    monkeypatch.setattr(sys, 'argv', [tool, *words])
    assert (ROOT / tool).is_file()
    assert vars(load(ROOT / tool).parse_args())


@pytest.mark.parametrize('words', [
    ['aid'], ['mine', '--root', '.', '--percents', '20'], ['mine']])
def test_splits_that_go_nowhere(words, monkeypatch):
    tool = load(ROOT / 'tools/dataset_converters/make_scene_splits.py')
    monkeypatch.setattr(sys, 'argv', ['x', *words])
    with pytest.raises(ConfigError, match='--'):
        tool.main()


def test_splits_of_bigearthnet_are_named(monkeypatch, capsys):
    tool = load(ROOT / 'tools/dataset_converters/bigearthnet.py')
    monkeypatch.setattr(sys, 'argv', ['x', 'a', 'b', '--splits', 'train.csv'])
    with pytest.raises(SystemExit):
        tool.parse_args()
    assert "'train.csv' is not NAME=FILE" in capsys.readouterr().err


def test_configs_name_commands():
    assert len(prepare_commands()) > 15
