# Copyright (c) mmeo contributors. All rights reserved.
"""The shipped models, in small, learn from both sensors."""

from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope

from mmeo.registry import MODELS
from mmeo.structures import EpisodeBatch, ImageGroup

BANDS = dict(hr=3, s1=2)
SWIN = dict(embed_dims=16, depths=(1, 1, 1, 1), num_heads=(2, 4, 8, 16))
VIT = dict(embed_dims=32, depth=4, num_heads=4, mlp_ratio=2.)
SMALL = {
    'vita_skysense-v1': dict(
        backbone=dict(encoders=dict(
            hr=dict(arch=SWIN, window_size=4, init_cfg=None),
            s1=dict(arch=VIT, out_indices=(0, 1, 2, 3), init_cfg=None))),
        neck=dict(in_channels=dict(hr=[16, 32, 64, 128], s1=[32] * 4))),
    'vita_skysense-v2-h': dict(
        backbone=dict(arch=dict(
            _delete_=True, embed_dims=32, depths=(1, 1, 1, 1))),
        neck=dict(in_channels=dict(hr=[32, 64, 128, 256],
                                   s1=[32, 64, 128, 256]))),
    'vita_vit-adapter-l': dict(
        backbone=dict(vit=dict(arch=dict(VIT, _delete_=True), img_size=64),
                      num_heads=4, conv_inplane=8, use_extra_extractor=False),
        neck=dict(in_channels=dict(hr=[32] * 4))),
    'vita_tiny': dict(),
}
HEADS = dict(
    former=dict(embed_dims=32, num_heads=4, feedforward_channels=64),
    decoder=dict(embed_dims=32, num_heads=4, feedforward_channels=64,
                 num_layers=3, num_queries=8),
    neck=dict(out_channels=32),
    loss=dict(type='VITALoss', num_points=64))


def build(root: Path, name: str) -> torch.nn.Module:
    init_default_scope('mmeo')
    torch.manual_seed(0)
    cfg = Config.fromfile(root / f'configs/_base_/models/{name}.py')
    cfg.merge_from_dict(dict(model=SMALL[name]))
    if name != 'vita_tiny':
        cfg.merge_from_dict(dict(model=HEADS))
        cfg.model.text_encoder = dict(
            type='HashedTextEncoder', embed_dims=512)
    return MODELS.build(cfg.model)


def draw(modalities: tuple[str, ...]) -> EpisodeBatch:
    """A target and an example of each sensor, three classes."""
    torch.manual_seed(1)
    count, size = len(modalities), 64
    groups = [{
        name: ImageGroup(torch.randn(1, BANDS[name], size, size),
                         torch.tensor([i]))
        for i, name in enumerate(modalities)} for _ in range(2)]
    labels = torch.randint(3, (count, 1, 8, 8)).float()
    labels = torch.nn.functional.interpolate(labels, (size, size))[:, 0]
    masks = torch.nn.functional.one_hot(labels.long(), 3).bool()
    return EpisodeBatch(
        groups[0], [('house', 'road', 'lake')] * count,
        torch.ones(count, 3, dtype=torch.bool), groups[1],
        masks.permute(0, 3, 1, 2)[:, None], labels.long())


@pytest.mark.parametrize('name', SMALL)
def test_every_parameter_learns_and_all_modes_answer(repo_root: Path,
                                                     name: str) -> None:
    model = build(repo_root, name).train()
    batch = draw(model.modalities)
    losses = model.loss(batch, None)
    assert len(losses) == 12  # three modes: classes, dice, focal, layers
    sum(losses.values()).backward()
    without = [k for k, p in model.named_parameters()
               if p.requires_grad and p.grad is None]
    assert not without
    model.eval()
    for mode in ('visual', 'textual', 'fused'):
        for sample in model.predict(batch, mode=mode):
            assert sample.pred_sem_seg.data.shape == (1, 64, 64)
            assert sample.seg_logits.data.isfinite().all()
