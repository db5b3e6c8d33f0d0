# Copyright (c) mmeo contributors. All rights reserved.
"""From a jsonl file to exact answers: the whole path on two samples."""

import json

import numpy as np
import pytest
import torch
from mmengine.dataset import pseudo_collate
from PIL import Image

import mmeo
from mmeo.codecs import build_tokenizer

ANSWERS = ['Three ships at the quay.',
           '<ref>tank</ref><box>[[120, 30, 456, 789]]</box>']
COLOURS = [(200, 60, 40), (30, 90, 220)]
STEPS = 150


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """The question is the same: only the image tells the answers apart."""
    path = tmp_path_factory.mktemp('instruct')
    lines = []
    for i, answer in enumerate(ANSWERS):
        pixels = np.full((40, 40, 3), 60, np.uint8)
        pixels[5:35, 5:35] = COLOURS[i]
        Image.fromarray(pixels).save(path / f'{i}.png')
        lines.append(json.dumps(dict(image=f'{i}.png', conversations=[
            {'from': 'human', 'value': '<image>\nWhat is there?'},
            {'from': 'gpt', 'value': answer}])))
    (path / 'a.jsonl').write_text('\n'.join(lines))
    return path


def make_batch(folder, tokenizer, **kwargs):
    data = mmeo.build(
        'InstructDataset', ann_file='a.jsonl', data_root=str(folder),
        pipeline=[
            dict(type='LoadDialogueImages'),
            dict(type='DynamicTiling', image_size=28, max_tiles=1),
            dict(type='PackDialogue', tokenizer=tokenizer, tokens_per_tile=4,
                 **kwargs)
        ])
    return pseudo_collate([data[0], data[1]])


@pytest.fixture(scope='module')
def trained(folder):
    tokenizer = build_tokenizer(dict(
        type='ByteBPETokenizer', corpus=str(folder / 'a.jsonl'),
        vocab_size=320))
    torch.manual_seed(0)
    model = mmeo.build(
        'InstructVLM',
        vision=dict(
            type='InternViT', img_size=28, patch_size=7,
            arch=dict(embed_dims=32, depth=2, num_heads=2, mlp_ratio=2.0)),
        projector=dict(
            type='PixelShuffleProjector', in_channels=32, out_channels=48),
        llm=dict(type='HFLanguageModel', config=dict(
            model_type='qwen2', vocab_size=320, hidden_size=48,
            num_hidden_layers=2, num_attention_heads=4,
            num_key_value_heads=2, intermediate_size=96,
            tie_word_embeddings=False, bos_token_id=None,
            eos_token_id=None)),
        tokenizer=tokenizer,
        token_drop=dict(type='VisualTokenDrop', drop_ratio=0.5),
        generation=dict(max_new_tokens=40, do_sample=False))
    batch = make_batch(folder, tokenizer)
    optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3)
    losses = []
    for _ in range(STEPS):
        data = model.data_preprocessor(batch, training=True)
        loss = model(**data, mode='loss')['loss']
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return model.eval(), tokenizer, losses


def test_two_samples_are_learned_by_heart(trained):
    _, _, losses = trained
    assert losses[0] > 4
    assert max(losses[-5:]) < 0.02


def test_greedy_answers_are_exact(trained, folder):
    model, tokenizer, _ = trained
    batch = make_batch(folder, tokenizer, generation=True)
    out = model.test_step(batch)
    assert [sample.pred_answer for sample in out] == ANSWERS
    assert [sample.gt_answer for sample in out] == ANSWERS


def test_beams_and_batches_of_unequal_prompts(trained, folder):
    model, tokenizer, _ = trained
    long = make_batch(folder, tokenizer, generation=True)
    short = make_batch(folder, tokenizer, generation=True, system='')
    mixed = dict(
        inputs={key: [long['inputs'][key][0], short['inputs'][key][1]]
                for key in long['inputs']},
        data_samples=None)
    alone = [model.test_step(dict(
        inputs={key: [values[i]] for key, values in mixed['inputs'].items()},
        data_samples=None))[0].pred_answer for i in range(2)]
    together = [s.pred_answer for s in model.test_step(mixed)]
    assert together == alone and together[0] == ANSWERS[0]
    model.generation = dict(max_new_tokens=40, num_beams=3, do_sample=False)
    beams = [s.pred_answer for s in model.test_step(long)]
    assert beams == ANSWERS
