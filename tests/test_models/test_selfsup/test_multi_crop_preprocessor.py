# Copyright (c) mmeo contributors. All rights reserved.
"""Samples to batches of crops."""

import pytest
import torch

from mmeo import build
from mmeo.errors import ConfigError, DataError


@pytest.fixture
def preprocessor():
    return build('MultiCropDataPreprocessor')


def test_crops_are_stacked_by_number(preprocessor, new_samples):
    samples = new_samples(3)
    out = preprocessor(samples)
    crops = out['inputs']
    assert [crop.kind for crop in crops] == ['global'] * 2 + ['local'] * 2
    assert len(out['data_samples']) == 3
    for j, crop in enumerate(crops):
        for i, sample in enumerate(samples):
            source = sample['inputs'][j]
            assert torch.equal(crop.boxes[i], source['box'].float())
            assert bool(crop.flips[i]) == source['flip']
            assert int(crop.turns[i]) == source['turn']
            assert torch.equal(crop.labels[i], source['label'])
            for name, series in source['modalities'].items():
                batch, count = crop.modalities[name], len(series['images'])
                assert torch.equal(batch.images[i, :count],
                                   series['images'])
                assert torch.equal(batch.dates[i, :count], series['dates'])
                assert batch.valid[i].tolist() == [
                    k < count for k in range(batch.valid.shape[1])]
                assert (batch.dates[i, count:] == -1).all()


def test_global_crops_come_first(preprocessor, new_samples):
    samples = new_samples(1)
    samples[0]['inputs'].reverse()
    assert [crop.kind for crop in preprocessor(samples)['inputs']] == [
        'global'] * 2 + ['local'] * 2


def test_missing_modalities_and_labels(preprocessor, new_samples):
    samples = new_samples(2, lacking={0: ('s1', ), 1: ('s1', 's2')})
    samples[1]['inputs'][0]['label'] = None
    crop = preprocessor(samples)['inputs'][0]
    assert list(crop.modalities) == ['hr', 's2', 's1']
    assert crop.modalities['s2'].valid.any(1).tolist() == [True, False]
    # One blank frame, of all samples.
    assert crop.modalities['s1'].images.shape == (2, 1, 2, 32, 32)
    assert not crop.modalities['s1'].valid.any()
    assert (crop.labels[1] == 255).all()
    for sample in samples:
        for found in sample['inputs']:
            found['label'] = None
    assert preprocessor(samples)['inputs'][0].labels is None


def test_errors(preprocessor, new_samples):
    samples = new_samples(2)
    with pytest.raises(ConfigError, match='list_collate'):
        preprocessor(dict(inputs=[], data_samples=[]))
    samples[1]['inputs'].pop()
    with pytest.raises(DataError, match='different crops'):
        preprocessor(samples)
    samples = new_samples(2)
    series = samples[0]['inputs'][0]['modalities']['s2']
    series['images'] = series['images'][..., :8]
    with pytest.raises(DataError, match="frames of 's2'"):
        preprocessor(samples)
    samples = new_samples(1)
    crop = samples[0]['inputs'][0]
    crop['modalities']['planet'] = crop['modalities']['hr']
    with pytest.raises(DataError, match="'planet'"):
        preprocessor(samples)
