# Copyright (c) mmeo contributors. All rights reserved.
import json

import pytest

from mmeo.codecs import ByteBPETokenizer


@pytest.fixture(scope='session')
def corpus(tmp_path_factory):
    path = tmp_path_factory.mktemp('corpus') / 'a.jsonl'
    turns = ['<image>\nHow many ships are in the harbour?', 'Three ships.',
             'Where is the <ref>plane</ref>?',
             '<ref>plane</ref><box>[[12, 340, 56, 780]]</box>']
    lines = [json.dumps(dict(conversations=[
        {'from': 'human' if i % 2 == 0 else 'gpt', 'value': text}
        for i, text in enumerate(turns)])) for _ in range(3)]
    path.write_text('\n'.join(lines) + '\n')
    return path


@pytest.fixture(scope='session')
def tokenizer(corpus):
    return ByteBPETokenizer(corpus, vocab_size=320)
