# Copyright (c) mmeo contributors. All rights reserved.
"""Files that must load, and files that must not run."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer, MessageHub
from safetensors.torch import save_file

from mmeo import weights
from mmeo.errors import CheckpointError


class Evil:

    def __reduce__(self):
        return os.mkdir, ('ran-the-pickle', )


class GetattrEvil:
    """Walks to another callable through an allowed class."""

    def __reduce__(self):
        return getattr, (HistoryBuffer, '__init__')


def test_safetensors_and_shards(tmp_path):
    a, b = {'a': torch.ones(2)}, {'b': torch.zeros(3)}
    save_file(a, tmp_path / 'model-1.safetensors')
    save_file(b, tmp_path / 'model-2.safetensors')
    assert set(weights.load(tmp_path / 'model-1.safetensors')) == {'a'}
    assert set(weights.load(str(tmp_path))) == {'a', 'b'}
    (tmp_path / 'model.safetensors.index.json').write_text(
        json.dumps(dict(weight_map=dict(a='model-1.safetensors',
                                        c='model-3.safetensors'))))
    with pytest.raises(CheckpointError, match='model-3.safetensors is absent'):
        weights.load(tmp_path)


def test_shards_of_pickles(tmp_path):
    weight_map = {}
    for i, name in enumerate('ab', start=1):
        file = f'pytorch_model-0000{i}-of-00002.bin'
        torch.save({name: torch.full((i, ), float(i))}, tmp_path / file)
        weight_map[name] = file
    (tmp_path / 'pytorch_model.bin.index.json').write_text(
        json.dumps(dict(weight_map=weight_map)))
    assert set(weights.load(tmp_path)) == {'a', 'b'}
    torch.save(dict(b=Evil()), tmp_path / weight_map['b'])
    with pytest.raises(CheckpointError, match='trust=True'):
        weights.load(tmp_path)


@pytest.mark.parametrize('legacy', [False, True])
def test_runner_checkpoint_without_trust(tmp_path, legacy):
    hub = MessageHub('weights-test')
    hub.update_scalar('loss', 2.5)
    path = tmp_path / 'iter_1.pth'
    torch.save(
        dict(
            state_dict={'w': torch.arange(3.)},
            message_hub=hub.state_dict(),
            meta=dict(seed=np.int64(3), best=np.float32(0.5),
                      array=np.arange(3))),
        path, _use_new_zipfile_serialization=not legacy)
    loaded = weights.load(path)
    assert torch.equal(loaded['state_dict']['w'], torch.arange(3.))
    assert loaded['meta']['seed'] == 3
    assert loaded['message_hub']['log_scalars']['loss'].current() == 2.5
    assert set(weights.unwrap(loaded)) == {'w'}


@pytest.mark.parametrize('thing', [Evil(), GetattrEvil()])
def test_code_does_not_run(thing, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save(dict(state_dict={'w': torch.ones(1)}, extra=thing), 'x.pth')
    with pytest.raises(CheckpointError) as error:
        weights.load('x.pth')
    for word in ('x.pth', 'trust=True', '--trust-checkpoint'):
        assert word in str(error.value)
    assert not os.path.exists('ran-the-pickle')
    weights.load('x.pth', trust=True)
    assert os.path.exists('ran-the-pickle') == isinstance(thing, Evil)


@pytest.mark.parametrize('name', ['a.pth', 'old.pth', 'a.safetensors'])
@pytest.mark.parametrize('keep', [0, 20, 0.5, 0.99])
def test_truncated_files(name, keep, tmp_path):
    path = tmp_path / name
    state = {'w': torch.randn(1000), 'b': torch.randn(10)}
    if path.suffix == '.safetensors':
        save_file(state, path)
    else:
        torch.save(state, path,
                   _use_new_zipfile_serialization=name != 'old.pth')
    data = path.read_bytes()
    path.write_bytes(data[:int(keep * len(data) if keep < 1 else keep)])
    with pytest.raises(CheckpointError, match=f'{name} is truncated'):
        weights.load(path)


def test_other_files(tmp_path):
    with pytest.raises(CheckpointError, match='absent.pth does not exist'):
        weights.load(tmp_path / 'absent.pth')
    with pytest.raises(CheckpointError, match='without'):
        weights.load(tmp_path)
    with pytest.raises(CheckpointError, match='download'):
        weights.load('https://example.org/a.pth')
    path = tmp_path / 'page.pth'
    path.write_text('<html>Please log in</html>')
    with pytest.raises(CheckpointError, match='page.pth'):
        weights.load(path)


def test_import_stays_light():
    code = ('import sys, mmeo.weights; print([m for m in ("mmdet", "mmseg", '
            '"mmpretrain", "mmrotate", "mmcv", "transformers") '
            'if m in sys.modules])')
    out = subprocess.run([sys.executable, '-c', code], capture_output=True,
                         text=True)
    assert out.returncode == 0, out.stderr
    assert out.stdout.strip().splitlines()[-1] == '[]'
