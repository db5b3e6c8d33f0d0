# Copyright (c) mmeo contributors. All rights reserved.
import pytest
import torch

import mmeo
from mmeo.errors import ConfigError, DataError, MissingDataError

DROP = dict(type='VisualTokenDrop', drop_ratio=0.75)


def run_loss(model, data):
    data = model.data_preprocessor(data, training=True)
    return model(**data, mode='loss')['loss']


def fix_mask(model, keep):
    """Let the token drop return a given mask, one call at a time."""
    parts = iter(keep)
    model.token_drop = torch.nn.Identity()
    model.token_drop.forward = lambda *args: next(parts)


@pytest.mark.parametrize('dropping', [False, True])
def test_packed_equals_padded_equals_one_by_one(build_vlm, batch, samples,
                                                dropping):
    model = build_vlm()
    lengths = [len(s['input_ids']) for s in samples]
    keep = torch.cat([s['image_mask'] for s in samples])
    keep = ~(keep & (torch.rand(len(keep)) < 0.6)) if dropping else \
        torch.ones_like(keep)
    losses, grads = [], []
    for packing in (True, False):
        model.packing = packing
        fix_mask(model, [keep])
        model.zero_grad()
        loss = run_loss(model, batch(samples))
        loss.backward()
        losses.append(loss.item())
        grads.append([p.grad.clone() for p in model.parameters()])
    assert losses[0] == pytest.approx(losses[1], abs=1e-5)
    for a, b in zip(*grads):
        torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-4)
    fix_mask(model, keep.split(lengths))
    counts = [int((s['labels'] != -100).sum()) for s in samples]
    single = [run_loss(model, batch([s])).item() for s in samples]
    mean = sum(x * n for x, n in zip(single, counts)) / sum(counts)
    assert losses[0] == pytest.approx(mean, abs=1e-5)


def test_samples_do_not_see_each_other(build_vlm, batch, samples):
    model = build_vlm().eval()
    data = model.data_preprocessor(batch(samples))
    logits = model(**data)
    first = len(samples[0]['input_ids'])
    other = dict(samples[0], input_ids=samples[0]['input_ids'].flip(0))
    changed = model(**model.data_preprocessor(batch([other, *samples[1:]])))
    assert torch.equal(logits[first:], changed[first:])
    assert not torch.allclose(logits[:first], changed[:first])


def test_drop_shortens_the_row_and_keeps_text(build_vlm, batch, samples):
    model = build_vlm(token_drop=DROP)
    data = model.data_preprocessor(batch(samples))
    seen = {}
    forward = model.llm.forward
    model.llm.forward = lambda packed, packing: (seen.update(
        packed=packed), forward(packed, packing))[1]
    out = model(**data, mode='loss')
    packed = seen['packed']
    text = int((~data['inputs']['image_mask']).sum())
    assert len(packed.embeds) == text + 3 + 1 + 2  # 12, 4, 8 image tokens
    assert out['tokens'] == len(packed.embeds)
    labels = data['inputs']['labels']
    assert torch.equal(packed.labels[packed.labels != -100],
                       labels[labels != -100])
    for part, sample in zip(packed.positions.split(packed.lengths), samples):
        assert part.diff().min() >= 1
        assert part[-1] == len(sample['input_ids']) - 1


def test_no_drop_in_evaluation_or_at_zero(build_vlm, batch, samples):
    plain = build_vlm()
    expected = run_loss(plain, batch(samples)).item()
    zero = build_vlm(token_drop=dict(DROP, drop_ratio=0.0))
    assert run_loss(zero, batch(samples)).item() == expected
    dropping = build_vlm(token_drop=DROP)
    assert run_loss(dropping, batch(samples)).item() != expected
    assert run_loss(dropping.eval(), batch(samples)).item() == expected


def test_gradient_reaches_vision_through_kept_tokens_only(
        build_vlm, batch, samples):
    model = build_vlm(token_drop=DROP)
    grads = []
    encode = model.encode_images

    def watched(tiles):
        out = encode(tiles)
        out.retain_grad()
        grads.append(out)
        return out

    model.encode_images = watched
    run_loss(model, batch(samples)).backward()
    grad = grads[0].grad.flatten(0, 1).abs().sum(1)  # (24,)
    per_sample = [int((part > 0).sum()) for part in grad.split([12, 4, 8])]
    assert per_sample == [3, 1, 2]
    assert model.vision.patch_embed.weight.grad.abs().sum() > 0


def test_text_only_batch_touches_every_parameter(build_vlm, batch, samples):
    model = build_vlm()
    loss = run_loss(model, batch([samples[1]]))
    loss.backward()
    assert all(p.grad is not None for p in model.parameters())
    assert model.vision.patch_embed.weight.grad.abs().sum() == 0
    without = dict(model.data_preprocessor(batch([samples[1]])))
    model.eval()
    assert loss.item() == pytest.approx(
        model(**without, mode='loss')['loss'].item())


def test_a_step_lowers_the_loss(build_vlm, batch, samples):
    model = build_vlm(token_drop=DROP)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    torch.manual_seed(3)
    before = run_loss(model, batch(samples))
    before.backward()
    optimizer.step()
    torch.manual_seed(3)
    assert run_loss(model, batch(samples)) < before


def test_freeze(build_vlm, batch, samples):
    model = build_vlm(freeze=('vision', 'llm'))
    run_loss(model, batch(samples)).backward()
    assert not model.train().vision.training
    assert {n.split('.')[0] for n, p in model.named_parameters()
            if p.grad is not None} == {'projector'}
    with pytest.raises(ConfigError, match='eyes'):
        build_vlm(freeze=('eyes', ))


