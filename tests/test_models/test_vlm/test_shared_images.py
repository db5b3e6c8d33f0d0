# Copyright (c) mmeo contributors. All rights reserved.
"""Questions about the same images read these once and answer as before."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from PIL import Image

import mmeo
from mmeo.codecs import build_tokenizer
from mmeo.models.vlm.shared_images import pack_shared

# Image and question.
QUESTIONS = [
    (0, '[VQA] How many ships are there?'), (1, '[VQA] Is it rural?'),
    (0, '[VQA] Is there a very long and winding road beside the quay?'),
    (0, '[VG] the ship'), (1, '[VQA] Is there a quay?'),
    (0, '[VG] the large ship'), (0, '[VQA] Is it rural?')
]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    lines = []
    for i, size in enumerate(((40, 50), (90, 31))):
        Image.fromarray(rng.integers(0, 256, (*size, 3), np.uint8)).save(
            tmp_path / f'{i}.png')
    for image, question in QUESTIONS:
        lines.append(json.dumps(dict(image=f'{image}.png', conversations=[
            {'from': 'human', 'value': f'<image>\n{question}'},
            {'from': 'gpt', 'value': 'yes'}])))
    (tmp_path / 'a.jsonl').write_text('\n'.join(lines))
    return tmp_path


@pytest.fixture
def tokenizer(root: Path):
    return build_tokenizer(dict(
        type='ByteBPETokenizer', corpus=root / 'a.jsonl', vocab_size=300,
        template='qwen_1_5'))


def read(root: Path, tokenizer, mode: str = 'single'):
    data = mmeo.build(
        'InstructDataset', ann_file='a.jsonl', data_root=str(root),
        pipeline=[
            dict(type='LoadDialogueImages'),
            dict(type='ImageViews', mode=mode, image_size=56, newline=True),
            dict(type='PackDialogue', tokenizer=tokenizer,
                 template='qwen_1_5', task_rounds='any', generation=True)])
    return list(data)


@pytest.fixture
def model(repo_root: Path, tokenizer):
    cfg = Config.fromfile(
        repo_root / 'configs/_base_/models/rsunivlm_tiny_gmoe.py').model
    cfg.update(tokenizer=tokenizer, image_mode=None, answer_scores=True,
               generation=dict(max_new_tokens=12, do_sample=False))
    cfg.llm.config.initializer_range = 0.2  # answers that differ
    model = mmeo.build(cfg).eval()
    with torch.no_grad():  # tell the experts apart
        for layer in model.llm.layers:
            for param in layer.mlp.parameters():
                param.add_(0.05 * torch.randn_like(param))
    return model


def answers(model, samples, share: bool):
    model.share_images = share
    batch = pseudo_collate([
        dict(inputs=s['inputs'], data_samples=s['data_samples'].clone())
        for s in samples])
    return [(s.pred_answer, s.pred_logprobs)
            for s in model.test_step(batch)]


@pytest.mark.parametrize('mode', ['single', 'anyres'])
def test_answers_are_those_of_whole_prompts(model, root, tokenizer, mode):
    """In mixed batches, and where the images have unequal lengths."""
    samples = read(root, tokenizer, mode)
    whole, shared = (answers(model, samples, s) for s in (False, True))
    alone = [answers(model, [sample], True)[0] for sample in samples]
    assert len({text for text, _ in whole}) >= 5
    for plain, quick, single in zip(whole, shared, alone):
        assert plain[0] == quick[0] == single[0]
        np.testing.assert_allclose(plain[1], quick[1], atol=1e-4)


def test_images_are_read_once_for_each_expert(model, root, tokenizer):
    samples = read(root, tokenizer)
    seen = []
    encode = model.encode_images
    model.encode_images = lambda tiles: (seen.append(len(tiles)),
                                         encode(tiles))[1]
    answers(model, samples, False)
    answers(model, samples, True)
    # Image 0 for VQA and for VG, image 1 for VQA.
    assert [n for n in seen if n] == [7, 3]


def test_only_equal_pixels_are_shared(model, root, tokenizer):
    """The same path may have been augmented, or overwritten, meanwhile."""
    samples = read(root, tokenizer)
    samples[2]['inputs']['pixel_values'] += 1
    data = model.data_preprocessor(pseudo_collate(samples))
    packed = pack_shared(model, data['inputs'], data['data_samples'])
    assert packed.prefix.rows == [0, 1, 2, 3, 1, 3, 0]
    whole = answers(model, samples, False)
    assert [a for a, _ in answers(model, samples, True)] == [
        a for a, _ in whole]


def test_nothing_to_share_takes_the_plain_path(model, root, tokenizer):
    samples = read(root, tokenizer)
    for part in (samples[:2], samples[:1]):
        data = model.data_preprocessor(pseudo_collate(part))
        assert pack_shared(model, data['inputs'],
                           data['data_samples']) is None
    data = model.data_preprocessor(pseudo_collate(samples))
    model.answers.generation['num_beams'] = 2
    assert pack_shared(model, data['inputs'], data['data_samples']) is None


def test_positions_go_on_behind_the_images(model, root, tokenizer):
    data = model.data_preprocessor(pseudo_collate(read(root, tokenizer)))
    packed = pack_shared(model, data['inputs'], data['data_samples'])
    whole = model.pack(data['inputs'])
    for tail, full in zip(packed.positions.split(packed.lengths),
                          whole.positions.split(whole.lengths)):
        assert tail.tolist() == full[-len(tail):].tolist()
    heads = packed.prefix.packed.lengths
    assert [n + heads[row] for n, row in zip(
        packed.lengths, packed.prefix.rows)] == whole.lengths
