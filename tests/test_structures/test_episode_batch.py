# Copyright (c) mmeo contributors. All rights reserved.
import torch

from mmeo.structures import EpisodeBatch, ImageGroup


def batch(**kwargs):
    return EpisodeBatch(**{**dict(
        targets={'hr': ImageGroup(torch.randn(2, 3, 4, 6),
                                  torch.arange(2))},
        class_names=[('a', 'b'), ('c', )],
        class_valid=torch.tensor([[True, True], [True, False]]),
        prompts={'s1': ImageGroup(torch.randn(4, 2, 4, 4),
                                  torch.arange(4))},
        masks=torch.zeros(2, 2, 2, 4, 4, dtype=torch.bool),
        labels=torch.zeros(2, 4, 6, dtype=torch.long)), **kwargs})


def test_what_it_knows():
    one = batch()
    assert len(one) == 2 and one.num_shots == 2 and one.target_size == (4, 6)
    assert not one.visual_valid().any()
    one.masks[0, 1, 1, 2, 3] = True
    one.masks[1, 0, 1, 0, 0] = True  # of a padding class
    assert one.visual_valid().tolist() == [[False, True], [False, False]]
    without = batch(prompts={}, masks=None)
    assert without.num_shots == 0 and not without.visual_valid().any()


def test_moving_keeps_labels_and_masks_whole():
    for one in (batch(), batch(targets={}), batch(prompts={}, masks=None)):
        moved = one.to('meta', torch.float64)
        for group in (*moved.targets.values(), *moved.prompts.values()):
            assert group.images.dtype == torch.float64
            assert group.images.is_meta and group.index.is_meta
        assert moved.class_valid.is_meta
        assert moved.labels.dtype == torch.int64 and moved.labels.is_meta
        assert moved.masks is None or moved.masks.dtype == torch.bool


def test_moving_without_images():
    moved = batch(targets={}, prompts={}, masks=None).to('meta')
    assert moved.class_valid.is_meta and moved.labels.is_meta
