# Copyright (c) mmeo contributors. All rights reserved.
"""Exceptions as the one message a user reads."""

import os
import subprocess
import sys

import pytest
import torch
from torch.utils.data import DataLoader

from mmeo.apis.explain import explain, nearest_names
from mmeo.apis.run import Interrupted, run_main
from mmeo.errors import ConfigError, DataError, MissingDataError
from mmeo.registry import DATASETS, MODELS


def caught(function) -> Exception:
    with pytest.raises(Exception) as info:
        function()
    return info.value


def test_user_error_below_others():
    def wrapped():
        try:
            raise DataError('labels/7.txt:3: 7 numbers; mend the line.')
        except DataError as error:
            raise TypeError('in Hook') from error
    assert explain(caught(wrapped)) == (
        'labels/7.txt:3: 7 numbers; mend the line.')


class Broken:
    def __len__(self):
        return 2

    def __getitem__(self, index):
        raise MissingDataError('a.tif is absent.\nFetch it.')


def test_user_error_out_of_a_worker():
    loader = DataLoader(Broken(), num_workers=1)
    assert explain(caught(lambda: next(iter(loader)))) == (
        'a.tif is absent.\nFetch it.')


@MODELS.register_module()
class NamedForSpelling(torch.nn.Module):
    pass


def test_unknown_component_names_the_nearest():
    message = explain(caught(
        lambda: MODELS.build(dict(type='NamedForSpeling'))))
    assert "a model of type 'NamedForSpeling'" in message
    assert "'NamedForSpelling'" in message and 'custom_imports' in message
    message = explain(caught(
        lambda: DATASETS.build(dict(type='mmseg.LoveDADatset'))))
    assert "'mmseg.LoveDADatset'" in message
    assert 'LoveDADataset' in message


def test_nothing_near_suggests_nothing():
    assert nearest_names('Qqqqqqqqqqqqqq') == []


def test_out_of_memory_lists_remedies():
    error = torch.OutOfMemoryError('CUDA out of memory. Tried to allocate')
    message = explain(error)
    for remedy in ('with_cp', '--amp', 'batch_size'):
        assert remedy in message


def test_one_image_under_batch_normalisation():
    norm = torch.nn.BatchNorm2d(4)
    message = explain(caught(lambda: norm(torch.ones(1, 4, 1, 1))))
    assert 'train_dataloader.batch_size' in message


def test_missing_file_names_data_root(tmp_path):
    error = caught(lambda: open(tmp_path / 'gone.txt'))
    message = explain(error)
    assert 'gone.txt' in message and 'data_root' in message


def test_a_bug_keeps_its_traceback(capsys):
    assert explain(ZeroDivisionError('division')) is None
    with pytest.raises(ZeroDivisionError):
        run_main(lambda: 1 / 0)


def raising(error):
    def main():
        raise error
    return main


def test_exit_codes_and_output(capsys, monkeypatch):
    monkeypatch.delenv('RANK', raising=False)
    with pytest.raises(SystemExit) as info:
        run_main(raising(ConfigError('no such field; add it.')))
    assert info.value.code == 2
    assert capsys.readouterr().err == 'error: no such field; add it.\n'
    monkeypatch.setattr('sys.argv', ['tools/train.py', 'my config.py'])
    with pytest.raises(SystemExit) as info:
        run_main(raising(Interrupted('stopped at 5.', True)))
    assert info.value.code == 130
    assert capsys.readouterr().err == (
        "\nstopped at 5. Go on with: python tools/train.py 'my config.py' "
        '--resume\n')
    with pytest.raises(SystemExit) as info:
        run_main(lambda: None)
    assert info.value.code == 0


def test_debug_shows_the_traceback(capsys, monkeypatch):
    monkeypatch.setenv('MMEO_DEBUG', '1')
    with pytest.raises(SystemExit):
        run_main(raising(DataError('bad')))
    err = capsys.readouterr().err
    assert 'Traceback' in err and err.endswith('error: bad\n')


@pytest.mark.parametrize('unbuffered', ['', '1'])
def test_a_reader_that_leaves_is_no_error(unbuffered):
    """As `| head` does."""
    code = ('import sys; sys.stdin.read()\n'
            'from mmeo.apis.run import run_main\n'
            'run_main(lambda: print("line\\n" * 100_000))')
    tool = subprocess.Popen(
        [sys.executable, '-c', code], stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, 'PYTHONUNBUFFERED': unbuffered})
    tool.stdout.close()
    tool.stdin.close()
    assert tool.stderr.read() == ''
    assert tool.wait() == 0
