# Copyright (c) mmeo contributors. All rights reserved.
"""Runs of in-context models: training, measuring, resuming, tables."""

import json
import runpy

import pytest

from mmeo.apis import in_context_runs
from mmeo.apis.in_context_runs import (
    find_encoder,
    run_in_context,
    train_encoder,
)
from mmeo.apis.in_context_table import (
    COLUMNS,
    DIRECTIONS,
    MODES,
    differences,
    in_context_table,
    read_runs,
)
from mmeo.datasets.synthetic import make_synthearth
from mmeo.datasets.synthetic.classes import LEAVES
from mmeo.errors import MissingDataError

CONFIGS = 'configs/skysense_vita/synthearth'
NAME = 'vita-tiny_incontext_synthearth'
FEW = {
    'train_cfg.max_iters': 2,
    'param_scheduler.0.end': 1,
    'param_scheduler.1.begin': 1,
    'param_scheduler.1.end': 2,
    'train_dataloader.batch_size': 2,
    'train_dataloader.sampler.batch_size': 2,
    'default_hooks.checkpoint.interval': 2,
}


@pytest.fixture(scope='module')
def roots(tmp_path_factory):
    """The same few scenes in two styles."""
    root = tmp_path_factory.mktemp('in_context')
    return {domain: str(make_synthearth(
        root / style, 12, 256, 3, .25, progress=False, in_context=True,
        style=style)) for domain, style in (('here', 'default'),
                                            ('shifted', 'arid'))}


def scores_of(table):
    """Scores of a run from ``{(column, mode): value}``."""
    scores = {test: {} for test, _ in COLUMNS.values()}
    for (column, mode), value in table.items():
        test, key = COLUMNS[column]
        scores[test][key.format(mode=MODES[mode])] = value
    return scores


def write(work_dir, variant, seed, table):
    folder = work_dir / variant.replace(' ', '-') / f'seed{seed}'
    folder.mkdir(parents=True)
    (folder / 'scores.json').write_text(json.dumps(dict(
        variant=variant, seed=seed, scores=scores_of(table))))


def test_held_out_classes_and_the_rest(repo_root):
    from mmengine.config import Config
    cfg = Config.fromfile(repo_root / f'{CONFIGS}/{NAME}.py')
    names = {leaf.name for leaf in LEAVES}
    assert len(cfg.held_out) == 6 and len(cfg.seen) >= 30
    assert set(cfg.held_out) | set(cfg.seen) == names
    assert not set(cfg.held_out) & set(cfg.seen)
    assert cfg.train_dataloader.dataset.held_out == cfg.held_out
    encoder = Config.fromfile(
        repo_root / f'{CONFIGS}/vita-tiny_encoder_synthearth.py')
    assert encoder.train_dataloader.dataset.held_out == cfg.held_out
    assert encoder.num_classes == len(cfg.seen)


@pytest.mark.slow
def test_train_measure_and_skip(roots, repo_root, tmp_path, monkeypatch):
    encoder = train_encoder(
        str(repo_root / f'{CONFIGS}/vita-tiny_encoder_synthearth.py'),
        roots['here'], str(tmp_path / 'encoder'), FEW)
    assert find_encoder(str(tmp_path / 'encoder')) == encoder
    variants = {'full': str(repo_root / f'{CONFIGS}/{NAME}.py'),
                'fused only': str(repo_root / f'{CONFIGS}/'
                                  f'{NAME}_fused-only.py')}
    work_dir = str(tmp_path / 'work')
    files = run_in_context(variants, [0], roots, work_dir, encoder, FEW)
    for file in files:
        record = json.loads(file.read_text())
        assert record['options'] == FEW and record['domains'] == roots
        assert set(record['scores']) == {
            'here/optical', 'here/sar', 'shifted/optical', 'shifted/sar'}
        for scores in record['scores'].values():
            assert {f'{mode}/mIoU_{group}' for mode in MODES.values()
                    for group in ('seen', 'held_out')} <= set(scores)
    assert '| fused only | F |' in in_context_table(work_dir)

    def never(*args, **kwargs):
        raise AssertionError('a finished run is trained again')

    monkeypatch.setattr(in_context_runs, 'train', never)
    assert run_in_context(variants, [0], roots, work_dir, encoder,
                          FEW) == files


def test_encoder_is_asked_for(tmp_path):
    with pytest.raises(MissingDataError, match='run.py encoder'):
        find_encoder(str(tmp_path / 'encoder'))
    with pytest.raises(MissingDataError, match='run.py run'):
        in_context_table(str(tmp_path))


def test_table_of_mean_and_deviation(tmp_path):
    every = {(column, mode): 10. for column in COLUMNS for mode in MODES}
    for seed, value in enumerate((20., 24.)):
        write(tmp_path, 'full', seed, {
            **every, ('seen, optical', 'F'): value})
    write(tmp_path, 'no SGA', 1, every)
    lines = in_context_table(str(tmp_path), ['no SGA', 'full']).splitlines()
    assert lines[2].startswith('| no SGA | V | 10.0 | 10.0')
    assert '| full | F | 22.0 ± 2.8 | 10.0 ± 0.0 |' in lines[7]
    assert lines[7].endswith('| 2 |')


def test_directions_compare_seed_by_seed(tmp_path):
    every = {(column, mode): 10. for column in COLUMNS for mode in MODES}
    for seed in range(3):
        write(tmp_path, 'full', seed, {
            **every, ('seen, optical', 'F'): 16. + seed,
            ('seen, optical', 'V'): 12., ('seen, SAR', 'T'): 14.})
    for seed in (1, 2):
        write(tmp_path, 'no SGA', seed, {
            **every, ('seen, optical', 'F'): 10. + 2 * seed})
    runs = read_runs(str(tmp_path))
    by_claim = {one.claim: one for one in DIRECTIONS}
    # Optical 16 - 12, SAR 10 - 14, and so on.
    assert differences(runs, by_claim[
        'F over the better of V and T, seen classes']) == [0., .5, 1.]
    assert differences(runs, by_claim['F: SGA over none, seen classes']) == [
        2.5, 2.]
    assert differences(runs, by_claim[
        'F on SAR: prototypes attended over added']) == []
    table = in_context_table(str(tmp_path))
    assert '| +2.2 ± 0.4 | 2 of 2 |' in table
    assert 'prototypes attended' not in table


def test_project_names_configs_that_exist(repo_root):
    project = runpy.run_path(str(repo_root /
                                 'projects/vita_in_context/run.py'))
    for name in (*project['VARIANTS'].values(), project['ENCODER']):
        assert (repo_root / CONFIGS / f'{name}.py').is_file()
