# Copyright (c) mmeo contributors. All rights reserved.
import json
import subprocess
import sys

import pytest

from mmeo.codecs import ByteBPETokenizer, build_tokenizer, get_template
from mmeo.errors import ConfigError, DataError, MissingDataError


def encode(tokenizer, text):
    return tokenizer(text, add_special_tokens=False)['input_ids']


@pytest.mark.parametrize('text', [
    'Three ships.', '  two  spaces\n\n', 'Überflug — 机场 🛩', '0123 -4.5',
    '<ref>plane</ref><box>[[1, 20, 300, 4000]]</box>'])
def test_any_text_round_trips(tokenizer, text):
    assert tokenizer.decode(encode(tokenizer, text),
                            skip_special_tokens=False) == text


def test_special_tokens_are_single_and_come_first(tokenizer):
    tokens = get_template('internvl2_5').special_tokens
    assert [encode(tokenizer, t) for t in tokens] == [
        [i] for i in range(len(tokens))]
    assert tokenizer.eos_token == '<|im_end|>'
    assert tokenizer.pad_token == '<|endoftext|>'


def test_numbers_are_spelled_digit_by_digit(tokenizer):
    assert len(encode(tokenizer, '340')) == 3


def test_words_of_the_corpus_are_short(tokenizer):
    assert len(encode(tokenizer, 'How many ships')) < len('How many ships') / 2
    assert len(tokenizer) <= 320


def test_same_ids_in_another_process(tokenizer, corpus, tmp_path):
    code = ('from mmeo.codecs import ByteBPETokenizer as T; import json;'
            f'print(json.dumps(T({str(corpus)!r}, 320).get_vocab()))')
    out = subprocess.run([sys.executable, '-c', code], capture_output=True,
                         text=True, check=True).stdout
    assert json.loads(out.splitlines()[-1]) == tokenizer.get_vocab()


def test_cache(corpus, tmp_path):
    cache = tmp_path / 'deep' / 'tokenizer.json'
    first = ByteBPETokenizer(corpus, 320, cache)
    stamp = cache.read_bytes()
    other = tmp_path / 'b.jsonl'
    other.write_text(corpus.read_text().replace('ships', 'wharves'))
    again = build_tokenizer(dict(type='ByteBPETokenizer', corpus=corpus,
                                 vocab_size=320, cache=cache))
    assert again.get_vocab() == first.get_vocab()
    assert cache.read_bytes() == stamp
    renewed = ByteBPETokenizer(other, 320, cache)
    assert renewed.get_vocab() != first.get_vocab()
    assert cache.read_bytes() != stamp
    assert [p.name for p in cache.parent.iterdir()] == ['tokenizer.json']
    cache.write_text('{"digest": ')
    with pytest.raises(DataError, match='delete it'):
        ByteBPETokenizer(corpus, 320, cache)


def test_local_folder(tokenizer, tmp_path):
    tokenizer.save_pretrained(tmp_path / 'tok')
    loaded = build_tokenizer(str(tmp_path / 'tok'))
    text = 'Where is the <ref>plane</ref>?'
    assert encode(loaded, text) == encode(tokenizer, text)


def test_errors(tmp_path, corpus):
    with pytest.raises(MissingDataError, match='no/such'):
        build_tokenizer('no/such')
    with pytest.raises(MissingDataError, match='absent.jsonl'):
        ByteBPETokenizer(tmp_path / 'absent.jsonl')
    with pytest.raises(ConfigError, match='vocab_size=100'):
        ByteBPETokenizer(corpus, 100)
    bad = tmp_path / 'bad.jsonl'
    bad.write_text('{"conversations": []}\n{oops\n')
    with pytest.raises(DataError, match='bad.jsonl:2'):
        ByteBPETokenizer(bad)
