# Copyright (c) mmeo contributors. All rights reserved.
"""Hooks of the training loop, without a training loop."""

import io
import random
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from mmeo.engine.hooks import AtomicCheckpointHook, ProgressHook, StepSeedHook
from mmeo.engine.hooks.checkpoint_hook import AtomicBackend, write_atomic


def test_a_write_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    target = tmp_path / 'sub' / 'weights.pth'
    write_atomic(b'old', target)

    def full(*args):
        raise OSError(28, 'No space left on device')
    monkeypatch.setattr('os.fsync', full)
    with pytest.raises(OSError, match='space'):
        AtomicBackend().put(b'new and longer', target)
    assert target.read_bytes() == b'old'
    monkeypatch.undo()
    AtomicBackend().put(b'new and longer', target)
    assert target.read_bytes() == b'new and longer'
    assert [p.name for p in target.parent.iterdir()] == ['weights.pth']


class FakeRunner:
    """Saves empty files, and notes what lay there while it did."""

    rank, epoch, iter = 0, 0, 0

    def __init__(self, work_dir):
        self.work_dir = str(work_dir)
        self.folder = work_dir
        self.seen = []
        self.logger = SimpleNamespace(info=lambda *a: None)
        info = {}
        self.message_hub = SimpleNamespace(
            runtime_info=info, get_info=info.get,
            update_info=lambda key, value: info.update({key: value}))

    def save_checkpoint(self, out_dir, filename, *args, **kwargs):
        assert kwargs['backend_args'] == dict(backend='mmeo_atomic')
        self.seen.append(sorted(p.name for p in self.folder.glob('*.pth')))
        (self.folder / filename).touch()


def test_old_checkpoint_goes_after_the_new_one_is_there(tmp_path):
    runner = FakeRunner(tmp_path)
    hook = AtomicCheckpointHook(interval=1, by_epoch=False, max_keep_ckpts=1)
    hook.before_train(runner)
    for step in (10, 20, 20, 30):
        hook._save_checkpoint_with_step(runner, step, {})
    assert runner.seen == [[], ['iter_10.pth'], ['iter_20.pth'],
                           ['iter_20.pth']]
    assert [p.name for p in tmp_path.glob('*.pth')] == ['iter_30.pth']
    assert (tmp_path / 'last_checkpoint').read_text() == str(
        tmp_path / 'iter_30.pth')
    assert runner.message_hub.get_info('keep_ckpt_ids') == [30]


def test_remote_folders_keep_their_backend(tmp_path):
    hook = AtomicCheckpointHook(out_dir='s3://bucket/run')
    with pytest.raises(Exception):  # noqa: B017  no client is installed
        hook.before_train(FakeRunner(tmp_path))
    assert hook.backend_args is None


class Terminal(io.StringIO):
    def isatty(self):
        return True


def progress(stream, monkeypatch, seconds):
    """Lines of 100 iterations that take ``seconds`` each."""
    now = [1000.]
    monkeypatch.setattr('time.time', lambda: now[0])
    hook = ProgressHook(interval=10, stream=stream)
    runner = SimpleNamespace(iter=0, max_iters=100)
    hook.before_train(runner)
    for i in range(100):
        runner.iter = i
        now[0] += seconds
        hook.after_train_iter(runner, i, outputs=dict(
            loss=torch.tensor(2.0)))
    return stream.getvalue()


def test_progress_in_a_file(monkeypatch):
    lines = progress(io.StringIO(), monkeypatch, 1.).splitlines()
    assert len(lines) == 10
    assert lines[4].startswith(' 50 %  50/100  loss 2  0 min 50 s left  ')
    assert lines[-1].startswith('100 %  100/100') and 'GiB' in lines[-1]


def test_progress_on_a_terminal(monkeypatch):
    text = progress(Terminal(), monkeypatch, 1.)
    assert text.count('\n') == 1 and text.endswith('\n')
    assert text.count('\r') == 100


def test_progress_formats_hours():
    assert '3 h 05 min left' in ProgressHook.format(1, 9, None, 11100)


def draw():
    return (torch.rand(1).item(), np.random.rand(), random.random())


def test_step_seed_depends_on_the_step_alone():
    hook = StepSeedHook()
    runner = SimpleNamespace(seed=3, iter=7)
    hook.before_train_iter(runner, 0)
    first = draw()
    for _ in range(5):
        draw()
    hook.before_train_iter(runner, 0)
    assert draw() == first
    runner.iter = 8
    hook.before_train_iter(runner, 0)
    assert draw() != first
    # What is drawn for the next batch is the same after a step as at the
    # start of a run resumed there.
    runner.iter = 7
    hook.after_train_iter(runner, 0)
    after = draw()
    runner.iter = 8
    hook.before_train_epoch(runner)
    assert draw() == after
    runner.seed = 4
    hook.before_train_epoch(runner)
    assert draw() != after
