# Copyright (c) mmeo contributors. All rights reserved.
"""Generation of a model with random weights, which never writes a mask by
itself."""

import json

import numpy as np
import pytest
import torch

from mmeo.codecs import ByteBPETokenizer, decode_mask, encode_mask
from mmeo.codecs.mask_tokens import token_table
from mmeo.errors import ConfigError
from mmeo.models.vlm import HFLanguageModel
from mmeo.models.vlm.mask_constraint import MaskLogitsProcessor

GRID = 6
NAMES = [['others', 'road'], ['others', 'low vegetation', 'low road'],
         ['others'], ['clutter', 'façade/wall']]
LENGTHS = [9, 3, 14, 5]


@pytest.fixture(scope='module')
def tokenizer(tmp_path_factory):
    file = tmp_path_factory.mktemp('masks') / 'a.jsonl'
    rng = np.random.default_rng(0)
    texts = [encode_mask(rng.integers(0, len(names), (GRID, GRID)), names,
                         dialect) for names in NAMES * 4
             for dialect in ('rsunivlm', 'text4seg')]
    file.write_text('\n'.join(json.dumps(dict(
        conversations=[{'from': 'gpt', 'value': text}])) for text in texts))
    return ByteBPETokenizer(file, 330, template='qwen_1_5')


@pytest.fixture(scope='module')
def llm():
    torch.manual_seed(0)
    config = dict(
        model_type='qwen2', vocab_size=352, hidden_size=32,
        num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
        intermediate_size=48, max_position_embeddings=2048,
        tie_word_embeddings=False, bos_token_id=None, eos_token_id=None)
    model = HFLanguageModel(config).eval()
    # Random weights of the usual size hardly choose: these do.
    model.head.weight.data.mul_(60)
    return model


@pytest.fixture(scope='module')
def prompts():
    return torch.randn(sum(LENGTHS), 32,
                       generator=torch.Generator().manual_seed(1))


@pytest.fixture
def answer(llm, tokenizer, prompts):
    """Texts of all prompts, answered from embeddings, padded on the left."""

    def run(names=NAMES, processor=None, limit=900, **kwargs):
        end = tokenizer.eos_token_id
        if processor is None:
            processor = MaskLogitsProcessor(tokenizer, names, GRID,
                                            eos_token_id=end)
        answers = llm.generate(
            prompts, LENGTHS, eos_token_id=end, max_new_tokens=limit,
            pad_token_id=tokenizer.pad_token_id,
            logits_processor=[processor], **kwargs)
        found = []
        for ids in answers:
            ids = ids.tolist()
            assert end in ids, 'the answer does not end'
            found.append(tokenizer.decode(ids[:ids.index(end)]))
        return found

    return run


