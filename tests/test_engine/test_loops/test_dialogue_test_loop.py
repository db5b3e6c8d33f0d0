# Copyright (c) mmeo contributors. All rights reserved.
"""A test of dialogues: killed, resumed, refused, scored."""

import json
import os
import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from dialogue_runs import SIZE, make_config, write_questions

from mmeo.apis import test as run_test
from mmeo.benchmarks.run_record import find_records
from mmeo.errors import ConfigError, DataError
from mmeo.evaluation.answers import read_answers

SCRIPT = Path(__file__).with_name('dialogue_runs.py')


@pytest.fixture
def root(tmp_path):
    write_questions(tmp_path / 'questions.jsonl')
    return tmp_path


def run(root, **options):
    return run_test(make_config(root, **options), None)


def lines(root, pattern='answers/*.jsonl'):
    return [line for path in sorted((root / 'work').glob(pattern))
            for line in path.read_text().splitlines(keepends=True)]


def test_every_answer_is_written_scored_and_recorded(root):
    metrics = run(root)
    records = list(read_answers(root / 'work/answers.jsonl'))
    assert [r.annotation['id'] for r in records] == list(range(SIZE))
    assert metrics == {
        'letters/sum': sum(len(r.answer) for r in records),
        'letters/records': SIZE}
    assert sorted(lines(root)) == sorted(
        lines(root, 'answers.jsonl'))
    assert records[5].question == '[VQA] why why 5'
    assert records[5].reference == 'yes ' * 13
    assert [r.finished for r in records[:4]] == [True, True, True, False]
    record, = find_records(root / 'work')
    assert record['metrics'] == metrics and record['dataset']['images'] == 23


