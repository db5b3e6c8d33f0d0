# Copyright (c) mmeo contributors. All rights reserved.
import pytest
import torch
from mmengine.structures import InstanceData

import mmeo
from mmeo.models.in_context import Prediction
from mmeo.models.in_context.mask_losses import sample_labels, sample_masks
from mmeo.models.in_context.mask_matching import match, pair_costs

B, Q, N, P = 2, 6, 4, 50


@pytest.fixture(autouse=True)
def fixed_seed():
    torch.manual_seed(0)


def data():
    classes, points = torch.randn(B, Q, N + 1), torch.randn(B, Q, P)
    label = torch.randint(0, N, (B, P))
    each = label[:, None] == torch.arange(N)[:, None]
    return classes, points, each


def test_costs_equal_mmdets():
    from mmdet.models import task_modules as tasks
    classes, points, each = data()
    costs = pair_costs(classes, points, each, torch.ones(B, P))
    parts = (tasks.ClassificationCost(weight=2.0),
             tasks.DiceCost(weight=5.0, pred_act=True, naive_dice=True,
                            eps=1.0),
             tasks.FocalLossCost(weight=5.0, binary_input=True))
    for b in range(B):
        pred = InstanceData(scores=classes[b], masks=points[b])
        truth = InstanceData(labels=torch.arange(N), masks=each[b].long())
        expected = sum(part(pred, truth) for part in parts)
        torch.testing.assert_close(costs[b], expected, atol=1e-5, rtol=1e-5)


def test_pairs_equal_mmdets_assigner():
    from mmdet.models.task_modules import HungarianAssigner
    classes, points, each = data()
    found = match(pair_costs(classes, points, each, torch.ones(B, P))[None],
                  torch.ones(B, N, dtype=torch.bool))[0]
    assigner = HungarianAssigner(match_costs=[
        dict(type='mmdet.ClassificationCost', weight=2.0),
        dict(type='mmdet.DiceCost', weight=5.0, pred_act=True, eps=1.0,
             naive_dice=True),
        dict(type='mmdet.FocalLossCost', weight=5.0, binary_input=True)])
    for b in range(B):
        truth = InstanceData(labels=torch.arange(N), masks=each[b].long())
        result = assigner.assign(
            InstanceData(scores=classes[b], masks=points[b]), truth,
            img_meta=None)
        mine = found.sample == b
        expected = {(int(q), int(result.gt_inds[q]) - 1)
                    for q in result.gt_inds.nonzero()[:, 0]}
        pairs = zip(found.query[mine].tolist(), found.label[mine].tolist())
        assert set(pairs) == expected


def test_points_without_label_do_not_count():
    classes, points, each = data()
    known = torch.ones(B, P)
    known[:, 30:] = 0
    each[:, :, 30:] = False
    before = pair_costs(classes, points, each, known)
    points[:, :, 30:] += 100
    torch.testing.assert_close(pair_costs(classes, points, each, known),
                               before)
    short = pair_costs(classes, points[:, :, :30], each[:, :, :30],
                       known[:, :30])
    torch.testing.assert_close(short, before)


def test_only_present_classes_are_paired():
    costs = torch.rand(3, B, Q, N)
    present = torch.tensor([[1, 0, 1, 0], [0, 0, 0, 0]]).bool()
    for found in match(costs, present):
        assert found.sample.tolist() == [0, 0]
        assert sorted(found.label.tolist()) == [0, 2]
        assert len(set(found.query.tolist())) == 2


def test_more_classes_than_queries():
    found = match(torch.rand(1, 1, 2, 5), torch.ones(1, 5).bool())[0]
    assert len(found.query) == 2 and len(set(found.label.tolist())) == 2


def test_sampling_reads_the_pixel_below():
    labels = torch.arange(12).view(1, 3, 4)
    points = torch.tensor([[[0.01, 0.01], [0.99, 0.99], [0.6, 0.4]]])
    assert sample_labels(labels, points).tolist() == [[0, 11, 6]]
    masks = torch.zeros(1, 2, 2)
    masks[0, 0, 0] = 4.
    corner = torch.tensor([[[0.25, 0.25], [0.75, 0.75]]])
    assert sample_masks(masks, corner).tolist() == [[4., 0.]]


