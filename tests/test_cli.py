# Copyright (c) mmeo contributors. All rights reserved.
"""The ``mmeo`` command."""

import os
import stat
import subprocess

import pytest

from mmeo import apis
from mmeo.apis.arguments import train_arguments
from mmeo.apis.launch import main as launch
from mmeo.apis.launch import torchrun_arguments
from mmeo.cli import main


def test_help_lists_the_commands(capsys):
    with pytest.raises(SystemExit) as info:
        main(['--help'])
    assert info.value.code == 0
    out = capsys.readouterr().out
    for command in ('doctor', 'train', 'test'):
        assert command in out
    with pytest.raises(SystemExit) as info:
        main(['nonsense'])
    assert info.value.code == 2


def test_doctor_gets_its_options(monkeypatch):
    calls = []
    monkeypatch.setattr('mmeo.doctor.run_doctor',
                        lambda as_json: calls.append(as_json) or 1)
    assert main(['doctor', '--json']) == 1
    assert main(['doctor']) == 1
    assert calls == [True, False]


@pytest.mark.parametrize('command, words, expected', [
    ('train', ['c.py', '--resume', '--amp-dtype', 'bf16', '--cfg-options',
               'a.b=1', 'c=x,y'],
     dict(config='c.py', resume='auto', amp=False, amp_dtype='bf16',
          cfg_options={'a.b': 1, 'c': ['x', 'y']}, launcher='none')),
    ('train', ['c.py', '--resume', 'my.pth', '--local-rank=3', '--seed', '5'],
     dict(resume='my.pth', local_rank=3, seed=5, trust_checkpoint=False)),
    ('test', ['c.py', 'w.pth', '--tta', '--out', 'o.pkl', '--local_rank', '2',
              '--show-dir', 's', '--trust-checkpoint'],
     dict(checkpoint='w.pth', tta=True, out='o.pkl', local_rank=2,
          show_dir='s', trust_checkpoint=True)),
])
def test_options_reach_the_api(monkeypatch, command, words, expected):
    calls = {}
    monkeypatch.setattr(apis, command, lambda **options: calls.update(
        options), raising=False)
    with pytest.raises(SystemExit) as info:
        main([command, *words])
    assert info.value.code == 0
    assert calls.items() >= expected.items()


def test_options_are_those_of_the_function():
    import inspect
    names = set(inspect.signature(apis.train).parameters)
    given = vars(train_arguments().parse_args(['c.py']))
    assert set(given) == names


def test_launcher_words(monkeypatch):
    for name in ('NNODES', 'NODE_RANK', 'MASTER_ADDR', 'PORT'):
        monkeypatch.delenv(name, raising=False)
    first = torchrun_arguments('2', ['a.py', '--x'])
    assert first[0] == '--nnodes=1' and first[-3:] == [
        '--nproc_per_node=2', 'a.py', '--x']
    # Two runs on one machine do not meet on one port.
    assert first[3] != torchrun_arguments('2', ['a.py'])[3]
    monkeypatch.setenv('NNODES', '4')
    with pytest.raises(SystemExit, match='set PORT'):
        torchrun_arguments('8', ['a.py'])
    monkeypatch.setenv('PORT', '29511')
    monkeypatch.setenv('NODE_RANK', '3')
    monkeypatch.setenv('MASTER_ADDR', 'node0')
    assert torchrun_arguments('8', ['a.py'])[:4] == [
        '--nnodes=4', '--node_rank=3', '--master_addr=node0',
        '--master_port=29511']
    assert launch(['two', 'a.py']) == 2


def test_slurm_scripts_call_srun(repo_root, tmp_path):
    """With a stand-in for srun that prints what it is given."""
    srun = tmp_path / 'srun'
    srun.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    srun.chmod(srun.stat().st_mode | stat.S_IXUSR)
    environment = {**os.environ, 'PATH': f'{tmp_path}:{os.environ["PATH"]}',
                   'GPUS': '4', 'SRUN_ARGS': '--qos high', 'PYTHON': 'py'}
    words = subprocess.run(
        [repo_root / 'tools' / 'slurm_train.sh', 'gpu', 'job', 'my cfg.py',
         'out', '--amp'], env=environment, text=True, capture_output=True,
        check=True, cwd=tmp_path).stdout.splitlines()
    for word in ('-p', 'gpu', '--job-name=job', '--gres=gpu:4',
                 '--ntasks=4', '--ntasks-per-node=4', '--qos', 'high', 'py',
                 'my cfg.py', 'out', '--amp'):
        assert word in words
    assert words[words.index('--launcher') + 1] == 'slurm'
    script = words[words.index('-u') + 1]
    assert script == str(repo_root / 'tools' / 'train.py')
    for name, least in (('dist_train.sh', 2), ('dist_test.sh', 3),
                        ('slurm_train.sh', 4), ('slurm_test.sh', 4)):
        result = subprocess.run(
            [repo_root / 'tools' / name, *['x'] * (least - 1)], text=True,
            capture_output=True, env=environment)
        assert result.returncode == 2 and 'usage:' in result.stderr
