# Copyright (c) mmeo contributors. All rights reserved.
"""The backbone of a pretraining checkpoint, and what is written beside it."""

import json

import pytest
import torch

from mmeo import weights
from mmeo.datasets.band_stats import PRESETS
from mmeo.errors import CheckpointError

CFG = """
train_dataloader = dict(
    batch_size=2,
    dataset=dict(pipeline=[
        dict(type='LoadTriplet'),
        dict(modalities=dict(s1=dict(mean=[-11., -19.], std=[5., 6.],
                                     unit='db'), hr='planet'),
             type='NormalizeBands'),
    ]))
val_dataloader = __import__('os').system('false')
"""


def checkpoint(cfg: str = CFG, fusion: bool = True) -> dict:
    state = {}
    for i, side in enumerate(('student', 'teacher')):
        for name in ('hr', 's2', 's1'):
            state[f'{side}.backbone.tokenizers.{name}.projection.weight'] = \
                torch.full((4, 3, 4, 4), float(i))
        state[f'{side}.backbone.norms.3.weight'] = torch.full((4, ), float(i))
        state[f'{side}.mgcl.backbone.seeds.centroids'] = torch.zeros(2)
        if fusion:
            state[f'{side}.fusion.cls_token'] = torch.full((3, ), float(i))
    state['ita.text'] = torch.zeros(2)
    return dict(state_dict=state, meta=dict(cfg=cfg, iter=12))


@pytest.mark.parametrize('side, value', [('teacher', 1.), ('student', 0.)])
def test_backbone_of_a_side(side, value):
    found = weights.extract_backbone(checkpoint(), side)
    assert sorted(found) == [
        'norms.3.weight', 'tokenizers.hr.projection.weight',
        'tokenizers.s1.projection.weight', 'tokenizers.s2.projection.weight']
    assert all((tensor == value).all() for tensor in found.values())


def test_fusion_comes_along():
    found = weights.extract_backbone(checkpoint(), fusion=True)
    assert {key.split('.')[0] for key in found} == {'backbone', 'fusion'}
    assert 'fusion.cls_token' in found
    assert 'backbone.norms.3.weight' in found
    with pytest.raises(CheckpointError, match='with a `fusion`'):
        weights.extract_backbone(checkpoint(fusion=False), fusion=True)
    with pytest.raises(CheckpointError, match='SkySenseV2Pretrainer'):
        weights.extract_backbone({'stem.weight': torch.zeros(1)})


def test_normalisation_of_the_pipeline(tmp_path):
    """Read as data: nothing in the stored config is run."""
    file = tmp_path / 'iter_12.pth'
    torch.save(checkpoint(), file)
    about = weights.describe_backbone(file, checkpoint(), 'teacher')
    assert about['mmeo.source'] == 'iter_12.pth'
    assert about['mmeo.iterations'] == '12'
    assert about['mmeo.source_sha256'] == weights.sha256(file)
    found = json.loads(about['mmeo.normalization'])
    assert found['s1'] == dict(mean=[-11., -19.], std=[5., 6.], unit='db',
                               source='pipeline of the pretraining')
    assert found['hr']['mean'] == list(PRESETS['planet'].mean)
    assert found['s2']['bands'] == list(PRESETS['s2'].bands)


@pytest.mark.parametrize('cfg', ['', 'not ( python', 'x = 1'])
def test_presets_where_the_file_tells_no_pipeline(tmp_path, cfg):
    file = tmp_path / 'iter_12.pth'
    torch.save(checkpoint(cfg), file)
    about = weights.describe_backbone(file, checkpoint(cfg), 'student')
    found = json.loads(about['mmeo.normalization'])
    assert {name: stats['unit'] for name, stats in found.items()} == dict(
        hr='8bit', s2='dn', s1='db')
