# Copyright (c) mmeo contributors. All rights reserved.
"""The modules detectors use, on the stand-in: they run and train."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.testing import assert_close


def lowers_loss(parameters, loss_fn, lr=0.05, steps=5):
    """Whether a few steps of gradient descent lower a loss."""
    parameters = list(parameters)
    optimizer = torch.optim.Adam(parameters, lr=lr)
    losses = []
    for _ in range(steps):
        loss = loss_fn()
        optimizer.zero_grad()
        loss.backward()
        assert all(p.grad is not None and p.grad.isfinite().all()
                   for p in parameters)
        optimizer.step()
        losses.append(loss.item())
    return losses[-1] < losses[0]


def test_nms_of_arrays_and_tensors(mmcv_standin, upright_boxes):
    boxes, scores = upright_boxes(200), torch.rand(200)
    dets, keep = mmcv_standin.nms(boxes, scores, 0.4, score_threshold=0.2,
                                  max_num=20)
    assert dets.shape == (20, 5) and (dets[:, 4] > 0.2).all()
    assert (dets[:-1, 4] >= dets[1:, 4]).all()
    array_dets, array_keep = mmcv_standin.nms(
        boxes.numpy(), scores.numpy(), 0.4, score_threshold=0.2, max_num=20)
    assert isinstance(array_dets, np.ndarray)
    assert_close(torch.from_numpy(array_keep), keep)


def test_nms_accepts_half_precision(mmcv_standin, upright_boxes):
    boxes, scores = upright_boxes(100).half(), torch.rand(100).half()
    _, keep = mmcv_standin.nms(boxes, scores, 0.4)
    _, expected = mmcv_standin.nms(boxes.float(), scores.float(), 0.4)
    assert_close(keep, expected)


@pytest.mark.parametrize('kind', ['nms', 'soft_nms', 'nms_rotated'])
@pytest.mark.parametrize('agnostic', [False, True])
@pytest.mark.parametrize('split', [10000, 50])
def test_batched_nms_keeps_classes_apart(mmcv_standin, upright_boxes,
                                         rotated_boxes, kind, agnostic,
                                         split):
    draw = rotated_boxes if kind == 'nms_rotated' else upright_boxes
    boxes = draw(40).repeat(3, 1)
    labels = torch.arange(3).repeat_interleave(40)
    scores = torch.rand(120)
    config = dict(type=kind, iou_threshold=0.5, split_thr=split)
    if kind == 'soft_nms':
        config.update(method='naive')
    dets, keep = mmcv_standin.batched_nms(boxes, scores, labels, config,
                                          class_agnostic=agnostic)
    assert_close(dets[:, :-1], boxes[keep])
    alone = [len(mmcv_standin.batched_nms(
        boxes[labels == c], scores[labels == c], labels[labels == c],
        config)[1]) for c in range(3)]
    if not agnostic:
        assert len(keep) == sum(alone)
    elif split > 120 and kind != 'soft_nms':
        assert len(keep) <= 40


def test_soft_nms_lowers_but_keeps(mmcv_standin, upright_boxes):
    boxes, scores = upright_boxes(100), torch.rand(100)
    dets, keep = mmcv_standin.soft_nms(boxes, scores, method='gaussian',
                                       min_score=0.0)
    assert sorted(keep.tolist()) == list(range(100))
    assert (dets[:, 4] <= scores[keep] + 1e-6).all()
    assert (dets[:, 4] < scores[keep]).any()


def test_rotated_ops_of_both_angle_directions(mmcv_standin, rotated_boxes):
    boxes = rotated_boxes(60, max_angle=1.5)
    mirrored = boxes * torch.tensor([1.0, 1, 1, 1, -1])
    assert_close(
        mmcv_standin.box_iou_rotated(boxes, boxes),
        mmcv_standin.box_iou_rotated(mirrored, mirrored, clockwise=False))
    scores = torch.rand(60)
    _, keep = mmcv_standin.nms_rotated(boxes, scores, 0.1)
    _, same = mmcv_standin.nms_rotated(mirrored, scores, 0.1,
                                       clockwise=False)
    assert_close(keep, same)
    labels = torch.arange(60)
    assert len(mmcv_standin.nms_rotated(boxes, scores, 0.1, labels)[1]) == 60


def test_boxes_that_need_gradients_leave_no_graph(mmcv_standin,
                                                  rotated_boxes):
    boxes = rotated_boxes(20).requires_grad_()
    assert not mmcv_standin.box_iou_rotated(boxes, boxes).requires_grad


@pytest.mark.parametrize('rotated', [False, True])
def test_region_features_train(mmcv_standin, rotated):
    conv = nn.Conv2d(2, 4, 3, padding=1)
    image = torch.randn(1, 2, 20, 20)
    if rotated:
        align = mmcv_standin.RoIAlignRotated((5, 5), 0.5, 2, True, True)
        rois = torch.tensor([[0, 20.0, 20, 16, 10, 0.5]])
    else:
        align = mmcv_standin.RoIAlign((5, 5), 0.5, 2, 'avg', True)
        rois = torch.tensor([[0, 12.0, 15, 28, 25]])
    assert lowers_loss(conv.parameters(),
                       lambda: (align(conv(image), rois) - 1).square().mean())


def test_torchvision_roi_align_switch_agrees(mmcv_standin):
    feature = torch.randn(1, 3, 16, 16)
    rois = torch.tensor([[0, 4.0, 5, 30, 40]])
    ours = mmcv_standin.RoIAlign(5, 0.25, 0)(feature, rois)
    theirs = mmcv_standin.RoIAlign(5, 0.25, 0, use_torchvision=True)(
        feature, rois)
    assert_close(ours, theirs)


@pytest.mark.parametrize('value_proj_ratio', [0.5, 1.0])
def test_multi_scale_deformable_attention_trains(mmcv_standin,
                                                 value_proj_ratio):
    attention = mmcv_standin.MultiScaleDeformableAttention(
        embed_dims=32, num_heads=4, num_levels=2, num_points=3, dropout=0,
        batch_first=True, value_proj_ratio=value_proj_ratio)
    shapes = torch.tensor([[8, 6], [4, 3]])
    query, value = torch.randn(2, 9, 32), torch.randn(2, 60, 32)
    kwargs = dict(
        value=value, reference_points=torch.rand(2, 9, 2, 2),
        spatial_shapes=shapes, level_start_index=torch.tensor([0, 48]))
    assert lowers_loss(
        attention.parameters(),
        lambda: attention(query, **kwargs).square().mean(), lr=0.01)


def test_attention_op_equals_the_module_on_the_cpu(mmcv_standin):
    from mmcv.ops.multi_scale_deform_attn import (
        MultiScaleDeformableAttnFunction,
        multi_scale_deformable_attn_pytorch,
    )
    shapes = torch.tensor([[8, 6], [4, 3]])
    value = torch.randn(2, 60, 4, 8)
    locations = torch.rand(2, 9, 4, 2, 3, 2) * 1.2 - 0.1
    weights = torch.rand(2, 9, 4, 2, 3)
    assert_close(
        MultiScaleDeformableAttnFunction.apply(
            value, shapes, torch.tensor([0, 48]), locations, weights, 64),
        multi_scale_deformable_attn_pytorch(value, shapes, locations,
                                            weights))


@pytest.mark.parametrize('name', ['DeformConv2dPack',
                                  'ModulatedDeformConv2dPack'])
def test_deformable_convolutions_train(mmcv_standin, name):
    layer = getattr(mmcv_standin, name)(4, 6, 3, stride=2, padding=1,
                                        deform_groups=2)
    nn.init.normal_(layer.conv_offset.weight, std=0.1)
    image = torch.randn(2, 4, 12, 12)
    assert lowers_loss(layer.parameters(),
                       lambda: (layer(image) - 1).square().mean())


def test_deformable_convolution_without_offset_is_a_convolution(mmcv_standin):
    image, weight = torch.randn(2, 4, 9, 9), torch.randn(6, 2, 3, 3)
    offset = torch.zeros(2, 18, 5, 5)
    expected = nn.functional.conv2d(image, weight, None, 2, 1, 1, 2)
    got = mmcv_standin.deform_conv2d(image, offset, weight, 2, 1, 1, 2, 1)
    assert_close(got, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize('name', ['SigmoidFocalLoss', 'SoftmaxFocalLoss'])
def test_focal_losses_train(mmcv_standin, name):
    loss = getattr(mmcv_standin, name)(2.0, 0.25)
    logits = nn.Parameter(torch.randn(30, 5))
    target = torch.randint(0, 5, (30,))
    assert lowers_loss([logits], lambda: loss(logits, target))
