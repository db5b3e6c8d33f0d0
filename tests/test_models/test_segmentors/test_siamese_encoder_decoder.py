# Copyright (c) mmeo contributors. All rights reserved.
"""One batched pass equals two; fusion; inference modes; frozen backbone."""

import copy

import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample

import mmeo
from mmeo.errors import ConfigError, DataError
from mmeo.models.segmentors.siamese_encoder_decoder import FUSIONS

CHANNELS = (16, 32, 64, 128)


def config(fusion='concat', **kwargs):
    factor = 2 if fusion == 'concat' else 1
    return dict(
        type='SiameseEncoderDecoder',
        fusion=fusion,
        backbone=dict(
            type='mmseg.ResNet', depth=18, base_channels=16,
            norm_cfg=dict(type='BN')),
        decode_head=dict(
            type='mmseg.UPerHead', in_channels=[factor * c for c in CHANNELS],
            loss_decode=dict(type='mmseg.CrossEntropyLoss'),
            in_index=[0, 1, 2, 3], channels=16, num_classes=2,
            norm_cfg=dict(type='GN', num_groups=4), align_corners=False,
            dropout_ratio=0.0),
        train_cfg=dict(),
        test_cfg=ConfigDict(kwargs.pop('test_cfg', dict(mode='whole'))),
        **kwargs)


def build(fusion='concat', **kwargs):
    torch.manual_seed(1)
    return mmeo.build(config(fusion, **kwargs)).eval()


def samples(size=64, batch=2):
    out = []
    for _ in range(batch):
        sample = SegDataSample(metainfo=dict(
            ori_shape=(size, size), img_shape=(size, size)))
        sample.gt_sem_seg = PixelData(
            data=torch.randint(0, 2, (1, size, size)))
        out.append(sample)
    return out


@pytest.mark.parametrize('fusion', sorted(FUSIONS))
def test_batched_pass_equals_two_passes(fusion):
    model = build(fusion)
    pair = torch.randn(2, 6, 64, 64)
    first, second = (model.backbone(x) for x in (pair[:, :3], pair[:, 3:]))
    naive = dict(concat=lambda a, b: torch.cat([a, b], 1),
                 abs_diff=lambda a, b: torch.maximum(a - b, b - a),
                 diff=lambda a, b: b - a, sum=lambda a, b: a + b)[fusion]
    fused = model.extract_feat(pair)
    assert len(fused) == 4
    for got, a, b in zip(fused, first, second):
        torch.testing.assert_close(got, naive(a, b), atol=1e-5, rtol=1e-5)


def test_backbone_runs_once():
    model, calls = build(), []
    model.backbone.register_forward_hook(
        lambda _, args, __: calls.append(tuple(args[0].shape)))
    model.extract_feat(torch.randn(3, 6, 32, 32))
    assert calls == [(6, 3, 32, 32)]


def test_symmetry_under_exchange_of_dates():
    pair = torch.randn(1, 6, 32, 32)
    swapped = torch.cat((pair[:, 3:], pair[:, :3]), dim=1)
    for fusion, sign in (('abs_diff', 1), ('sum', 1), ('diff', -1)):
        model = build(fusion)
        for a, b in zip(model.extract_feat(pair),
                        model.extract_feat(swapped)):
            torch.testing.assert_close(a, sign * b)


def test_two_date_input_and_bad_channels():
    model = build()
    pair = torch.randn(2, 6, 32, 32)
    with torch.no_grad():
        expected = model.predict(pair)
        got = model.predict(pair.view(2, 2, 3, 32, 32))
    torch.testing.assert_close(got[0].seg_logits.data,
                               expected[0].seg_logits.data)
    with pytest.raises(DataError, match='LoadChangePair'):
        model.extract_feat(torch.randn(1, 7, 32, 32))
    with pytest.raises(ConfigError, match="abs_diff.*'max'"):
        mmeo.build({**config(), 'fusion': 'max'})


def test_slide_inference_with_one_window_equals_whole():
    whole = build()
    slide = build(test_cfg=dict(mode='slide', crop_size=(64, 64),
                                stride=(32, 32)))
    pair = torch.randn(1, 6, 64, 64)
    with torch.no_grad():
        a, b = (m.predict(pair, samples(batch=1))[0].seg_logits.data
                for m in (whole, slide))
        large = slide.predict(torch.randn(1, 6, 96, 128),
                              [SegDataSample(metainfo=dict(
                                  ori_shape=(96, 128),
                                  img_shape=(96, 128)))])
    torch.testing.assert_close(a, b)
    assert large[0].pred_sem_seg.data.shape == (1, 96, 128)


def test_a_step_lowers_the_loss():
    model = build('abs_diff').train()
    pair, data = torch.randn(2, 6, 64, 64), samples()
    for sample in data:
        sample.gt_sem_seg.data[..., 32:] = 1
        sample.gt_sem_seg.data[..., :32] = 0
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    losses = []
    for _ in range(8):
        loss = model.loss(pair, data)['decode.loss_ce']
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]


def test_frozen_backbone_stays_as_it_is():
    model = build(freeze_backbone=True).train()
    before = copy.deepcopy(model.backbone.state_dict())
    optimizer = torch.optim.SGD(
        [p for p in model.parameters() if p.requires_grad], lr=0.1)
    sum(v for k, v in model.loss(torch.randn(2, 6, 64, 64),
                                 samples()).items()
        if 'loss' in k).backward()
    optimizer.step()
    assert all(p.grad is None for p in model.backbone.parameters())
    assert any(p.grad is not None for p in model.decode_head.parameters())
    for key, value in model.backbone.state_dict().items():
        torch.testing.assert_close(value, before[key])  # BN statistics too


def test_preprocessor_equals_mmseg_on_each_date():
    norm = dict(mean=[10.0, 20.0, 30.0], std=[2.0, 3.0, 4.0],
                bgr_to_rgb=True, size=(48, 48), pad_val=7)
    ours = mmeo.build('ChangeDataPreProcessor', **norm)
    theirs = mmeo.build('mmseg.SegDataPreProcessor', **norm)
    pair = torch.randint(0, 256, (6, 32, 40), dtype=torch.uint8)

    def run(preprocessor, image):
        return preprocessor(dict(inputs=[image], data_samples=[
            samples(batch=1)[0]]), training=True)['inputs']

    expected = torch.cat((run(theirs, pair[:3]), run(theirs, pair[3:])), 1)
    torch.testing.assert_close(run(ours, pair), expected)
    with pytest.raises(ConfigError, match='one length'):
        mmeo.build('ChangeDataPreProcessor', mean=[1.0])
