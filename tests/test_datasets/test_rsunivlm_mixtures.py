# Copyright (c) mmeo contributors. All rights reserved.
"""RSUniVLM's mixtures are Tables 10 to 12 of its paper."""

import json
from collections import Counter, defaultdict

import numpy as np
import pytest
from mmengine.config import Config
from PIL import Image

from mmeo.datasets import MixtureDataset
from mmeo.datasets.instruct_converters.masks_draw import fair_shares
from mmeo.errors import ConfigError
from mmeo.registry import DATASETS

# Thousands (arXiv 2412.05679, Tables 10 and 11).
RS = {
    'GeoChat': 216, 'VRSBench': 141, 'FIT-RS': 160, 'RSTeller': 100,
    'RSVQA-LR': 57, 'RSVQA-HR': 100, 'RSITMD': 2, 'RSICD': 1, 'UCM': 2,
    'NWPU': 5, 'fMoW': 53, 'DIOR-RSVG': 30, 'OPT-RSVG': 24, 'LEVIR-MCI': 40,
    'Potsdam': 12, 'UAVid': 8, 'LoveDA': 8, 'OpenEarthMap': 14,
    'landcover': 12}
GENERAL = {
    'ShareGPT4V': 100, 'AllSeeingV2': 200, 'DVQA': 40, 'ChartQA': 3,
    'AI2D': 2, 'DocVQA': 2, 'COCO stuff': 200}
# Table 12.
LEVELS = dict(
    image=['RSITMD', 'RSICD', 'UCM', 'NWPU', 'fMoW', 'RSVQA', 'VRSBench-Cap',
           'LEVIR-MCI'],
    region=['DIOR-RSVG', 'OPT-RSVG', 'VRSBench-Ref', 'GeoChat*'],
    pixel=['Potsdam', 'UAVid', 'LoveDA', 'OpenEarthMap', 'landcover',
           'LEVIR-MCI'])


def config(root, stage):
    return Config.fromfile(
        root / f'configs/_base_/datasets/rsunivlm_stage{stage}.py')


def test_stage_1_is_tables_10_and_11(repo_root):
    cfg = config(repo_root, 1)
    rows = Counter()
    for part in cfg.train_dataloader.dataset.datasets:
        rows[part.metainfo.row] += part.samples
    assert rows == {row: 1000 * n for row, n in {**RS, **GENERAL}.items()}
    assert sum(rows[row] for row in RS) == 985_000
    assert sum(rows[row] for row in GENERAL) == 547_000
    assert cfg.num_samples == 1_532_000


def test_stage_2_is_table_12_in_balance(repo_root):
    cfg = config(repo_root, 2)
    rows = defaultdict(Counter)
    for part in cfg.train_dataloader.dataset.datasets:
        rows[part.metainfo.granularity][part.metainfo.row] += part.samples
    assert {level: list(found) for level, found in rows.items()} == LEVELS
    assert {sum(found.values()) for found in rows.values()} == {60_000}
    assert cfg.num_samples == 180_000


def test_shares_of_stage_2_go_as_far_as_each_set(repo_root):
    """Equal shares of what a set has, in thousands of Table 10."""
    cfg = config(repo_root, 2)
    sizes = {**{row: 1000 * n for row, n in RS.items()}, 'RSVQA': 157_000,
             'VRSBench-Cap': 20_264, 'VRSBench-Ref': 36_313,
             'GeoChat*': 30_000}
    for level, names in LEVELS.items():
        have = [dict(sizes, **{'LEVIR-MCI': 33_333 if level == 'image' else
                               6_667})[row] for row in names]
        found = Counter()
        for part in cfg.train_dataloader.dataset.datasets:
            if part.metainfo.granularity == level:
                found[part.metainfo.row] += part.samples
        assert [found[row] for row in names] == fair_shares(have, 60_000)


def test_stage_2_draws_on_stage_1(repo_root):
    """Files are those of stage 1, but for parts of VRSBench and GeoChat."""
    first, second = (
        {part.name for part in
         config(repo_root, n).train_dataloader.dataset.datasets}
        for n in (1, 2))
    assert second - first == {'vrsbench_cap', 'vrsbench_ref', 'geochat_reg'}
    pipelines = [config(repo_root, n).train_pipeline for n in (1, 2)]
    assert pipelines[1][-1].pop('task_rounds') == 'same'
    assert pipelines[0] == pipelines[1]


@pytest.fixture
def files(tmp_path):
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(tmp_path / 'a.png')

    def write(name, count):
        (tmp_path / f'{name}.jsonl').write_text('\n'.join(json.dumps(dict(
            id=f'{name}{i}', image='a.png', conversations=[
                {'from': 'human', 'value': '<image>\n[VQA] what?'},
                {'from': 'gpt', 'value': str(i)}])) for i in range(count)))
        return dict(type='InstructDataset', ann_file=f'{name}.jsonl')

    return write


def test_samples_are_exact_whatever_a_file_holds(files, tmp_path):
    parts = [dict(files('many', 97), samples=13),
             dict(files('few', 7), samples=16), dict(files('as_is', 3))]
    mixture = DATASETS.build(dict(
        type='MixtureDataset', data_root=str(tmp_path), datasets=parts))
    assert [row.effective for row in mixture.rows()] == [13, 16, 3]
    ids = Counter(mixture.get_data_info(i)['annotation']['id']
                  for i in range(len(mixture)))
    many = [n for key, n in ids.items() if key.startswith('many')]
    few = [n for key, n in ids.items() if key.startswith('few')]
    assert many == [1] * 13
    assert sorted(few) == [2, 2, 2, 2, 2, 3, 3]


@pytest.mark.parametrize('wrong, message', [
    (dict(samples=5, repeat=2), 'not both'), (dict(samples=0), 'positive'),
    (dict(samples=2.5), 'positive')])
def test_wrong_samples(files, tmp_path, wrong, message):
    with pytest.raises(ConfigError, match=message):
        MixtureDataset([dict(files('a', 3), **wrong)],
                       data_root=str(tmp_path))
