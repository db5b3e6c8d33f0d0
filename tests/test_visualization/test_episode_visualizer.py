# Copyright (c) mmeo contributors. All rights reserved.
"""Answers of all modes in the colours of the data set."""

import numpy as np
import torch
from mmengine.structures import PixelData

from mmeo.structures import EpisodeSample
from mmeo.visualization import EpisodeVisualizer

PALETTE = [[0, 0, 0], [250, 0, 0], [0, 250, 0]]


def test_numbers_become_colours_of_the_data_set():
    visualizer = EpisodeVisualizer(name='episodes', alpha=1.0)
    visualizer.dataset_meta = dict(classes=('a', 'b', 'c'), palette=PALETTE)
    sample = EpisodeSample(metainfo=dict(episode=(2, 1)))
    maps = dict(gt_sem_seg=[[1, 2]], pred_textual=[[1, 0]],
                pred_fused=[[0, 254]], pred_sem_seg=[[1, 0]])
    for key, values in maps.items():
        sample.set_field(PixelData(data=torch.tensor([values * 2])), key)
    panels, legend = visualizer.panels(
        np.zeros((2, 2, 3), np.uint8), sample, True, True)
    assert list(panels) == ['image', 'ground truth', 'textual', 'fused']
    np.testing.assert_array_equal(panels['textual'], panels['ground truth'])
    assert panels['textual'][0].tolist() == [PALETTE[1], PALETTE[2]]
    assert panels['fused'][0].tolist() == [PALETTE[2], [96] * 3]
    assert legend == dict(zip('abc', PALETTE))
    bare, _ = visualizer.panels(
        np.zeros((2, 2, 3), np.uint8), sample, False, False)
    assert list(bare) == ['image']
