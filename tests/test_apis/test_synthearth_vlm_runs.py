# Copyright (c) mmeo contributors. All rights reserved.
"""Runs in two stages: training, measuring, resuming, baselines, tables."""

import json
import runpy

import pytest
import torch

from mmeo.apis import synthearth_vlm_runs
from mmeo.apis.config import load_config
from mmeo.apis.synthearth_vlm_blind import (
    BlindAnswers,
    find_bounds,
    majority_mask,
    median_box,
    training_answers,
)
from mmeo.apis.synthearth_vlm_runs import ALIGN, STAGE_1, moved, run_stages
from mmeo.apis.synthearth_vlm_table import (
    COLUMNS,
    differences,
    read_runs,
    score,
    stages_table,
)
from mmeo.datasets.synthetic import make_synthearth
from mmeo.errors import MissingDataError
from mmeo.evaluation.answers import AnswerRecord, read_answers

CONFIGS = 'configs/rsunivlm/synthearth'
FEW = {
    'train_cfg.max_iters': 2,
    'param_scheduler.0.end': 1,
    'param_scheduler.1.begin': 1,
    'param_scheduler.1.end': 2,
    'train_dataloader.batch_size': 2,
    'default_hooks.checkpoint.interval': 2,
    'model.generation.max_new_tokens': 4,
    'model.task_generation.SEG.max_new_tokens': 4,
}


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp('vlm') / 'data'
    return str(make_synthearth(root, 12, 256, 3, .4, progress=False,
                               rsunivlm=True, usual=False))


@pytest.fixture(scope='module')
def project(repo_root):
    return runpy.run_path(str(repo_root /
                              'projects/rsunivlm_synthearth/run.py'))


def test_project_names_configs_that_exist(project, repo_root):
    names = [*project['STAGES'].values(),
             *(config for _, config in project['VARIANTS'].values())]
    found = {path.stem for path in (repo_root / CONFIGS).glob('*.py')}
    assert set(names) == found
    assert set(project['STAGES']) == {ALIGN, STAGE_1}


def test_ways_of_stage_2_differ_in_what_is_trained_alone(project):
    """Same data, steps and start; other parameters and learning rate."""
    paths = project['paths_of'](dict(project['VARIANTS'].values()))
    cfgs = {name: load_config(path) for name, path in paths.items()}
    first = cfgs['G-MoE']
    for cfg in cfgs.values():
        for key in ('train_dataloader', 'test_dataloader', 'train_cfg',
                    'param_scheduler', 'load_from', 'test_evaluator'):
            assert cfg[key] == first[key], key
        assert cfg.optim_wrapper.optimizer.pop('lr') > 0
        assert cfg.optim_wrapper == first.optim_wrapper
        assert cfg.model.vision == first.model.vision
        assert cfg.model.llm.config == first.model.llm.config


@pytest.mark.slow
def test_train_measure_and_skip(data, project, tmp_path, monkeypatch):
    stages = project['paths_of'](project['STAGES'])
    variants = project['paths_of'](dict(project['VARIANTS'].values()))
    work = str(tmp_path)
    files = run_stages(stages, variants, [0], data, work, FEW)
    assert len(files) == 5
    runs = read_runs(work)
    stage_1 = runs[STAGE_1][0]
    assert stage_1['start'] == f'{work}/align/seed0/iter_2.pth'
    for name in variants:
        record = runs[name][0]
        assert record['start'] == f'{work}/stage-1/seed0/iter_2.pth'
        assert all(score(record['scores'], title) >= 0 for title in COLUMNS)
    counts = {name: runs[name][0]['parameters'] for name in runs}
    dense = counts[STAGE_1]['stored']
    assert counts['full'] == dict(stored=dense, trained=dense)
    experts = counts['G-MoE']['trained']
    # Three feed-forward networks of each of four layers.
    assert experts == 3 * 4 * 3 * 128 * 384
    assert counts['G-MoE']['stored'] == dense + experts * 2 // 3
    assert counts['LoRA']['trained'] < experts
    said = list(read_answers(tmp_path / 'G-MoE/seed0/answers.jsonl'))
    assert {one.task for one in said} == {
        'VQA', 'CLS', 'CAP', 'VG', 'REF', 'SEG', 'CCD'}
    # Experts alone have moved.
    before, after = (torch.load(f'{work}/{folder}/seed0/iter_2.pth',
                                weights_only=False)['state_dict']
                     for folder in ('stage-1', 'G-MoE'))
    same = [key for key in before if 'mlp.' not in key]
    assert all(torch.equal(before[key], after[key]) for key in same)
    key = 'llm.model.model.layers.0.mlp.{}up_proj.weight'
    assert not torch.equal(before[key.format('')],
                           after[key.format('experts.0.')])

    def never(*args, **kwargs):
        raise AssertionError('a finished run is trained again')

    monkeypatch.setattr(synthearth_vlm_runs, 'train', never)
    assert run_stages(stages, variants, [0], data, work, FEW) == files
    bounds = find_bounds(stages[STAGE_1], data, work)
    table = stages_table(work, bounds, list(variants))
    assert table.splitlines()[3].startswith('| stage 1 |')
    assert '| MoE-8 |' in table and table.count('of 1 |') == 3


