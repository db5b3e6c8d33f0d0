# Copyright (c) mmeo contributors. All rights reserved.
"""CLIP's text tower: equal to transformers', frozen, embedded once."""

import pytest
import torch
import torch.nn.functional as F
from mmengine.optim import build_optim_wrapper
from torch import nn

from mmeo import build
from mmeo.errors import ConfigError, DataError, MissingDataError
from mmeo.models.text_encoders import clip as clip_module
from mmeo.models.text_encoders.name_table import (
    TEMPLATES,
    read_table,
    save_table,
)

SMALL = dict(hidden_size=16, intermediate_size=16, num_hidden_layers=1,
             num_attention_heads=2, projection_dim=12)
NAMES = ['water', 'large_vehicle', 'non-residential building']


@pytest.fixture
def encoder(clip_folder):
    return build('CLIPTextEncoder', model=str(clip_folder))


@pytest.mark.parametrize('templates', [TEMPLATES, ('{}', )])
def test_equals_transformers(clip_folder, templates):
    """One text at a time, without padding, by transformers alone."""
    from transformers import CLIPTextModelWithProjection, CLIPTokenizer
    encoder = build('CLIPTextEncoder', model=str(clip_folder),
                    templates=templates).train()
    assert encoder.embed_dims == 12
    model = CLIPTextModelWithProjection.from_pretrained(clip_folder).eval()
    tokenizer = CLIPTokenizer.from_pretrained(clip_folder)
    for name, row in zip(NAMES, encoder.encode(NAMES)):
        each = []
        for template in templates:
            text = template.format(name.replace('_', ' '))
            with torch.no_grad():
                found = model(**tokenizer(text, return_tensors='pt'))
            each.append(F.normalize(found.text_embeds[0], dim=0))
        torch.testing.assert_close(
            row, F.normalize(sum(each), dim=0), rtol=1e-5, atol=1e-6)


def test_byte_tokenizer_equals_clips(clip_folder):
    from transformers import CLIPTokenizer
    theirs = CLIPTokenizer.from_pretrained(clip_folder)
    ours = clip_module.CLIPByteTokenizer()
    for text in ('Water', 'a  satellite image of a lake', 'straße'):
        assert ours(text)['input_ids'] == theirs(text)['input_ids']


def test_names_are_embedded_once(encoder, monkeypatch):
    seen = []
    embed = clip_module.embed_with
    monkeypatch.setattr(
        clip_module, 'embed_with',
        lambda clip, tokenizer, names, *rest: seen.extend(names) or embed(
            clip, tokenizer, names, *rest))
    first = encoder.encode(['water', 'road', 'water'])
    again = encoder.encode(['road', 'large vehicle', 'large_vehicle'])
    assert seen == ['water', 'road', 'large vehicle']
    assert first[0].equal(first[2]) and first[1].equal(again[0])
    torch.testing.assert_close(first.norm(dim=1), torch.ones(3))


def test_precision_of_the_caller_makes_no_difference(clip_folder, encoder):
    wanted = encoder.encode(NAMES)
    other = build('CLIPTextEncoder', model=str(clip_folder))
    with torch.autocast('cpu', torch.bfloat16):
        assert other.encode(NAMES).equal(wanted)


def test_cache_file(clip_folder, new_clip, tmp_path, monkeypatch):
    options = dict(model=str(clip_folder),
                   cache_file=str(tmp_path / 'names.safetensors'))
    wanted = build('CLIPTextEncoder', **options).encode(NAMES[:2])
    # Another process reads the file and runs CLIP for what is new alone.
    encoder = build('CLIPTextEncoder', **options)
    monkeypatch.setattr(encoder, '_parts', lambda: pytest.fail('CLIP ran'))
    assert encoder.encode(NAMES[:2]).equal(wanted)
    monkeypatch.undo()
    assert encoder.encode(NAMES)[:2].equal(wanted)
    names, table, meta = read_table(options['cache_file'])
    assert names == [name.replace('_', ' ') for name in NAMES]
    assert meta['model'] == str(clip_folder)
    # A cache is a table as well.
    found = build('CLIPTextEncoder', table=options['cache_file'])
    assert found.encode(NAMES).equal(F.normalize(table, dim=-1))

    other = new_clip(tmp_path / 'other', seed=1)
    with pytest.raises(DataError, match='stale.*another model'):
        build('CLIPTextEncoder', **{**options, 'model': str(other)}
              ).encode(['water'])
    with pytest.raises(DataError, match='stale.*other templates'):
        build('CLIPTextEncoder', templates=('{}', ), **options
              ).encode(['water'])