@pytest.mark.parametrize('packing', [True, False])
def test_activation_checkpointing_is_exact(build_vlm, batch, samples,
                                           packing):
    """In the vision tower (with drop path) and the LLM, packed or padded."""
    grads, calls = [], []
    for flag in (False, True):
        cfg = build_vlm.config()['vision']
        model = build_vlm(
            gradient_checkpointing=flag, token_drop=DROP, packing=packing,
            vision=dict(cfg, with_cp=flag, drop_path_rate=0.4))
        runs = []
        for block in (model.vision.layers[0], model.llm.model.model.layers[0]):
            block.mlp.register_forward_pre_hook(
                lambda *args, runs=runs: runs.append(1))
        torch.manual_seed(4)
        run_loss(model, batch(samples)).backward()
        grads.append([p.grad for p in model.parameters()])
        calls.append(len(runs))
    assert calls == [2, 4]  # forward, and forward once more in the backward
    for a, b in zip(*grads):
        assert torch.equal(a, b)


def test_wrong_number_of_image_positions(build_vlm, batch, samples):
    sample = dict(samples[0], pixel_values=samples[0]['pixel_values'][:2])
    model = build_vlm()
    with pytest.raises(DataError, match='12 image positions.*8 image.*to 4'):
        run_loss(model, batch([sample]))


def test_unknown_mode_and_missing_tokenizer(build_vlm, batch, samples):
    model = build_vlm()
    data = model.data_preprocessor(batch(samples))
    with pytest.raises(ConfigError, match='predict'):
        model(**data, mode='train')
    with pytest.raises(ConfigError, match='tokenizer'):
        model(**data, mode='predict')


def test_llm_config_errors():
    with pytest.raises(ConfigError, match='model_type'):
        mmeo.build('HFLanguageModel', config=dict(hidden_size=8))
    with pytest.raises(ConfigError, match='either'):
        mmeo.build('HFLanguageModel')
    with pytest.raises(MissingDataError, match='no/such'):
        mmeo.build('HFLanguageModel', pretrained='no/such')


@pytest.mark.parametrize('weighting', ['token', 'sample'])
def test_two_ranks_equal_one_batch(build_vlm, batch, samples, monkeypatch,
                                   weighting):
    """Averaged over ranks, as DDP does, the loss is that of all tokens."""
    from mmeo.models.vlm import answer_loss as module
    model = build_vlm(loss_weighting=weighting)
    whole = run_loss(model, batch(samples))
    total = model.count_loss_weight(batch(samples))
    assert total == (14 if weighting == 'token' else 4)

    def all_reduce(weight, op):
        assert op == 'mean'
        weight.fill_(total / 2)

    monkeypatch.setattr(module, 'all_reduce', all_reduce)
    ranks = [run_loss(model, batch(part))
             for part in (samples[:1], samples[1:])]
    torch.testing.assert_close(sum(ranks) / 2, whole)


def test_sample_weighting_is_the_mean_of_single_samples(build_vlm, batch,
                                                        samples):
    model = build_vlm(loss_weighting='sample')
    single = [run_loss(model, batch([s])).item() for s in samples]
    assert run_loss(model, batch(samples)).item() == pytest.approx(
        sum(single) / 4)
    tokens = build_vlm()
    assert run_loss(tokens, batch(samples)).item() != pytest.approx(
        sum(single) / 4, rel=1e-3)
    with pytest.raises(ConfigError, match="'word'"):
        build_vlm(loss_weighting='word')


def test_weight_is_counted_before_the_drop_as_after_it(build_vlm, batch,
                                                       samples):
    first = dict(samples[0], labels=samples[0]['input_ids'])
    first['labels'] = first['labels'].masked_fill(first['image_mask'], -100)
    model = build_vlm(token_drop=DROP)
    seen = []
    head = model.llm.head.register_forward_hook(
        lambda module, args, out: seen.append(len(out)))
    for data in (batch([first, *samples[1:]]), batch(samples)):
        model(**model.data_preprocessor(data), mode='loss')
        assert seen[-1] == model.count_loss_weight(data)
    head.remove()


def test_seeded_samples_drop_alike_in_any_batch(build_vlm, batch, samples):
    model = build_vlm(token_drop=dict(DROP, apply_prob=0.5))
    seeds = [11, 12, 13, 14]
    whole = batch(samples)
    run_loss(model, dict(whole, sample_seeds=seeds))
    masks = []
    model.token_drop.register_forward_hook(
        lambda module, args, out: masks.append(out))
    torch.manual_seed(1)
    run_loss(model, dict(whole, sample_seeds=seeds))
    torch.manual_seed(2)
    for part in (slice(0, 1), slice(1, 3), slice(3, 4)):
        run_loss(model, dict(batch(samples[part]), sample_seeds=seeds[part]))
    assert torch.equal(masks[0], torch.cat(masks[1:]))
    run_loss(model, dict(whole, sample_seeds=[5, 6, 7, 8]))
    assert not torch.equal(masks[0], masks[-1])


def test_released_preset_drops_in_a_quarter_of_the_samples(
        build_vlm, batch, samples):
    model = build_vlm(token_drop=dict(DROP, apply_prob=0.25))
    data = model.data_preprocessor(batch(samples[:1]))
    full = len(data['inputs']['input_ids'])
    rows = [model(**data, mode='loss')['tokens'] for _ in range(200)]
    shortened = sum(bool(row < full) for row in rows)
    assert 25 <= shortened <= 75