def test_bounds(data, project, tmp_path):
    """Spelling the truth is right wherever text has no grid; saying what is
    frequent is not."""
    bounds = find_bounds(project['paths_of'](project['STAGES'])[STAGE_1],
                         data, str(tmp_path))
    assert json.loads((tmp_path / 'bounds.json').read_text()) == bounds
    oracle, blind = bounds['oracle'], bounds['blind']
    for title in ('VQA', 'scene', 'change or not'):
        assert score(oracle, title) == 100
        assert score(blind, title) < 90
    assert score(blind, 'change or not') == 50
    assert 95 < score(oracle, 'grounding @0.5') <= 100
    assert score(oracle, 'grounding mIoU') < 100
    assert score(oracle, 'seg. mIoU') == oracle[
        'eval_seg/seg/oracle_mIoU'] < 100
    assert score(blind, 'seg. mIoU') < score(oracle, 'seg. mIoU')
    assert score(oracle, 'change F1') == oracle['eval_cd/change/oracle_F1']
    assert blind['eval_seg/seg/invalid'] == 0


def test_blind_answers_know_the_question_and_nothing_else(tmp_path):
    lines = [('[VQA] Is there a ship?', answer)
             for answer in ('no', 'no', 'yes')]
    lines += [('[VQA] Is there a plane?', 'yes'),
              ('[REF] What is in the region [1, 2, 3, 4]?', 'a ship')]
    lines += [('[VG] the ship', f'[{x}, 10, {x + 10}, 20]')
              for x in (0, 10, 80)]
    path = tmp_path / 'a.jsonl'
    path.write_text(''.join(json.dumps(dict(image='a.png', conversations=[
        {'from': 'human', 'value': f'<image>\n{question}'},
        {'from': 'gpt', 'value': answer}])) + '\n'
        for question, answer in lines))
    blind = BlindAnswers(training_answers(path), 2)

    def say(question, task, **annotation):
        return blind(AnswerRecord('a:1', f'<image>\n{question}', 'x', 'x',
                                  task, annotation=annotation))

    assert say('[VQA] Is there a ship?', 'VQA') == 'no'
    assert say('[VQA] Is there a plane?', 'VQA') == 'yes'
    assert say('[VQA] Is there a car?', 'VQA') in ('yes', 'no')
    assert say('[REF] What is in the region [9, 9, 10, 11]?',
               'REF') == 'a ship'
    assert say('[VG] the ship', 'VG') == '[10, 10, 20, 20]'
    assert median_box(['[0, 0, 10, 10]', '[2, 0, 20, 10]',
                       '[40, 0, 50, 12]']) == '[2, 0, 20, 10]'
    assert majority_mask(
        ['road*2\nothers*2', 'road*1, others*1\nothers*2',
         'others*1, road*1\nroad*2'], 'road', 2) == 'road*2\nothers*2'


def test_paths_move_and_nothing_else(project):
    cfg = load_config(project['paths_of'](project['STAGES'])[STAGE_1])
    other = moved(cfg, '/elsewhere')
    assert other.train_dataloader.dataset.data_root == '/elsewhere/train'
    pack = other.test_dataloader.dataset.pipeline[-1]
    assert pack.tokenizer.corpus.startswith('/elsewhere/train/')
    assert pack.tokenizer == other.model.tokenizer
    seg, = other.test_evaluator.sets.eval_seg
    assert seg.label_root == '/elsewhere/val/rsunivlm'
    assert 'data/synthearth' not in str(other.to_dict())
    assert other.load_from == cfg.load_from


def write(work_dir, variant, seed, **columns):
    folder = work_dir / variant.replace(' ', '-') / f'seed{seed}'
    folder.mkdir(parents=True)
    scores = {key: columns.get(title, 10.)
              for title, keys in COLUMNS.items() for key in keys}
    (folder / 'scores.json').write_text(json.dumps(dict(
        variant=variant, seed=seed, scores=scores,
        parameters=dict(stored=2_000_000, trained=1_500_000))))


def test_table_and_directions(tmp_path):
    with pytest.raises(MissingDataError, match='run.py run'):
        stages_table(str(tmp_path), {})
    for seed, value in enumerate((60., 64.)):
        write(tmp_path, 'G-MoE', seed, VQA=value)
        write(tmp_path, 'stage 1', seed)
    write(tmp_path, 'full', 1, VQA=61.)
    write(tmp_path, 'full', 2, VQA=0.)
    flat = {key: 0. for keys in COLUMNS.values() for key in keys}
    lines = stages_table(str(tmp_path), dict(blind=flat, oracle=flat),
                         ['G-MoE', 'full']).splitlines()
    rows = [line.split(' | ')[0] for line in lines[2:7]]
    assert rows == ['| blind', '| stage 1', '| G-MoE', '| full', '| oracle']
    assert '| G-MoE | 62.0 ± 2.8 |' in lines[4]
    assert lines[4].endswith('| 1.50 M | 2.00 M | 2 |')
    assert differences(read_runs(str(tmp_path)), 'full', 'VQA') == [3.]
    assert lines[-1] == ('| full | +1.3 | +3.0 | +5.6 | +0.0 | '
                         '1 and 0 of 1 |')
