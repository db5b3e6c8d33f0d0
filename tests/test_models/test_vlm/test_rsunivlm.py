# Copyright (c) mmeo contributors. All rights reserved.
"""The whole model, from annotation files to answers."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import DefaultScope
from PIL import Image

import mmeo
from mmeo.codecs import build_tokenizer, decode_mask
from mmeo.errors import ConfigError, DataError

PROMPTS = [
    (1, '[VQA] How many ships are there?', 'three'),
    (1, '[VG] the large ship', '[10, 20, 30, 40]'),
    (1, '[SEG] Please segment the road in this image.', 'road*8'),
    (2, '[CCD] What has been altered?', 'a house was built'),
    (2, '[SEG] Please segment the road.', 'others*8'),
    (0, 'hello there', 'good day'),
]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for i in range(2):
        Image.fromarray(rng.integers(0, 256, (40 + 9 * i, 50, 3), np.uint8)
                        ).save(tmp_path / f'{i}.png')
    lines = []
    for count, question, answer in PROMPTS:
        head = '<image>' * count + '\n' if count else ''
        lines.append(json.dumps(dict(
            image=[f'{i}.png' for i in range(count)], number=len(lines),
            conversations=[{'from': 'human', 'value': head + question},
                           {'from': 'gpt', 'value': answer}])))
    (tmp_path / 'a.jsonl').write_text('\n'.join(lines))
    return tmp_path


@pytest.fixture
def tokenizer(data: Path):
    return build_tokenizer(dict(
        type='ByteBPETokenizer', corpus=data / 'a.jsonl', vocab_size=300,
        template='qwen_1_5'))


def dataset(data: Path, tokenizer, mode: str = 'single', **kwargs):
    pipeline = [
        dict(type='LoadDialogueImages'),
        dict(type='ImageViews', mode=mode, image_size=56, newline=True),
        dict(type='PackDialogue', tokenizer=tokenizer, template='qwen_1_5',
             task_rounds='same', **kwargs)]
    return mmeo.build('InstructDataset', ann_file='a.jsonl',
                      data_root=str(data), pipeline=pipeline)


def build(repo_root: Path, tokenizer, name: str = 'rsunivlm_tiny_gmoe',
          **kwargs):
    DefaultScope.get_instance('vlm', scope_name='mmeo')
    cfg = Config.fromfile(repo_root / f'configs/_base_/models/{name}.py')
    torch.manual_seed(0)
    model = mmeo.build(dict(cfg.model, **kwargs))
    model._tokenizer = tokenizer
    for name, param in model.named_parameters():
        if '.experts.' in name:  # tell the experts apart
            torch.nn.init.normal_(param, std=.2)
    return model.eval()


def run(model, samples: list, mode: str):
    batch = model.data_preprocessor(pseudo_collate(samples))
    return model(**batch, mode=mode)


def test_samples_carry_task_granularity_and_annotation(data, tokenizer):
    samples = [s['data_samples'] for s in dataset(data, tokenizer)]
    assert [s.task for s in samples] == ['VQA', 'VG', 'SEG', 'CCD', 'SEG', '']
    assert [s.granularity for s in samples] == [0, 1, 2, 0, 2, 0]
    assert [s.annotation['number'] for s in samples] == list(range(6))
    first = dataset(data, tokenizer)[3]
    assert int(first['inputs']['image_mask'].sum()) == 2 * 17
    assert len(first['inputs']['pixel_values']) == 2


@pytest.mark.parametrize('mode', ['single', 'pad', 'anyres'])
def test_mixed_batch_gives_the_losses_of_its_samples(
        mode, data, tokenizer, repo_root) -> None:
    model = build(repo_root, tokenizer, image_mode=mode)
    samples = list(dataset(data, tokenizer, mode))
    with torch.no_grad():
        mixed = run(model, samples, 'loss')
        alone = [run(model, [sample], 'loss') for sample in samples]
        logits = run(model, samples, 'tensor')
        single = torch.cat([run(model, [s], 'tensor') for s in samples])
    counts = torch.tensor([model.count_loss_weight(pseudo_collate([s]))
                           for s in samples])
    wanted = (torch.stack([out['loss'] for out in alone]) * counts).sum()
    torch.testing.assert_close(mixed['loss'], wanted / counts.sum(),
                               rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(logits, single, rtol=1e-5, atol=1e-5)


def test_mixed_batch_answers_as_its_samples(data, tokenizer, repo_root):
    model = build(repo_root, tokenizer, answer_scores=True,
                  task_generation=dict(SEG=dict(max_new_tokens=40)))
    samples = list(dataset(data, tokenizer, generation=True))
    mixed = run(model, samples, 'predict')
    for got, sample in zip(mixed, list(dataset(data, tokenizer,
                                               generation=True))):
        model.answers.generation = dict(max_new_tokens=40, do_sample=False)
        wanted = run(model, [sample], 'predict')[0]
        assert got.pred_answer == wanted.pred_answer
        assert got.pred_finished == wanted.pred_finished
        np.testing.assert_allclose(got.pred_logprobs, wanted.pred_logprobs,
                                   atol=1e-4)
        assert ''.join(got.pred_pieces).strip() == got.pred_answer
        assert got.gt_answer == wanted.gt_answer != ''


def test_scores_are_the_models_own_probabilities(data, tokenizer, repo_root):
    model = build(repo_root, tokenizer, answer_scores=True,
                  generation=dict(max_new_tokens=6, do_sample=False))
    sample = dataset(data, tokenizer, generation=True)[1]
    answer = run(model, [sample], 'predict')[0]
    # Without a cache, the prompt grown by one token at a time.
    grown, found = sample, []
    for _ in answer.pred_logprobs:
        with torch.no_grad():
            step = run(model, [grown], 'tensor')[-1].log_softmax(-1)
        found.append(float(step.max()))
        inputs = dict(grown['inputs'])
        for key, value in (('input_ids', step.argmax()), ('labels', -100),
                           ('image_mask', False)):
            inputs[key] = torch.cat([
                inputs[key], torch.as_tensor([value], dtype=inputs[key].dtype)
            ])
        grown = dict(inputs=inputs, data_samples=sample['data_samples'])
    np.testing.assert_allclose(answer.pred_logprobs, found, atol=1e-4)


def test_stage_two_trains_the_experts_only(data, tokenizer, repo_root):
    model = build(repo_root, tokenizer).train()
    before = {n: p.clone() for n, p in model.named_parameters()}
    optimizer = torch.optim.Adam(
        [p for p in model.parameters() if p.requires_grad], lr=.01)
    samples = [dataset(data, tokenizer)[i] for i in (0, 1)]  # no pixel task
    losses = []
    for _ in range(8):
        optimizer.zero_grad()
        loss = run(model, samples, 'loss')['loss']
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < .8 * losses[0]
    for name, param in model.named_parameters():
        moved = not torch.equal(param, before[name])
        trained = '.experts.0.' in name or '.experts.1.' in name
        assert moved == trained, name
    assert model.llm.training and not model.vision.training


def test_freezing_names_the_experts_too(repo_root, tokenizer):
    model = build(repo_root, tokenizer, freeze=('llm', 'experts'))
    assert not any(p.requires_grad for p in model.llm.parameters())
    assert model.image_newline.requires_grad
    with pytest.raises(ConfigError, match='neither `moe` nor LoRA'):
        build(repo_root, tokenizer, 'rsunivlm_tiny', freeze=('experts', ))
    with pytest.raises(ConfigError, match="'head' is none of"):
        build(repo_root, tokenizer, freeze=('head', ))


def test_images_must_be_seen_as_in_training(data, tokenizer, repo_root):
    model = build(repo_root, tokenizer)
    with pytest.raises(ConfigError, match="mode='pad'.*image_mode='single'"):
        run(model, [dataset(data, tokenizer, 'pad')[0]], 'loss')


def test_batches_of_tasks_agree_on_their_settings(repo_root, tokenizer):
    model = build(repo_root, tokenizer, task_generation=dict(
        SEG=dict(max_new_tokens=99), CAP=dict(num_beams=2)))
    assert model.answers.of_tasks(['VQA', 'SEG'])['max_new_tokens'] == 99
    assert model.answers.of_tasks(['CAP'])['num_beams'] == 2
    with pytest.raises(ConfigError, match='different batches'):
        model.answers.of_tasks(['VQA', 'CAP'])


def test_dialogues_of_several_granularities_cannot_be_trained(
        data, tokenizer) -> None:
    record = dict(image='0.png', conversations=[
        {'from': 'human', 'value': '<image>\n[CAP] Describe.'},
        {'from': 'gpt', 'value': 'x'},
        {'from': 'human', 'value': '[SEG] road'},
        {'from': 'gpt', 'value': 'road*2'}])
    (data / 'a.jsonl').write_text(json.dumps(record))
    with pytest.raises(DataError, match=r"a\.jsonl:1: .*'image', 'pixel'"):
        dataset(data, tokenizer)[0]


def test_llava_next_supervision_adds_breaks_and_openings(data, tokenizer):
    plain = dataset(data, tokenizer)[0]['inputs']
    full = dataset(data, tokenizer, supervise='llava_next')[0]['inputs']
    assert torch.equal(plain['input_ids'], full['input_ids'])
    more = (full['labels'] != -100) & (plain['labels'] == -100)
    words = [tokenizer.decode([i]) for i in full['input_ids'][more]]
    assert set(words) >= {'<|im_start|>', '<|im_end|>', '\n'}
    assert not (full['labels'][full['image_mask']] != -100).any()
    kept = plain['labels'] != -100
    assert torch.equal(full['labels'][kept], plain['labels'][kept])


def test_full_size_has_the_papers_parameters(repo_root: Path) -> None:
    DefaultScope.get_instance('count', scope_name='mmeo')
    cfg = Config.fromfile(
        repo_root / 'configs/_base_/models/rsunivlm-1b_gmoe.py')
    with torch.device('meta'):
        model = mmeo.build(cfg.model)
    sizes = {n: p.numel() for n, p in model.named_parameters()}
    expert = sum(v for n, v in sizes.items() if '.experts.0.' in n)
    assert expert == 313_786_368
    # LLaVA-OneVision keeps a norm of 2 x 1152 numbers that nothing uses.
    assert sum(sizes.values()) - 2 * expert == 893_618_208 - 2 * 1152
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    assert trained == 3 * expert


def test_constrained_masks_are_valid_whatever_the_weights(
        data, tokenizer, repo_root) -> None:
    model = build(repo_root, tokenizer, constrain_masks=dict(grid=4),
                  task_generation=dict(SEG=dict(max_new_tokens=200)))
    samples = list(dataset(data, tokenizer, generation=True))
    free = run(build(repo_root, tokenizer), list(samples), 'predict')
    texts = [sample.pred_answer for sample in free]
    for sample in samples:
        sample['data_samples'].set_metainfo(
            dict(mask_names=['others', 'road']))
    for before, got in zip(texts, run(model, samples, 'predict')):
        read = decode_mask(got.pred_answer, ['others', 'road'], 4)
        assert (read.valid and got.pred_finished) == (got.task == 'SEG')
        if got.task != 'SEG':
            assert got.pred_answer[:20] == before[:20]
    samples = list(dataset(data, tokenizer, generation=True))
    with pytest.raises(DataError, match='needs the names of the mask'):
        run(model, samples, 'predict')