def check(texts, names=NAMES, dialect='rsunivlm'):
    """Each is a mask, written as the encoder writes it."""
    times = len(texts) // len(names)
    for i, text in enumerate(texts):
        own = names[i // times]
        out = decode_mask(text, own, GRID)
        assert out.valid
        assert encode_mask(out.mask, own, dialect) == text


def test_without_it_nothing_is_a_mask(llm, tokenizer, prompts):
    answers = llm.generate(prompts, LENGTHS, max_new_tokens=60,
                           eos_token_id=tokenizer.eos_token_id,
                           pad_token_id=tokenizer.pad_token_id)
    for ids, names in zip(answers, NAMES):
        assert not decode_mask(tokenizer.decode(ids), names, GRID).valid


def test_greedy(answer):
    check(answer(do_sample=False))


@pytest.mark.parametrize('seed', range(4))
def test_sampling(answer, seed):
    torch.manual_seed(seed)
    texts = answer(do_sample=True, temperature=3.0, top_k=0)
    check(texts)
    assert texts[0] != texts[1]


def test_filters_of_transformers(answer):
    """Other processors may forbid what is left; a mask comes out."""
    check(answer(do_sample=True, top_k=3, top_p=0.5, repetition_penalty=1.5,
                 no_repeat_ngram_size=4, num_return_sequences=2))


def test_beams(answer):
    check(answer(num_beams=3, do_sample=False))


@pytest.mark.parametrize('kwargs', [
    dict(do_sample=False), dict(do_sample=True, temperature=2.0),
    dict(do_sample=False, num_beams=2)])
def test_the_other_dialect(answer, tokenizer, kwargs):
    processor = MaskLogitsProcessor(tokenizer, NAMES, GRID, 'text4seg')
    check(answer(processor=processor, **kwargs), dialect='text4seg')


def test_within_a_limit(answer, tokenizer):
    """No answer is cut, however few tokens there are."""
    with pytest.raises(ConfigError, match='max_new_tokens=9 '):
        MaskLogitsProcessor(tokenizer, NAMES, GRID, max_new_tokens=9)
    automata = [token_table(tokenizer).automaton(names, GRID, 'rsunivlm')
                for names in NAMES]
    least = max(item.least(item.grammar.start) for item in automata)
    for limit in (least, least + 7):
        processor = MaskLogitsProcessor(tokenizer, NAMES, GRID,
                                        max_new_tokens=limit)
        torch.manual_seed(limit)
        check(answer(processor=processor, limit=limit, do_sample=True,
                     temperature=3.0))


def test_free_rows_are_left_alone(llm, tokenizer, prompts):
    names = [None, NAMES[1], None, NAMES[3]]
    args = dict(max_new_tokens=40, pad_token_id=tokenizer.pad_token_id,
                do_sample=False)
    free = llm.generate(prompts, LENGTHS, **args)
    some = llm.generate(
        prompts, LENGTHS, logits_processor=[
            MaskLogitsProcessor(tokenizer, names, GRID)], **args)
    for i, row in enumerate(names):
        assert torch.equal(free[i], some[i]) == (row is None)


def test_rows_do_not_depend_on_each_other(answer, llm, tokenizer, prompts):
    together = answer(do_sample=False)
    start = 0
    for length, names, text in zip(LENGTHS, NAMES, together):
        ids = llm.generate(
            prompts[start:start + length], [length], max_new_tokens=900,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
            logits_processor=[MaskLogitsProcessor(tokenizer, [names], GRID)])
        end = ids[0].tolist().index(tokenizer.eos_token_id)
        assert tokenizer.decode(ids[0][:end]) == text
        start += length


def test_the_best_of_what_is_left_is_chosen(tokenizer):
    """Scores of allowed tokens stay, so a mask that is the most likely text
    anyway comes out unchanged."""
    names = NAMES[1]
    mask = np.random.default_rng(5).integers(0, 3, (GRID, GRID))
    target = tokenizer(encode_mask(mask, names))['input_ids']
    target.append(tokenizer.eos_token_id)
    processor = MaskLogitsProcessor(tokenizer, [names], GRID)
    ids = torch.empty(1, 0, dtype=torch.long)
    for token in target:
        scores = torch.randn(1, 352)
        scores[0, token] = 9.0
        out = processor(ids, scores)
        kept = torch.isfinite(out)
        assert torch.equal(out[kept], scores[kept])
        assert out.argmax() == token
        ids = torch.cat([ids, torch.tensor([[token]])], 1)
    only_end = torch.isfinite(processor(ids, torch.randn(1, 352)))
    assert only_end.nonzero()[:, 1].tolist() == [tokenizer.eos_token_id]


def test_it_may_be_used_again(answer, tokenizer):
    processor = MaskLogitsProcessor(tokenizer, NAMES, GRID)
    first = answer(processor=processor, do_sample=False)
    assert answer(processor=processor, do_sample=False) == first


def test_prompts_of_tokens(llm, tokenizer):
    ids = torch.tensor([[5, 6, 7, 8], [0, 0, 9, 5]])
    real = torch.tensor([[1] * 4, [0, 0, 1, 1]])
    args = dict(attention_mask=real, max_new_tokens=400,
                eos_token_id=tokenizer.eos_token_id,
                pad_token_id=tokenizer.pad_token_id, do_sample=False)
    processor = MaskLogitsProcessor(tokenizer, NAMES[:2], GRID,
                                    prompt_length=4)
    out = llm.model.generate(ids, logits_processor=[processor], **args)
    for row, names in zip(out[:, 4:].tolist(), NAMES):
        text = tokenizer.decode(row[:row.index(tokenizer.eos_token_id)])
        assert decode_mask(text, names, GRID).valid
    with pytest.raises(ConfigError, match='prompt_length'):
        llm.model.generate(ids, logits_processor=[
            MaskLogitsProcessor(tokenizer, NAMES[:2], GRID)], **args)


def test_several_end_tokens_and_half_precision(tokenizer):
    processor = MaskLogitsProcessor(tokenizer, [['o']], 1,
                                    eos_token_id=[3, 4])
    scores = torch.zeros(1, 352, dtype=torch.float16)
    start = torch.empty(1, 0, dtype=torch.long)
    assert processor(start, scores).dtype == torch.float16
    ids = torch.tensor([tokenizer('o*1')['input_ids']])
    kept = torch.isfinite(processor(ids, scores))
    assert kept.nonzero()[:, 1].tolist() == [3, 4]


def test_refuses(tokenizer):
    with pytest.raises(ConfigError, match='for 2 samples.* 3 rows'):
        MaskLogitsProcessor(tokenizer, NAMES[:2], GRID)(
            torch.empty(3, 0, dtype=torch.long), torch.zeros(3, 352))
    with pytest.raises(ConfigError, match='knows 200 tokens'):
        MaskLogitsProcessor(tokenizer, NAMES[:1], GRID)(
            torch.empty(1, 0, dtype=torch.long), torch.zeros(1, 200))
