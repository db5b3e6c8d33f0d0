# Copyright (c) mmeo contributors. All rights reserved.
"""Tokenizers that cut masks in very different ways."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from mmeo.codecs import ByteBPETokenizer, encode_mask

NAMES = ['others', 'road', 'roadside tree', 'low vegetation', 'façade/wall']
# The split of Qwen2's tokenizer.json: digits one by one, line breaks apart.
QWEN2 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
         r'| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+')
KINDS = ('mmeo', 'qwen2', 'slow', 'merged', 'spaced')


def texts(grid: int = 8) -> list[str]:
    """Masks of both dialects."""
    rng = np.random.default_rng(0)
    found = []
    for i in range(40):
        step = (1, 2, 4)[i % 3]
        mask = rng.integers(0, len(NAMES), (grid // step, ) * 2)
        mask = np.kron(mask, np.ones((step, step), int))
        found += [encode_mask(mask * (rng.random() < 0.8), NAMES, dialect)
                  for dialect in ('rsunivlm', 'text4seg')]
    return found


def make_tokenizer(kind: str, folder: Path) -> Any:
    """A tokenizer of a kind.

    Args:
        kind (str): 'mmeo'; 'qwen2', with its way to split; 'slow', the same
            in Python; 'merged', whose tokens hold several digits or the end
            of a row and the start of the next; 'spaced', with '▁' for
            spaces, as Llama 2's.
        folder (Path): For its files.
    """
    if kind == 'mmeo':
        file = folder / 'masks.jsonl'
        file.write_text('\n'.join(json.dumps(dict(conversations=[
            {'from': 'gpt', 'value': text}])) for text in texts()))
        return ByteBPETokenizer(file, 400)
    from transformers import PreTrainedTokenizerFast, Qwen2Tokenizer
    backend = _backend(kind)
    if kind == 'slow':
        model = json.loads(backend.to_str())['model']
        (folder / 'vocab.json').write_text(json.dumps(model['vocab']))
        merges = [' '.join(pair) for pair in model['merges']]
        (folder / 'merges.txt').write_text('\n'.join(['#v', *merges]))
        return Qwen2Tokenizer(str(folder / 'vocab.json'),
                              str(folder / 'merges.txt'))
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, eos_token='<|endoftext|>',
        pad_token='<|endoftext|>', clean_up_tokenization_spaces=False)


def _backend(kind: str) -> Any:
    from tokenizers import (
        Regex,
        Tokenizer,
        decoders,
        models,
        normalizers,
        pre_tokenizers,
        trainers,
    )
    level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    special, alphabet = ['<|endoftext|>'], sorted(level.alphabet())
    model = models.BPE()
    if kind == 'spaced':
        model = models.BPE(byte_fallback=True, unk_token='<unk>')
        special += ['<unk>']
        alphabet = []
    tokenizer = Tokenizer(model)
    size = 400
    if kind == 'spaced':
        tokenizer.normalizer = normalizers.Replace(' ', '▁')
        tokenizer.decoder = decoders.Sequence([
            decoders.Replace('▁', ' '), decoders.ByteFallback(),
            decoders.Fuse()])
        size = 500
    else:
        split = pre_tokenizers.Split(Regex(QWEN2), 'isolated')
        tokenizer.pre_tokenizer = level if kind == 'merged' else \
            pre_tokenizers.Sequence([split, level])
        tokenizer.decoder = decoders.ByteLevel()
    special += [f'<0x{i:02X}>' for i in range(256)] * (kind == 'spaced')
    tokenizer.train_from_iterator(texts(), trainers.BpeTrainer(
        vocab_size=size, special_tokens=special, initial_alphabet=alphabet,
        show_progress=False))
    if kind != 'spaced':
        return tokenizer
    # Bytes are ordinary tokens: only the trainer knows them as special.
    state = json.loads(tokenizer.to_str())
    state['added_tokens'] = [token for token in state['added_tokens']
                             if not token['content'].startswith('<0x')]
    return Tokenizer.from_str(json.dumps(state))
