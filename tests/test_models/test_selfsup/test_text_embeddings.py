# Copyright (c) mmeo contributors. All rights reserved.
"""Embeddings of class names, and the file they are kept in."""

import json
import runpy
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from safetensors import safe_open

from mmeo import build
from mmeo.datasets.synthetic.classes import KINDS
from mmeo.errors import ConfigError, DataError, MissingDataError
from mmeo.models.selfsup import text_embeddings as text

NAMES = ['water', 'forest', 'road']


@pytest.fixture(scope='module')
def clip(tmp_path_factory) -> Path:
    """A CLIP text model of random weights, and its tokenizer."""
    from transformers import (
        CLIPTextConfig,
        CLIPTextModelWithProjection,
        CLIPTokenizer,
    )
    folder = tmp_path_factory.mktemp('clip')
    # Bytes, bytes that end a word, and the two special tokens: no merges.
    from transformers.models.clip.tokenization_clip import bytes_to_unicode
    letters = list(bytes_to_unicode().values())
    vocab = [*letters, *(x + '</w>' for x in letters), '<|startoftext|>',
             '<|endoftext|>']
    (folder / 'vocab.json').write_text(
        json.dumps({word: i for i, word in enumerate(vocab)}))
    (folder / 'merges.txt').write_text('#version: 0.2\n')
    CLIPTokenizer(str(folder / 'vocab.json'),
                  str(folder / 'merges.txt')).save_pretrained(folder)
    torch.manual_seed(0)
    CLIPTextModelWithProjection(CLIPTextConfig(
        vocab_size=len(vocab), hidden_size=16, intermediate_size=16,
        num_hidden_layers=1, num_attention_heads=2, projection_dim=12,
        bos_token_id=len(vocab) - 2, eos_token_id=len(vocab) - 1,
        pad_token_id=len(vocab) - 1)).save_pretrained(folder)
    return folder


def test_embedding_is_the_mean_over_templates(clip):
    from transformers import CLIPTextModelWithProjection, CLIPTokenizer
    table = text.embed_names(NAMES, str(clip))
    assert table.shape == (3, 12)
    torch.testing.assert_close(table.norm(dim=1), torch.ones(3))
    model = CLIPTextModelWithProjection.from_pretrained(clip).eval()
    tokenizer = CLIPTokenizer.from_pretrained(clip)
    for name, row in zip(NAMES, table):
        each = []
        for template in text.TEMPLATES:
            ids = tokenizer(template.format(name), return_tensors='pt')
            with torch.no_grad():
                each.append(F.normalize(model(**ids).text_embeds[0], dim=0))
        wanted = F.normalize(sum(each), dim=0)
        torch.testing.assert_close(row, wanted, rtol=1e-4, atol=1e-5)


def test_no_model(tmp_path):
    with pytest.raises(ConfigError, match='holds no CLIP text model'):
        text.embed_names(NAMES, str(tmp_path))


def test_random_rows_are_orthogonal():
    table = text.random_table(5, 8, seed=3)
    torch.testing.assert_close(table @ table.T, torch.eye(5), atol=1e-5,
                               rtol=0)
    assert table.equal(text.random_table(5, 8, seed=3))
    assert not table.equal(text.random_table(5, 8, seed=4))
    with pytest.raises(ConfigError, match='at least 5'):
        text.random_table(5, 4)


def test_stale_files(tmp_path, monkeypatch):
    path = tmp_path / 'text.safetensors'
    with pytest.raises(MissingDataError, match='embed_class_names'):
        text.load_table(path, NAMES)
    table = text.random_table(3, 4)
    text.save_table(path, table, NAMES, 'some model')
    assert text.load_table(path, NAMES).equal(table)
    with pytest.raises(DataError, match="'road' instead of 'rail' as class"):
        text.load_table(path, [*NAMES[:2], 'rail'])
    with pytest.raises(DataError, match='3 classes instead of 2'):
        text.load_table(path, NAMES[:2])
    with pytest.raises(DataError, match='other templates'):
        text.load_table(path, NAMES, ('a photo of {}', ))
    with pytest.raises(ConfigError, match='safetensors'):
        text.save_table(tmp_path / 'text.pth', table, NAMES, '')


def test_head_reads_the_file(tmp_path):
    path = tmp_path / 'text.safetensors'
    text.save_table(path, text.random_table(3, 4), NAMES, '')
    options = dict(in_channels=2, class_names=NAMES,
                   text_embeddings=str(path))
    head = build('ITAHead', text_dims=4, **options)
    head.init_weights()
    assert head.text.equal(text.load_table(path, NAMES))
    assert 'text' in head.state_dict()
    with pytest.raises(ConfigError, match='text_dims=4'):
        build('ITAHead', text_dims=5, **options).init_weights()


def test_class_names(tmp_path, synthearth, repo_root):
    osm = text.read_class_names('osm')
    assert 20 <= len(osm) <= 40 and len(set(osm)) == len(osm)
    kinds = text.read_class_names(synthearth / 'semantics.json', 1)
    assert kinds == list(KINDS)
    with pytest.raises(DataError, match='must be different'):
        text.read_class_names(['a', 'a'])
    from mmengine.config import Config
    cfg = Config.fromfile(
        repo_root / 'configs/skysense_v2/pretrain/'
        'skysense-v2-tiny_pretrain_synthearth.py')
    assert list(cfg.model.ita.class_names) == kinds


@pytest.mark.parametrize('words', [
    ['--random', '24', '--seed', '5'], ['--model', 'CLIP']])
def test_tool(words, clip, synthearth, repo_root, tmp_path, monkeypatch,
              capsys):
    path = tmp_path / 'new' / 'text.safetensors'
    words = [str(clip) if word == 'CLIP' else word for word in words]
    monkeypatch.setattr('sys.argv', [
        'embed_class_names.py', str(path), '--classes',
        str(synthearth / 'semantics.json'), *words])
    with pytest.raises(SystemExit) as info:
        runpy.run_path(str(repo_root / 'tools/dataset_converters/'
                           'embed_class_names.py'), run_name='__main__')
    assert info.value.code == 0
    assert '16 classes' in capsys.readouterr().out
    table = text.load_table(path, list(KINDS))
    with safe_open(path, 'pt') as file:
        model = file.metadata()['model']
    if words[0] == '--random':
        assert table.equal(text.random_table(16, 24, 5))
        assert 'no knowledge of language (seed 5)' in model
    else:
        assert table.equal(text.embed_names(list(KINDS), str(clip)))
        assert model == str(clip)
