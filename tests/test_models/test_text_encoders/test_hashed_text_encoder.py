# Copyright (c) mmeo contributors. All rights reserved.
"""The text encoder that knows words and no language."""

import pytest
import torch

from mmeo import build
from mmeo.errors import ConfigError, DataError
from mmeo.models.text_encoders.hashed import split_words, word_vector


@pytest.fixture(scope='module')
def encoder():
    return build('HashedTextEncoder')


def test_unit_rows_that_share_words(encoder):
    rows = encoder.encode(['dirt road', 'paved road', 'lake', 'pond'])
    assert rows.shape == (4, encoder.embed_dims) == (4, 512)
    torch.testing.assert_close(rows.norm(dim=1), torch.ones(4))
    cosine = rows @ rows.T
    # One word of two in common: near a half; none: near zero, 'pond' and
    # 'lake' as well.
    assert cosine[0, 1] == pytest.approx(.5, abs=.15)
    assert cosine[2, 3].abs() < .2 and cosine[0, 2].abs() < .2


def test_spelling_makes_no_difference(encoder):
    rows = encoder.encode(['non-residential building',
                           'Non_Residential  Buildings'])
    torch.testing.assert_close(rows[0], rows[1])
    assert split_words('Grass, buses & glass_houses') == [
        'grass', 'buse', 'glass', 'house']


def test_vectors_are_the_same_everywhere():
    """The first bits of SHAKE-256 of '0:water', worked out by hand."""
    vector = word_vector('water', 16)
    bits = ''.join('1' if x > 0 else '0' for x in vector)
    assert bits == '{:016b}'.format(int.from_bytes(bytes.fromhex(
        '0a96'), 'big'))
    assert abs(vector).tolist() == [.25] * 16
    assert not (vector == word_vector('water', 16, seed=1)).all()
    # More dimensions continue the same sequence.
    assert ((word_vector('water', 32)[:16] > 0) == (vector > 0)).all()


def test_nothing_to_train_or_save(encoder):
    assert not list(encoder.parameters()) and not encoder.state_dict()
    row = encoder.train().encode(['lake'])
    assert not row.requires_grad
    with torch.inference_mode():
        build('HashedTextEncoder').encode(['lake'])
        row = encoder.encode(['quay'])
    weight = torch.ones(512, requires_grad=True)
    # Rows cached under inference mode go through autograd later.
    (encoder.encode(['quay']) @ weight).sum().backward()
    torch.testing.assert_close(weight.grad, row[0].clone())


def test_bad_names_and_sizes(encoder):
    with pytest.raises(DataError, match="'' is empty"):
        encoder.encode(['lake', ''])
    with pytest.raises(DataError, match='no letter or digit'):
        encoder.encode(['--'])
    assert encoder.encode([]).shape == (0, 512)
    with pytest.raises(ConfigError, match='at least 8'):
        build('HashedTextEncoder', embed_dims=4)
