# Copyright (c) mmeo contributors. All rights reserved.
"""Several sensors through mmseg's and mmpretrain's models."""

from typing import Optional

import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.structures import PixelData
from mmpretrain.structures import DataSample
from mmseg.structures import SegDataSample
from torch import Tensor, nn

import mmeo
from mmeo.errors import ConfigError, DataError
from mmeo.models.segmentors import (
    MultiModalDataPreprocessor,
    MultiModalSegmentor,
)
from mmeo.models.segmentors.multi_modal_segmentor import cut, starts
from mmeo.structures import ModalityBatch

BANDS = dict(hr=3, s2=10, s1=2)
CLASSES = 3


def series(name: str, frames: int, side: int,
           seed: Optional[int] = None) -> dict:
    generator = torch.Generator().manual_seed(seed or frames)
    return dict(
        images=torch.randn(frames, BANDS[name], side, side,
                           generator=generator),
        dates=torch.arange(frames) * 30)


def seg_sample(inputs: dict, side: int) -> dict:
    sample = SegDataSample(metainfo=dict(img_shape=(side, side),
                                         ori_shape=(side, side)))
    label = torch.zeros(1, side, side, dtype=torch.int64)
    label[:, : side // 2] = 1
    sample.gt_sem_seg = PixelData(data=label)
    return dict(inputs=inputs, data_samples=sample)


def samples() -> list[dict]:
    """All sensors; no HR and one frame; no S1."""
    return [
        seg_sample(dict(hr=series('hr', 1, 128), s2=series('s2', 3, 8),
                        s1=series('s1', 2, 8)), 64),
        seg_sample(dict(s2=series('s2', 1, 8), s1=series('s1', 1, 8)), 64),
        seg_sample(dict(hr=series('hr', 1, 128, 7), s2=series('s2', 2, 8)),
                   64),
    ]


def encoder(modalities: tuple[str, ...], **kwargs) -> dict:
    return dict(
        type='MultiModalEncoder',
        backbone=dict(
            type='SkySenseV2', modalities=modalities,
            arch=dict(embed_dims=16, depths=(2, 2, 2, 2), head_dim=16)),
        fusion=dict(type='TemporalFusion', embed_dims=16, num_layers=1,
                    num_heads=2, drop_path_rate=0.), **kwargs)


def segmentor(modalities: tuple[str, ...] = ('hr', 's2', 's1'),
              mode: str = 'whole', **kwargs) -> MultiModalSegmentor:
    backbone = encoder(modalities, **kwargs)
    return mmeo.build(
        'MultiModalSegmentor',
        data_preprocessor=dict(type='MultiModalDataPreprocessor'),
        backbone=backbone,
        decode_head=dict(
            type='mmseg.UPerHead', in_channels=[16, 32, 64, 144],
            in_index=[0, 1, 2, 3], pool_scales=(1, 2), channels=16,
            num_classes=CLASSES, align_corners=False, dropout_ratio=0.,
            norm_cfg=dict(type='GN', num_groups=4),
            loss_decode=dict(type='mmseg.CrossEntropyLoss')),
        train_cfg=dict(),
        test_cfg=ConfigDict(mode=mode, crop_size=(32, 32), stride=(16, 16)))


def losses(model: nn.Module, data: list[dict], steps: int) -> list[float]:
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    found = []
    for _ in range(steps):
        batch = model.data_preprocessor(data, True)
        loss, _ = model.parse_losses(model(**batch, mode='loss'))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        found.append(loss.item())
    return found


def test_preprocessor_pads_series() -> None:
    out = MultiModalDataPreprocessor()(samples())['inputs']
    assert list(out) == ['hr', 's2', 's1']
    assert out['s2'].images.shape == (3, 3, 10, 8, 8)
    assert out['s2'].valid.tolist() == [[1, 1, 1], [1, 0, 0], [1, 1, 0]]
    assert out['s2'].dates.tolist() == [[0, 30, 60], [0, -1, -1], [0, 30, -1]]
    assert out['hr'].valid.tolist() == [[1], [0], [1]]
    assert out['s1'].valid.tolist() == [[1, 1], [1, 0], [0, 0]]


def test_preprocessor_pads_maps_alike() -> None:
    small = seg_sample(dict(hr=series('hr', 1, 64), s2=series('s2', 1, 4)),
                       32)
    out = MultiModalDataPreprocessor()([small, samples()[0]])
    assert out['inputs']['hr'].images.shape[-2:] == (128, 128)
    assert not out['inputs']['s2'].images[0, :, :, 4:].any()
    first, second = out['data_samples']
    assert first.gt_sem_seg.data.shape == (1, 64, 64)
    assert first.gt_sem_seg.data[0, 32:].eq(255).all()
    assert first.padding_size == [0, 32, 0, 32]
    assert second.padding_size == [0, 0, 0, 0]
    odd = seg_sample(dict(hr=series('hr', 1, 64), s2=series('s2', 1, 4)), 48)
    with pytest.raises(DataError, match='one extent'):
        MultiModalDataPreprocessor()([odd, samples()[0]])


def test_preprocessor_with_named_modalities() -> None:
    data = MultiModalDataPreprocessor(BANDS)
    only = seg_sample(dict(s2=series('s2', 2, 8)), 64)
    only['data_samples'].set_metainfo(dict(region=4))
    out = data([only])['inputs']
    assert list(out) == ['hr', 's2', 's1'] and out.regions.tolist() == [4]
    assert not out['hr'].valid.any() and out['hr'].images.shape[2] == 3
    with pytest.raises(DataError, match='planet'):
        data([dict(inputs=dict(planet=series('hr', 1, 8)))])


def test_preprocessor_errors() -> None:
    with pytest.raises(ConfigError, match='list_collate'):
        MultiModalDataPreprocessor()(dict(inputs={}))
    with pytest.raises(ConfigError, match='augments'):
        MultiModalDataPreprocessor(batch_augments=dict(augments=[]))


def test_segmentation_learns() -> None:
    found = losses(segmentor(modality_dropout=0.1), samples(), 12)
    assert found[1] < found[0] and found[-1] < 0.6 * found[0]


def test_segmentation_of_a_series_learns() -> None:
    data = [seg_sample(dict(s2=series('s2', n, 8)), 8) for n in (1, 3)]
    found = losses(segmentor(('s2', )), data, 12)
    assert found[1] < found[0] and found[-1] < 0.6 * found[0]


def predict(model: nn.Module, data: list[dict]) -> list:
    with torch.no_grad():
        return model.eval().test_step(data)


def test_samples_do_not_see_each_other() -> None:
    model = segmentor()
    together = predict(model, samples())
    one = predict(model, samples()[:1])[0]
    assert together[0].pred_sem_seg.data.shape == (1, 64, 64)
    torch.testing.assert_close(together[0].seg_logits.data,
                               one.seg_logits.data, rtol=1e-4, atol=1e-5)
    turned = predict(model, samples()[::-1])
    for a, b in zip(together, turned[::-1]):
        torch.testing.assert_close(a.seg_logits.data, b.seg_logits.data,
                                   rtol=1e-4, atol=1e-5)


def test_padding_is_cut_off() -> None:
    small = seg_sample(dict(hr=series('hr', 1, 64), s2=series('s2', 1, 4)),
                       32)
    first, second = predict(segmentor(), [small, samples()[0]])
    assert first.pred_sem_seg.data.shape == (1, 32, 32)
    assert second.pred_sem_seg.data.shape == (1, 64, 64)


def test_windows_cut_all_sensors_alike() -> None:
    """With a model that copies a pixel, windows give what the whole gives."""
    model = segmentor(mode='slide')
    batch = model.data_preprocessor(samples()[:1])
    image = batch['inputs']['hr'].images[:, 0]  # (1, 3, 128, 128)
    seen = []

    def copy(inputs: dict, metas: list[dict]) -> Tensor:
        seen.append({n: tuple(b.images.shape[-2:]) for n, b in inputs.items()})
        return inputs['hr'].images[:, 0, :, ::2, ::2]

    model.encode_decode = copy
    out = model.inference(batch['inputs'], [dict(
        ori_shape=(64, 64), img_shape=(64, 64), pad_shape=(64, 64))])
    torch.testing.assert_close(out, image[:, :, ::2, ::2])
    assert len(seen) == 9
    assert all(s == dict(hr=(64, 64), s2=(4, 4), s1=(4, 4)) for s in seen)


def test_windows_of_a_real_model() -> None:
    out = predict(segmentor(mode='slide'), samples())
    assert [x.pred_sem_seg.data.shape for x in out] == [(1, 64, 64)] * 3
    assert all(x.seg_logits.data.isfinite().all() for x in out)


def test_a_window_never_cuts_a_pixel() -> None:
    batches = dict(s2=ModalityBatch.of(torch.zeros(1, 1, 10, 8, 8)))
    part = cut(batches, (64, 64), (0, 8, 32, 40))['s2']
    assert part.images.shape[-2:] == (4, 4)
    with pytest.raises(ConfigError, match=r'multiples of \[8, 8\]'):
        cut(batches, (64, 64), (0, 4, 32, 36))
    assert starts(10, 4, 4) == [0, 4, 6] and starts(3, 4, 4) == [0]


def test_predictions_without_data_samples() -> None:
    model = segmentor().eval()
    inputs = model.data_preprocessor(samples())['inputs']
    with torch.no_grad():
        out = model(inputs, mode='predict')
        logits = model(inputs, mode='tensor')
    assert len(out) == 3 and out[0].pred_sem_seg.data.shape == (1, 128, 128)
    assert logits.shape == (3, CLASSES, 32, 32)


def classifier() -> nn.Module:
    return mmeo.build(
        'mmpretrain.ImageClassifier',
        data_preprocessor=dict(type='mmeo.MultiModalDataPreprocessor'),
        backbone=encoder(('s2', 's1')),
        neck=dict(type='mmpretrain.GlobalAveragePooling'),
        head=dict(type='mmpretrain.MultiLabelLinearClsHead', num_classes=4,
                  in_channels=144, loss=dict(
                      type='mmpretrain.CrossEntropyLoss', use_sigmoid=True)))


def cls_samples() -> list[dict]:
    data = []
    for i, names in enumerate((('s2', 's1'), ('s1', ), ('s2', ))):
        sample = DataSample().set_gt_score(torch.eye(4)[i] + torch.eye(4)[3])
        data.append(dict(inputs={n: series(n, 1, 16, i + 1) for n in names},
                         data_samples=sample))
    return data


def test_classification_learns() -> None:
    model = classifier()
    found = losses(model, cls_samples(), 12)
    assert found[1] < found[0] and found[-1] < 0.6 * found[0]
    out = predict(model, cls_samples())
    assert [x.pred_score.shape for x in out] == [(4, )] * 3
    alone = predict(model, cls_samples()[1:2])[0]
    torch.testing.assert_close(alone.pred_score, out[1].pred_score,
                               rtol=1e-4, atol=1e-5)