def test_table_needs_no_clip(clip_folder, encoder, tmp_path):
    path = tmp_path / 'text.safetensors'
    with pytest.raises(MissingDataError, match='embed_class_names'):
        build('CLIPTextEncoder', table=str(path))
    save_table(path, encoder.encode(NAMES), NAMES, str(clip_folder))
    found = build('CLIPTextEncoder', table=str(path))
    assert found.embed_dims == 12
    torch.testing.assert_close(found.encode(['large vehicle', 'water']),
                               encoder.encode(['large_vehicle', 'water']))
    with pytest.raises(DataError, match='no embedding of lake: make it anew'):
        found.encode(['water', 'lake'])


class _Model(nn.Module):
    """Something to train beside a text encoder."""

    def __init__(self, **options) -> None:
        super().__init__()
        self.text_encoder = build('CLIPTextEncoder', **options)
        self.head = nn.Linear(12, 2)


def test_weights_of_a_path_are_not_saved(clip_folder):
    """A checkpoint holds the head; a resumed run reads CLIP again."""
    model = _Model(model=str(clip_folder))
    wanted = model.text_encoder.encode(NAMES)
    assert sorted(model.state_dict()) == ['head.bias', 'head.weight']
    state = {k: v.clone() for k, v in model.state_dict().items()}
    resumed = _Model(model=str(clip_folder))
    resumed.load_state_dict(state, strict=True)
    assert resumed.text_encoder.encode(NAMES).equal(wanted)
    wrapper = build_optim_wrapper(model, dict(
        type='OptimWrapper', optimizer=dict(type='SGD', lr=1.)))
    assert sum(len(g['params']) for g in wrapper.optimizer.param_groups) == 2


def test_weights_of_a_config_are_saved_and_frozen():
    model = _Model(config=SMALL).train()
    clip = model.text_encoder.clip
    assert not clip.training and not any(
        p.requires_grad for p in clip.parameters())
    wanted = model.text_encoder.encode(NAMES)
    model.text_encoder.init_weights()  # transformers' would draw again
    resumed = _Model(config=SMALL)
    stale = resumed.text_encoder.encode(NAMES)
    assert not stale.allclose(wanted)
    resumed.load_state_dict(model.state_dict(), strict=True)
    assert resumed.text_encoder.encode(NAMES).allclose(wanted, atol=1e-6)
    assert 'text_encoder._anchor' not in model.state_dict()


def test_bad_sources(clip_folder, tmp_path):
    with pytest.raises(ConfigError, match='got none'):
        build('CLIPTextEncoder')
    with pytest.raises(ConfigError, match='got model and config'):
        build('CLIPTextEncoder', model='x', config=SMALL)
    with pytest.raises(ConfigError, match='keeps the rows of a `model`'):
        build('CLIPTextEncoder', config=SMALL, cache_file='x.safetensors')
    with pytest.raises(ConfigError, match='needs no tokenizer'):
        build('CLIPTextEncoder', table='x', tokenizer='y')
    with pytest.raises(ConfigError, match='one {} each'):
        build('CLIPTextEncoder', config=SMALL, templates=('a photo', ))
    with pytest.raises(ConfigError, match='holds no CLIP'):
        build('CLIPTextEncoder', model=str(tmp_path))
    # A width that is given is compared when the model is loaded.
    late = build('CLIPTextEncoder', model=str(tmp_path), embed_dims=512)
    with pytest.raises(ConfigError, match='holds no CLIP text model'):
        late.encode(['water'])
    with pytest.raises(ConfigError, match='embed_dims=12'):
        build('CLIPTextEncoder', model=str(clip_folder), embed_dims=512
              ).encode(['water'])


def test_bad_names(encoder):
    with pytest.raises(DataError, match='is empty'):
        encoder.encode(['water', ' '])
    with pytest.raises(DataError, match='tokens, the text model reads 77'):
        encoder.encode(['x' * 90])
