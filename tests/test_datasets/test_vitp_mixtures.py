# Copyright (c) mmeo contributors. All rights reserved.
"""ViTP's mixtures are the tables of the paper and the released lists."""

import json
from collections import defaultdict

import pytest
from mmengine.config import Config

from mmeo.datasets.instruct_meta import read_meta, write_meta
from mmeo.datasets.instruct_repeats import effective_count
from mmeo.datasets.mixture_dataset import mixture_config, mixture_sources

# Row: size in thousands, sample rate (arXiv 2509.17562, Tables 9 to 11).
TABLES = dict(
    rs={
        'Mini-InternVL': (1394, 0.03), 'RSVQA': (100, 0.1),
        'FIT_RS': (100, 0.1), 'GeoChat': (64, 2), 'VRSBench': (38, 5),
        'RSVG': (5.5, 10), 'DIOR-RSVG': (27, 8), 'ISPRS_SAR': (1.5, 1),
        'SAR_Sentinel-1&2': (16, 1), 'VHM': (223, 1),
        'LevirCCcaptions': (50, 0.5), 'GAIA': (33, 1),
        'Million-AID': (920, 0.05)},
    medical={
        'Mini-InternVL': (1394, 0.02), 'GMAI-MMBench': (5, 20),
        'Open-i': (7, 5), 'Huatuo-OA': (647, 0.1), 'Huatuo-VQA': (647, 0.5),
        'PMC-OA': (1647, 0.05), 'PMC-VQA': (227, 0.5),
        'OmniMedical': (89, 1), 'Quilt-1M': (723, 0.1),
        'Quilt-Instruct': (147, 1)},
    general={
        'ShareGPT4V': (767, 1), 'DVQA': (200, 1), 'ChartQA': (18, 1),
        'AI2D': (12, 1), 'DocVQA': (10, 1), 'GeoQA+': (72, 1),
        'SynthDoG-EN': (30, 1), 'GAIA': (33, 0.2),
        'Million-AID': (920, 0.01)})
# Rows whose files are smaller than the paper says: the authors' lists hold
# 1023k of Mini-InternVL's 1394k and 680k of ShareGPT4V's 767k.
SMALLER = ('Mini-InternVL', 'ShareGPT4V')


def dataset_of(root, domain, preset):
    path = root / f'configs/_base_/datasets/vitp_{domain}_{preset}.py'
    return Config.fromfile(path).train_dataloader.dataset


def total(dataset):
    return sum(effective_count(source.length, source.repeat)
               for source in mixture_sources(dataset))


@pytest.mark.parametrize('domain', TABLES)
def test_paper_rows(repo_root, domain):
    rows = defaultdict(list)
    dataset = dataset_of(repo_root, domain, 'paper')
    for part, source in zip(dataset.datasets, mixture_sources(dataset)):
        rows[part.metainfo.row].append(source)
    assert set(rows) == set(TABLES[domain])
    for row, (thousands, rate) in TABLES[domain].items():
        assert {source.repeat for source in rows[row]} == {rate}, row
        size = sum(source.length for source in rows[row])
        if row in SMALLER:
            assert size < 1000 * thousands
        else:
            # Table sizes are rounded or cut to thousands.
            step = 100 if thousands % 1 else 1000
            assert abs(size - 1000 * thousands) < 1.1 * step, row


@pytest.mark.parametrize('domain, files, samples', [
    ('rs', 36, 1_088_702), ('medical', 20, 1_048_143),
    ('general', 8, 1_023_375)])
def test_released_lists(repo_root, domain, files, samples):
    dataset = dataset_of(repo_root, domain, 'released')
    assert len(dataset.datasets) == files
    assert total(dataset) == samples
    assert dataset.fraction == 'first'


@pytest.mark.parametrize('domain, samples', [
    ('rs', 989_624), ('medical', 1_041_096), ('general', 1_039_141)])
def test_paper_mixtures(repo_root, domain, samples):
    dataset = dataset_of(repo_root, domain, 'paper')
    assert total(dataset) == samples
    assert 'fraction' not in dataset


@pytest.mark.parametrize('domain', TABLES)
@pytest.mark.parametrize('preset', ['paper', 'released'])
def test_as_a_meta_and_back(repo_root, tmp_path, domain, preset):
    dataset = dataset_of(repo_root, domain, preset)
    sources = mixture_sources(dataset)
    write_meta(sources, tmp_path / 'meta.json')
    meta = json.loads((tmp_path / 'meta.json').read_text())
    assert len(meta) == len(dataset.datasets)
    assert not any(entry['root'].startswith('/') for entry in meta.values())
    back = read_meta(tmp_path / 'meta.json', resolve=False)
    assert back == sources
    assert mixture_sources(mixture_config(back)) == sources


LEFT_OUT = dict(
    diversity=['Million-AID', 'GAIA', 'LevirCCcaptions', 'VHM', 'VRSBench',
               'RSVG'],
    sar=['ISPRS_SAR', 'SAR_Sentinel-1&2'],
    grounding=['GeoChat', 'VRSBench', 'RSVG', 'DIOR-RSVG'],
    general=['Mini-InternVL'])


@pytest.mark.parametrize('name', LEFT_OUT)
def test_data_ablations_leave_out_their_rows(repo_root, name):
    cfg = Config.fromfile(
        repo_root / 'configs/vitp/ablations' /
        f'vitp-1b_instruct-pretrain_8k_rs-no-{name}.py')
    rows = {part.metainfo.row
            for part in cfg.train_dataloader.dataset.datasets}
    assert rows == set(TABLES['rs']) - set(LEFT_OUT[name])


def test_recipe(repo_root):
    """Appendix B, and what the released scripts add or change."""
    folder = repo_root / 'configs/vitp/pretrain'
    steps = dict(rs='8k_rs', medical='8k_medical', general='16k_general')
    for domain, name in steps.items():
        paper = Config.fromfile(folder /
                                f'vitp-1b_instruct-pretrain_{name}.py')
        released = Config.fromfile(
            folder / f'vitp-1b_instruct-pretrain_8k_{domain}-released.py')
        for cfg in (paper, released):
            assert cfg.train_cfg.global_batch_size == 128
            assert cfg.optim_wrapper.optimizer.lr == 2e-5
            assert cfg.optim_wrapper.clip_grad.max_norm == 1
            assert cfg.param_scheduler[-1].end == cfg.train_cfg.max_iters
            assert cfg.param_scheduler[-1].eta_min == 0
            assert cfg.model.vision.drop_path_rate == 0.1
            assert cfg.model.token_drop.drop_ratio == 0.75
            assert cfg.randomness.seed == 42
            assert cfg.default_hooks.checkpoint.interval == 2000
        assert 'apply_prob' not in paper.model.token_drop
        assert released.model.token_drop.apply_prob == 0.25
        assert released.param_scheduler[0].end == 1600
        assert paper.train_cfg.max_iters == (
            16000 if domain == 'general' else 8000)
        assert released.train_cfg.max_iters == 8000
