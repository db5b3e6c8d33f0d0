# Copyright (c) mmeo contributors. All rights reserved.
"""``tools/check_dataset.py`` as a user runs it."""

import json
import runpy
import sys
from types import SimpleNamespace

import pytest

from mmeo.datasets.instruct_meta import read_meta

RELEASED = 'configs/vitp/pretrain/vitp-1b_instruct-pretrain_8k_rs-released.py'
QUICKSTART = 'configs/quickstart/vitp-tiny_instruct-pretrain_synthearth.py'


@pytest.fixture
def run(repo_root, monkeypatch, capsys):
    """The tool in this process; a new one spends seconds on imports."""

    def call(*args):
        monkeypatch.chdir(repo_root)
        monkeypatch.setattr(sys, 'argv', ['check_dataset.py',
                                          *map(str, args)])
        with pytest.raises(SystemExit) as stop:
            runpy.run_path('tools/check_dataset.py', run_name='__main__')
        shown = capsys.readouterr()
        return SimpleNamespace(returncode=stop.value.code, stdout=shown.out,
                               stderr=shown.err)

    return call


def write(path, *answers):
    path.write_text('\n'.join(json.dumps(dict(id=0, conversations=[
        {'from': 'human', 'value': 'Hi'}, {'from': 'gpt', 'value': answer}]))
        for answer in answers))
    return path


def test_exit_codes_and_report(run, tmp_path):
    out = tmp_path / 'report.json'
    done = run(write(tmp_path / 'a.jsonl', 'Ho', ''),
               '--json', out, '--workers', 0)
    assert done.returncode == 2, done.stderr
    assert f'{tmp_path}/a.jsonl:2: turn 1 by' in done.stdout
    assert 'Lengths were not checked' in done.stdout
    report = json.loads(out.read_text())
    assert report['errors'] == 1 and report['warnings'] == 1
    assert report['kinds']['answer']['count'] == 1
    strict = write(tmp_path / 'b.jsonl', 'Ho', 'Ho')
    assert run(strict, '--workers', 0).returncode == 0
    assert run(strict, '--strict').returncode == 2


def test_unknown_target(run, tmp_path):
    done = run(tmp_path / 'none.jsonl')
    assert done.returncode == 2
    assert done.stderr.startswith('error: ') and 'none.jsonl' in done.stderr


def test_shares_without_data(run, tmp_path):
    meta = tmp_path / 'meta.json'
    done = run(RELEASED, '--mixture', '--write-meta', meta)
    assert done.returncode == 0, done.stderr
    assert '1088702 100.0%' in done.stdout
    sources = read_meta(meta, resolve=False)
    assert len(sources) == 36
    assert sources[0].ann_file.startswith('data/vitp/rs/annotations/')
    again = run(meta, '--mixture')
    assert again.stdout.splitlines()[-1] == done.stdout.splitlines()[-2]


def test_config_with_its_tokenizer(run, synthearth):
    done = run(
        QUICKSTART, '--images', '--workers', 2, '--cfg-options',
        f'train_dataloader.dataset.data_root={synthearth}/train',
        'train_dataloader.dataset.pipeline.2.tokenizer.corpus='
        f'{synthearth}/train/instruct/instruct.jsonl',
        'train_dataloader.dataset.pipeline.2.tokenizer.cache=None')
    assert done.returncode == 0, done.stdout + done.stderr
    assert '`max_rounds` joins records' in done.stdout
    assert done.stdout.splitlines()[-1].startswith('0 errors')