def layers(labels, perfect=True, count=N):
    """One layer whose query n answers for class n."""
    each = labels[:, None] == torch.arange(count)[:, None, None]
    masks = torch.where(each, 20., -20.) * (1 if perfect else -1)
    classes = torch.full((B, count, count + 1), -20.)
    index = torch.arange(count)
    right = torch.where(each.flatten(2).any(-1), index, count)
    wrong = torch.where(right == count, 0, count)
    chosen = right if perfect else wrong
    classes.scatter_(2, chosen[..., None], 20.)
    return [{'fused': Prediction(classes.requires_grad_(),
                                 masks.requires_grad_())}]


def test_perfect_and_worst_prediction():
    labels = torch.randint(0, N - 1, (B, 16, 16))  # class 3 occurs nowhere
    loss = mmeo.build('VITALoss', num_points=256)
    valid = dict(fused=torch.ones(B, N).bool())
    good = loss(layers(labels), labels, valid)
    bad = loss(layers(labels, perfect=False), labels, valid)
    assert set(good) == {'fused.loss_cls', 'fused.loss_dice',
                         'fused.loss_focal'}
    assert good['fused.loss_cls'] < 1e-3
    # Points between pixels of different classes are never quite right.
    assert good['fused.loss_dice'] < 0.5 * bad['fused.loss_dice']
    assert good['fused.loss_focal'] < bad['fused.loss_focal']
    assert bad['fused.loss_cls'] > 10


def test_mask_losses_equal_mmdets():
    from mmdet.models.losses import FocalLoss
    loss = mmeo.build('VITALoss', num_points=64)
    logits, truth = torch.randn(5, 64), (torch.rand(5, 64) > .5).float()
    known = torch.ones_like(truth)
    expected = FocalLoss(use_sigmoid=True)(
        logits.reshape(-1, 1), 1 - truth.reshape(-1).long(),
        reduction_override='none')
    torch.testing.assert_close(loss._focal(logits, truth, known),
                               expected.view(5, 64).mean(1), atol=1e-6,
                               rtol=1e-5)


def test_dice_equals_mmdets():
    from mmdet.models.losses import DiceLoss
    loss = mmeo.build('VITALoss', num_points=4000, importance_ratio=0.)
    labels = torch.randint(0, 2, (3, 1, 1)).repeat(1, 8, 8)
    masks = torch.tensor([-1., 0.5, 2.]).view(3, 1, 1).repeat(1, 8, 8)
    found, _ = loss._mask_terms(masks, labels, torch.ones(3).long())
    # The same value at all points, so that any 4000 of them will do.
    each = DiceLoss(naive_dice=True, eps=1., reduction='none')(
        masks.flatten(1)[:, :1].expand(3, 4000),
        (labels.flatten(1)[:, :1] == 1).expand(3, 4000).float())
    torch.testing.assert_close(found, each.sum(), atol=1e-4, rtol=1e-4)


def test_unlabelled_pixels_get_no_gradient():
    labels = torch.zeros(B, 16, 16, dtype=torch.long)
    labels[:, :, 8:] = 255
    outs = layers(labels)
    loss = mmeo.build('VITALoss', num_points=512)
    torch.nn.init.zeros_(outs[0]['fused'].masks)
    sum(loss(outs, labels, dict(fused=torch.ones(B, N).bool())).values()
        ).backward()
    grad = outs[0]['fused'].masks.grad[:, 0]
    assert grad[:, :, :7].abs().sum() > 0
    assert grad[:, :, 9:].abs().max() == 0  # 8 is read by points left of it


def test_a_class_without_example_is_no_target():
    labels = torch.zeros(B, 16, 16, dtype=torch.long)
    outs = layers(labels)
    loss = mmeo.build('VITALoss', num_points=64)
    found = loss(outs, labels, dict(fused=torch.zeros(B, N).bool()))
    assert found['fused.loss_dice'] == found['fused.loss_focal'] == 0
    sum(found.values()).backward()
    assert outs[0]['fused'].masks.grad.abs().max() == 0
    assert found['fused.loss_cls'] > 1  # says 'class 0', should say nothing


def test_earlier_layers_go_into_aux():
    labels = torch.randint(0, N, (B, 16, 16))
    one = layers(labels, perfect=False)[0]
    loss = mmeo.build('VITALoss', num_points=64)
    found = loss([one, one, one], labels, dict(fused=torch.ones(B, N).bool()))
    found = {k: v.detach() for k, v in found.items()}
    last = sum(v for k, v in found.items() if not k.endswith('aux'))
    assert found['fused.loss_aux'] == pytest.approx(2 * last.item(), rel=.1)
