# Copyright (c) mmeo contributors. All rights reserved.
"""Pictures of episodes show what a training step is fed."""

import cv2
import numpy as np
import pytest
import torch
from mmengine.structures import PixelData

from mmeo.structures import EpisodeSample
from mmeo.visualization import episodes, samples
from mmeo.visualization.episodes import (
    draw_episode,
    episode_colours,
    mark_classes,
)


def make_packed(kind: str = 'mask') -> dict:
    """Class 1 on the left of the target, class 3 on top of the example."""
    label = torch.full((1, 64, 64), 254)
    label[..., :20] = 1
    shot = torch.zeros(48, 64, dtype=torch.uint8)
    shot[:10] = 3
    sample = EpisodeSample()
    sample.gt_sem_seg = PixelData(data=label)
    sample.set_metainfo(dict(
        modality='s1', dataset_classes=('a', 'b', 'c', 'd'), episode=(1, 3),
        prompt_modalities=('hr', ), shot_classes=((0, 3), ),
        prompt_kinds=(kind, ), seed=0))
    return dict(inputs=dict(target=torch.rand(2, 64, 64),
                            prompts=[torch.rand(3, 48, 64)],
                            prompt_labels=[shot]), data_samples=sample)


def test_panels_titles_and_names(monkeypatch) -> None:
    seen = {}
    monkeypatch.setattr(
        episodes, 'side_by_side',
        lambda panels, legend: seen.update(panels=panels, legend=legend))
    draw_episode(make_packed('box'))
    assert list(seen['panels']) == ['target 64 x 64 s1', 'asked for',
                                    'example 1: hr, box']
    assert list(seen['legend']) == ['b', '(d)*']
    assert {panel.shape for panel in seen['panels'].values()} == {
        (256, 256, 3)}
    asked = seen['panels']['asked for']
    colour = np.array(episode_colours(2)[0])
    left = asked[:, :80].reshape(-1, 3).astype(int)
    # Blended over a grey picture: the colour is what is left of its mean.
    assert np.abs(left.mean(0) - left.mean() -
                  .6 * (colour - colour.mean())).max() < 8
    # The example is 48 pixels high: white below.
    assert (seen['panels']['example 1: hr, box'][192:] == 255).all()


def test_any_packed_sample_of_an_episode_is_drawn() -> None:
    picture = samples.draw_sample(make_packed())
    assert picture.dtype == np.uint8 and picture.shape[1] > 3 * 256


def test_marks_change_their_pixels_alone() -> None:
    picture = np.full((40, 40, 3), 100, np.uint8)
    masks = np.zeros((2, 20, 20), bool)
    masks[1, 5:9, 5:9] = True
    out = mark_classes(picture, masks, [(255, 0, 0), (0, 255, 0)])
    changed = (out != picture).any(-1)
    assert changed[10:18, 10:18].all() and changed.sum() == 64
    assert (out[10, 10:18] == (0, 255, 0)).all()
    assert (picture == 100).all()


def test_colours_differ() -> None:
    lab = cv2.cvtColor(np.uint8([episode_colours(16)]),
                       cv2.COLOR_RGB2LAB)[0].astype(int)
    gaps = np.linalg.norm(lab[:, None] - lab, axis=-1)
    assert gaps[~np.eye(16, dtype=bool)].min() > 30


@pytest.mark.parametrize('labels', [True, False])
def test_without_labels_or_prompts(labels: bool) -> None:
    packed = make_packed()
    packed['inputs'] = dict(target=packed['inputs']['target'], prompts=[],
                            prompt_masks=[])
    if not labels:
        del packed['data_samples'].gt_sem_seg
    width = draw_episode(packed).shape[1]
    assert width == (2 * 256 + 4 if labels else 256)