def test_same_files_after_a_kill(root):
    """SIGKILL in the middle, a torn line, and again: nothing differs."""
    whole = root / 'whole'
    whole.mkdir()
    write_questions(whole / 'questions.jsonl')
    env = dict(os.environ, PARROT_PAUSE='0.3')
    process = subprocess.Popen([sys.executable, str(SCRIPT), str(root)],
                               env=env, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    part = root / 'work/answers/questions.rank0.jsonl'
    started = time.time()
    while not part.exists() or part.read_text().count('\n') < 8:
        assert process.poll() is None and time.time() < started + 180
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = part.read_text()
    assert not (root / 'work/answers.jsonl').exists()
    assert 8 <= before.count('\n') < SIZE
    with open(part, 'a') as file:
        file.write(before.splitlines()[0][:40])  # torn by the kill
    metrics = run(root)
    assert part.read_text().startswith(before)
    assert metrics == run(whole)
    for name in ('answers.jsonl', 'answers/questions.rank0.jsonl'):
        assert (root / 'work' / name).read_text() == (
            whole / 'work' / name).read_text().replace(
                str(whole), str(root))
    log = ''.join(p.read_text() for p in (root / 'work').glob('*/*.log'))
    assert '1 torn line(s)' in log and '2 stopped at the limit' in log


def test_complete_answers_are_only_scored(root, monkeypatch):
    first = run(root)
    monkeypatch.setattr('dialogue_runs.Parrot.test_step', None)
    assert run(root) == first
    # Other metrics do not need other answers.
    again = run(root, test_evaluator=dict(type='CountLetters',
                                          tasks=['SEG'], prefix='none'))
    assert again == {'none/sum': 0, 'none/records': 0}


def test_half_answered_batch_is_answered_as_before(root):
    run(root)
    part = root / 'work/answers/questions.rank0.jsonl'
    whole = part.read_text().splitlines(keepends=True)
    part.write_text(''.join(whole[:5]))
    run(root)
    assert part.read_text() == ''.join(whole)


@pytest.mark.parametrize('options, what', [
    (dict(model=dict(weight=2.)), 'other weights, other settings'),
    ({'test_dataloader.dataset.indices': 3}, 'other settings'),
    (dict(test_cfg=dict(dtype='bfloat16')), 'other settings'),
])
def test_answers_of_something_else_are_refused(root, options, what):
    run(root)
    with pytest.raises(DataError, match=what):
        run(root, **options)
    assert 'letters/sum' in run(root, **options, **{'test_cfg.resume': False})


def test_other_checkpoint_and_annotations_are_refused(root):
    run(root)
    path = root / 'checkpoint.pth'
    torch.save(dict(state_dict=dict(weight=torch.ones(3))), path)
    with pytest.raises(DataError, match='with another checkpoint file'):
        run_test(make_config(root), str(path))
    with open(root / 'questions.jsonl', 'a') as file:
        file.write('\n')
    with pytest.raises(DataError, match='with other annotation files'):
        run(root)
    (root / 'work/answers/questions.manifest.json').unlink()
    with pytest.raises(DataError, match='nobody knows what they were'):
        run(root)


def test_batch_size_may_change_half_way(root):
    run(root)
    part = root / 'work/answers/questions.rank0.jsonl'
    part.write_text(''.join(part.read_text().splitlines(True)[:9]))
    metrics = run(root, **{'test_dataloader.batch_size': 1})
    assert metrics['letters/records'] == SIZE
    assert len(set(lines(root))) == SIZE


def test_twice_or_foreign_answers_are_found(root):
    run(root)
    part = root / 'work/answers/questions.rank0.jsonl'
    other = part.with_name('questions.rank1.jsonl')
    other.write_text(part.read_text().splitlines(True)[0])
    with pytest.raises(DataError, match='is answered twice'):
        run(root)
    line = json.loads(part.read_text().splitlines()[0])
    other.write_text(json.dumps(dict(line, source='x.jsonl:1')) + '\n')
    with pytest.raises(DataError, match=r'1 belong to no sample.*x\.jsonl'):
        run(root)


def test_weights_take_the_dtype(root):
    cfg = make_config(root, test_cfg=dict(dtype='bfloat16'))
    from mmeo.apis.training import build_runner
    runner = build_runner(cfg)
    runner.test()
    assert runner.model.weight.dtype is torch.bfloat16
    with pytest.raises(ConfigError, match="dtype='int8' is none of"):
        run(root, test_cfg=dict(dtype='int8'))


def test_predictions_as_pickle(root):
    run_test(make_config(root), None, out=str(root / 'out.pkl'))
    with open(root / 'out.pkl', 'rb') as file:
        dumped = pickle.load(file)
    assert [item['annotation']['id'] for item in dumped] == list(range(SIZE))


def test_validation_keeps_answers_of_each_iteration_apart(root):
    from mmeo.apis.training import build_runner
    cfg = make_config(root)
    cfg.val_dataloader, cfg.val_cfg = cfg.test_dataloader, cfg.test_cfg
    cfg.val_evaluator = cfg.test_evaluator
    runner = build_runner(cfg)
    assert runner.val()['letters/records'] == SIZE
    assert len(runner.model.batches) == 6
    runner.val()
    assert len(runner.model.batches) == 12  # nothing is taken over
    assert len(lines(root, 'answers/iter_0/answers.jsonl')) == SIZE


@pytest.mark.slow
def test_two_processes_share_the_work(root):
    """Under DDP, then resumed by one process."""
    command = [sys.executable, '-m', 'torch.distributed.run',
               '--nproc_per_node=2', '--master_port=29731', str(SCRIPT),
               str(root), 'pytorch']
    subprocess.run(command, check=True, timeout=200)
    both = sorted((root / 'work/answers').glob('questions.rank*.jsonl'))
    counts = [path.read_text().count('\n') for path in both]
    assert len(both) == 2 and sum(counts) == SIZE and min(counts) > 8
    merged = (root / 'work/answers.jsonl').read_text()
    kept = both[1].read_text().splitlines(True)
    both[1].write_text(''.join(kept[:-5]))
    run(root)
    assert (root / 'work/answers.jsonl').read_text() == merged
