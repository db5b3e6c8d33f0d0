#!/usr/bin/env python
# Copyright (c) mmeo contributors. All rights reserved.
"""Masks as text: how fast, how long, and what constrained decoding costs.

    python benchmarks/mask_codec.py              # everything, a CPU
    python benchmarks/mask_codec.py --no-decoding

1. Round trips (encode and decode) of 24 x 24 masks per second of one core,
   and reading the same text when it has one flaw, which takes the slower path
   of :func:`mmeo.codecs.decode_mask`.
2. Tokens of each mask: the pieces that Qwen2's tokenizer cuts a text into
   before it merges (digits one by one), one token each. ``--tokenizer
   FOLDER`` counts with a real one.
3. Time of ``generate`` with ``MaskLogitsProcessor`` over the time without, for
   answers of equal length, greedy, random weights. Two models: of
   Qwen2-0.5B's width and vocabulary with ``--layers`` of its 24 layers (fewer
   layers make the constraint weigh more), and the tiny one of the tests.
   Their tokenizers are trained here on masks; to the large one random words
   are added until it has Qwen2's 151 643 entries. Each answer is checked to be
   a mask. Best of ``--repeat`` runs, in turns.
"""

import argparse
import json
import platform
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import transformers

import mmeo  # noqa: F401  (before its siblings, which then import quietly)
from mmeo.codecs import decode_mask, encode_mask
from mmeo.codecs.mask_tokens import token_table
from mmeo.models.vlm.language_model import HFLanguageModel
from mmeo.models.vlm.mask_constraint import MaskLogitsProcessor
from mmeo.utils import device_name

NAMES = ['others', 'building', 'road', 'low vegetation', 'water']
QWEN2 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
         r'| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+')
MODELS = {
    'tiny': dict(
        vocab_size=1024, hidden_size=128, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, intermediate_size=256),
    'wide': dict(
        vocab_size=151936, hidden_size=896, num_attention_heads=14,
        num_key_value_heads=2, intermediate_size=4864),
}


def masks(grid: int = 24) -> dict[str, np.ndarray]:
    """Grids by what they show."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:grid, :grid]
    blobs = np.zeros((grid, grid), int)
    for i in range(12):
        cy, cx = rng.integers(0, grid, 2)
        blobs[(y - cy)**2 + (x - cx)**2 < rng.integers(3, 14)] = i % 4 + 1
    return {
        'empty': np.zeros((grid, grid), int),
        'one blob': ((y - 12)**2 + (x - 10)**2 < 40).astype(int),
        '12 blobs, 4 classes': blobs,
        '10 % noise': (rng.random((grid, grid)) < 0.1).astype(int),
        'checkerboard (worst)': (y + x) % 2,
    }


class Timed(MaskLogitsProcessor):
    """Adds up the time that it takes."""

    spent = 0.0
    clock: Callable[[], float]

    def __call__(self, *args: Any) -> torch.Tensor:
        start = self.clock()
        result = super().__call__(*args)
        if result.is_cuda:
            torch.cuda.synchronize()
        self.spent += self.clock() - start
        return result


def splitter() -> Any:
    """What Qwen2 does to a text before merging."""
    from tokenizers import Regex, pre_tokenizers
    return pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(QWEN2), 'isolated'),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    ])


def token_counter(folder: str) -> Callable[[str], int]:
    if folder:
        from mmeo.codecs import PretrainedTokenizer
        tokenizer = PretrainedTokenizer(folder)
        return lambda text: len(tokenizer(text)['input_ids'])
    split = splitter()
    return lambda text: len(split.pre_tokenize_str(text))


def round_trip(mask: np.ndarray, names: list[str]) -> None:
    decode_mask(encode_mask(mask, names), names)


def per_second(run: Callable, *args: Any, seconds: float = 1.0) -> float:
    """Best of five, of processor time."""
    best = 0.0
    for _ in range(5):
        count, start = 0, time.process_time()
        while time.process_time() - start < seconds / 5:
            run(*args)
            count += 1
        best = max(best, count / (time.process_time() - start))
    return best


def codec(count: Callable[[str], int]) -> None:
    print(f'{"24 x 24 mask":22}{"runs":>6}{"tokens":>8}{"per cell":>10}'
          f'{"round trips/s":>15}{"flawed, read/s":>16}')
    for title, mask in masks().items():
        names = NAMES[:int(mask.max()) + 1] if mask.any() else NAMES[:2]
        text = encode_mask(mask, names)
        assert (decode_mask(text, names).mask == mask).all()
        flawed = text.replace('\n', '\nothers*1, ', 1)
        assert decode_mask(flawed, names).repairs == 1
        speed = per_second(round_trip, mask, names)
        slow = per_second(decode_mask, flawed, names)
        runs = text.count('*')
        cells = '\n'.join(', '.join(names[cell] for cell in row)
                          for row in mask)
        print(f'{title:22}{runs:6d}{count(text):8d}{count(cells):10d}'
              f'{speed:15.0f}{slow:16.0f}')
    print('per cell: tokens of one word for each cell, without runs')


def mask_tokenizer(size: int) -> Any:
    """Byte-level BPE with Qwen2's split, filled up with random words."""
    from tokenizers import Tokenizer, decoders, models, trainers
    from transformers import PreTrainedTokenizerFast
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = splitter()
    tokenizer.decoder = decoders.ByteLevel()
    texts = [encode_mask(mask % 5, NAMES, dialect)
             for mask in masks().values()
             for dialect in ('rsunivlm', 'text4seg')]
    tokenizer.train_from_iterator(texts, trainers.BpeTrainer(
        vocab_size=400, special_tokens=['<|im_end|>', '<|endoftext|>'],
        initial_alphabet=sorted(splitter_alphabet()), show_progress=False))
    rng = np.random.default_rng(0)
    letters = np.array(list('etaoinshrdlu '))
    known = tokenizer.get_vocab()
    words: dict[str, None] = {}
    while len(known) + len(words) < size:
        word = ''.join(rng.choice(letters, int(rng.integers(2, 9))))
        word = word.replace(' ', 'Ġ')
        if word not in known:
            words[word] = None
    state = json.loads(tokenizer.to_str())
    for word in words:
        state['model']['vocab'][word] = len(state['model']['vocab'])
    return PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(json.dumps(state)),
        eos_token='<|im_end|>', pad_token='<|endoftext|>',
        clean_up_tokenization_spaces=False)


