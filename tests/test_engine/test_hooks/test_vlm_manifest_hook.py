# Copyright (c) mmeo contributors. All rights reserved.
"""What a checkpoint says of its training, and when that is a contradiction."""

import copy

import pytest

from mmeo.engine.hooks import VLMManifestHook, read_manifest
from mmeo.engine.hooks.vlm_manifest_hook import differences, make_manifest
from mmeo.errors import ConfigError


def config(loader='train_dataloader', views=None, **pack) -> dict:
    pipeline = [dict(type='ImageViews', **(views or {})),
                dict(type='mmeo.PackDialogue', tokenizer='x',
                     template='qwen_1_5', **pack)]
    parts = [dict(type='InstructDataset', name='a', ann_file='a', samples=3),
             dict(type='InstructDataset', ann_file='b.jsonl', repeat=0.5)]
    return {loader: dict(dataset=dict(
        type='MixtureDataset', datasets=parts, pipeline=pipeline)),
        'model': dict(moe=dict(type='GranularityMoE'))}


def test_record_of_a_config():
    found = make_manifest(config(supervise='llava_next'))
    assert found['moe'] == 'GranularityMoE'
    assert found['supervise'] == 'llava_next'
    assert found['mixture'] == [
        dict(name='a', samples=3, repeat=None),
        dict(name='b.jsonl', samples=None, repeat=0.5)]
    assert found['images']['image_size'] == 384


def test_what_is_no_difference():
    one = make_manifest(config())
    assert not differences(one, make_manifest(
        config(views=dict(mode='single', image_size=384),
               supervise='llava_next')))
    assert not differences(one, make_manifest(
        config('test_dataloader'), 'test_dataloader'))
    assert not differences(one, make_manifest({}))


@pytest.mark.parametrize(('changed', 'text'), [
    (dict(views=dict(image_size=336)), 'images.image_size: 384 in'),
    (dict(views=dict(mode='anyres')), "images.pair_mode: 'single' in the "
     "checkpoint, 'pad' here"),
    (dict(system=''), 'template.system'),
])
def test_what_is(changed, text):
    lines = differences(make_manifest(config()),
                        make_manifest(config(**changed)))
    assert any(line.startswith(text) for line in lines), lines


def test_another_router():
    old, new = make_manifest(config()), make_manifest(config())
    old = copy.deepcopy(old)
    old['router'] = 'another'
    line, = differences(old, new)
    assert line.startswith("router: 'another' in the checkpoint")


def test_no_record():
    assert read_manifest({}) is None
    assert read_manifest(dict(meta=dict(seed=1))) is None
    with pytest.raises(ConfigError, match='on_mismatch'):
        VLMManifestHook(on_mismatch='ignore')
