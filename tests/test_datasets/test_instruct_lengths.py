# Copyright (c) mmeo contributors. All rights reserved.
"""Lengths that a check reports are those that training will see."""

import json

import pytest
from PIL import Image

import mmeo
from mmeo.codecs import ByteBPETokenizer
from mmeo.datasets.instruct_audit import audit
from mmeo.datasets.instruct_check import CheckSettings
from mmeo.datasets.instruct_meta import write_meta
from mmeo.datasets.instruct_targets import config_target
from mmeo.errors import ConfigError


def talk(image, *texts):
    record = dict(conversations=[
        {'from': ('human', 'gpt')[i % 2], 'value': text}
        for i, text in enumerate(texts)])
    return record if image is None else dict(record, image=image)


RECORDS = [
    talk('a.png', 'One?', '1.'),
    talk('b.png', '<image>\nWhere is the long, long ship?', 'Here.'),
    talk('a.png', '<image> Two?', '2.', 'Three?', '3.'),
    talk(None, 'Hi', 'Ho'),
    talk('a.png', 'Four?', '4.'),
    talk('b.png', '<image>\nWho?', 'Me <box>[[1, 1, 1, 5]]</box>.'),
    talk('a.png', '<image>\nFive?', '5.'),
]


@pytest.fixture
def target(tmp_path):
    from mmengine.config import Config
    for name, size in (('a', (30, 20)), ('b', (20, 20))):
        Image.new('RGB', size).save(tmp_path / f'{name}.png')
    path = tmp_path / 'x.jsonl'
    path.write_text('\n'.join(map(json.dumps, RECORDS)))
    pipeline = [
        dict(type='LoadDialogueImages'),
        dict(type='DynamicTiling', image_size=10, max_tiles=6),
        dict(type='PackDialogue', tokenizer=ByteBPETokenizer(path, 300),
             system='', tokens_per_tile=4)]

    def build(**kwargs):
        return Config(dict(train_dataloader=dict(dataset=dict(
            type='InstructDataset', ann_file='x.jsonl',
            data_root=str(tmp_path), **kwargs)))), pipeline

    return build


def check(cfg, pipeline, workers=0, **pack):
    tiling = mmeo.build(pipeline[1])
    target = config_target(cfg)
    return audit(target.sources, CheckSettings(
        tiling=tiling, pack=mmeo.build(dict(pipeline[2], **pack))), workers)


@pytest.mark.parametrize('max_rounds', [None, 1, 3, 16])
@pytest.mark.parametrize('workers', [0, 1])
def test_joint_samples(target, max_rounds, workers):
    cfg, pipeline = target(max_rounds=max_rounds)
    dataset = mmeo.build(dict(cfg.train_dataloader.dataset,
                              pipeline=pipeline))
    lengths = [len(data['inputs']['input_ids']) for data in dataset]
    report = check(cfg, pipeline, workers)
    file = report.files[0]
    assert len(lengths) == {None: 7, 1: 7, 3: 4, 16: 3}[max_rounds]
    assert (file.measured, file.tokens, file.longest) == (
        len(lengths), sum(lengths), max(lengths))
    assert (file.records, file.images) == (7, 6)
    # A warning of one record does not keep it from being measured.
    assert dict(report.tally.counts) == {'box-empty': 1}


def test_what_is_too_long_only_together(target):
    cfg, pipeline = target()
    longest = check(cfg, pipeline).files[0].longest
    assert 'cut' not in check(cfg, pipeline, max_seq_len=longest,
                              too_long='cut_rounds').tally.counts
    cfg, pipeline = target(max_rounds=16)
    report = check(cfg, pipeline, max_seq_len=longest, too_long='cut_rounds')
    assert report.tally.counts['cut'] == 2
    assert report.tally.examples['cut'][0].source.endswith('x.jsonl:1')
    assert 'of joint samples' in config_target(cfg).notes[0]


def test_a_meta_cannot_say_it(target, tmp_path):
    sources = config_target(target(max_rounds=2)[0]).sources
    assert sources[0].max_rounds == 2
    with pytest.raises(ConfigError, match='`max_rounds`.*x'):
        write_meta(sources, tmp_path / 'meta.json')