def splitter_alphabet() -> list[str]:
    from tokenizers import pre_tokenizers
    return pre_tokenizers.ByteLevel.alphabet()


def decoding(kind: str, args: argparse.Namespace) -> None:
    config = dict(MODELS[kind])
    config.setdefault('num_hidden_layers', args.layers)
    torch.manual_seed(0)
    model = HFLanguageModel(dict(
        config, model_type='qwen2', tie_word_embeddings=True,
        max_position_embeddings=8192, bos_token_id=None,
        eos_token_id=None)).eval().to(args.device, getattr(torch, args.dtype))
    tokenizer = mask_tokenizer(151643 if kind == 'wide' else 1000)
    start = time.perf_counter()
    table = token_table(tokenizer)
    read = time.perf_counter() - start
    start = time.perf_counter()
    table.automaton(NAMES, 24, 'rsunivlm')
    made = time.perf_counter() - start
    print(f'{kind}: {config["num_hidden_layers"]} layers of '
          f'{config["hidden_size"]}, vocabulary {config["vocab_size"]}; '
          f'tokens read once in {read:.2f} s, an automaton of 5 names made '
          f'in {1000 * made:.0f} ms')
    for batch in args.batches:
        compare(model, tokenizer, batch, args)


def compare(model: HFLanguageModel, tokenizer: Any, batch: int,
            args: argparse.Namespace) -> None:
    """Print the times of both for one size of batch."""
    lengths = [args.prompt - 3 * (i % 4) for i in range(batch)]
    embeds = torch.randn(sum(lengths), model.hidden_size).to(
        args.device, getattr(torch, args.dtype))
    end, never = tokenizer.eos_token_id, model.vocab_size - 1

    own: list[float] = []
    clock = dict(wall=time.perf_counter, process=time.process_time)[args.clock]

    def run(constrained: bool, tokens: int) -> tuple[float, list]:
        start = clock()
        # Free answers look for an end, too, but must not find one.
        kwargs: dict[str, Any] = dict(eos_token_id=never)
        if constrained:
            processor = Timed(
                tokenizer, [NAMES] * batch, eos_token_id=end,
                max_new_tokens=tokens)
            processor.clock = clock
            kwargs = dict(logits_processor=[processor], eos_token_id=end)
        out = model.generate(embeds, lengths, max_new_tokens=tokens,
                             pad_token_id=tokenizer.pad_token_id,
                             do_sample=False, **kwargs)
        out = [row.tolist() for row in out]
        if constrained:
            own.append(processor.spent / len(out[0]))
        return clock() - start, out

    cold, answers = run(True, args.tokens)
    valid = sum(decode_mask(tokenizer.decode(row[:row.index(end)]),
                            NAMES).valid for row in answers if end in row)
    tokens = len(answers[0])
    times: dict[bool, list[float]] = {True: [], False: []}
    for _ in range(args.repeat):
        for constrained in (False, True):
            spent, out = run(constrained,
                             args.tokens if constrained else tokens)
            assert len(out[0]) == tokens
            times[constrained].append(spent)
    free, bound = min(times[False]), min(times[True])
    print(f'  batch {batch:2d}, {tokens} tokens: free {free:6.2f} s, '
          f'constrained {bound:6.2f} s ({cold:.2f} s the first time), '
          f'ratio {bound / free:.3f} (processor alone '
          f'{1e6 * min(own):.0f} us a token of {1e6 * free / tokens:.0f}); '
          f'valid masks {valid} of {batch}')


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument('--tokenizer', default='', metavar='FOLDER')
    parser.add_argument('--no-decoding', action='store_true')
    parser.add_argument('--models', nargs='+', choices=sorted(MODELS),
                        default=sorted(MODELS))
    parser.add_argument('--layers', type=int, default=2)
    parser.add_argument('--batches', type=int, nargs='+', default=[1, 8])
    parser.add_argument('--tokens', type=int, default=300,
                        help='limit of new tokens')
    parser.add_argument('--prompt', type=int, default=64,
                        help='embeddings of the prompt')
    parser.add_argument('--repeat', type=int, default=3)
    parser.add_argument('--clock', choices=('wall', 'process'),
                        default='wall')
    parser.add_argument('--device', default='cpu')
    parser.add_argument('--dtype', default='float32')
    args = parser.parse_args()
    print(f'{device_name(args.device)}, {torch.get_num_threads()} threads; '
          f'Python {platform.python_version()}, torch {torch.__version__}, '
          f'numpy {np.__version__}, transformers {transformers.__version__}')
    codec(token_counter(args.tokenizer))
    if not args.no_decoding:
        for kind in args.models:
            decoding(kind, args)


if __name__ == '__main__':
    main()
