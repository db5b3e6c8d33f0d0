# Copyright (c) mmeo contributors. All rights reserved.
"""Dense warm-up of an encoder: what counts as a label, and that it learns."""

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import MODELS

from mmeo.apis.checkpoint import load_into
from mmeo.errors import ConfigError
from mmeo.structures import NO_LABEL, OTHER_LABEL, EpisodeBatch, ImageGroup

CONFIGS = 'configs/skysense_vita/synthearth'


@pytest.fixture
def model(repo_root):
    cfg = Config.fromfile(
        repo_root / f'{CONFIGS}/vita-tiny_encoder_synthearth.py')
    return MODELS.build(dict(cfg.model, num_classes=3))


def episode() -> EpisodeBatch:
    """Two targets of either sensor, an example each; colours are classes."""
    labels = torch.randint(0, 3, (2, 2, 2))
    labels = labels.repeat_interleave(16, 1).repeat_interleave(16, 2)
    masks = torch.zeros(2, 1, 3, 32, 32, dtype=torch.bool)
    masks[0, 0, 1, :, :16] = True
    masks[1, 0, 2] = True

    def bands(shown: torch.Tensor, count: int) -> torch.Tensor:
        return shown.float()[:, None].expand(-1, count, -1, -1) - 1

    return EpisodeBatch(
        dict(hr=ImageGroup(bands(labels[1:], 3), torch.tensor([1])),
             s1=ImageGroup(bands(labels[:1], 2), torch.tensor([0]))),
        [('a', 'b', 'c')] * 2, torch.ones(2, 3, dtype=torch.bool),
        dict(hr=ImageGroup(bands(masks[:, 0].long().argmax(1), 3),
                           torch.arange(2))),
        masks, labels)


def test_every_labelled_pixel_counts_once(model):
    """The loss is the mean over targets and what examples show."""
    model.eval()
    batch = episode()
    batch.labels[0, :8] = NO_LABEL
    batch.labels[1, :, :8] = OTHER_LABEL
    terms = []
    for images, sensor, labels in (
            (batch.targets['s1'].images, 's1', batch.labels[:1]),
            (batch.targets['hr'].images, 'hr', batch.labels[1:]),
            (batch.prompts['hr'].images[:1], 'hr', torch.where(
                batch.masks[0, :, 1], 1, NO_LABEL)),
            (batch.prompts['hr'].images[1:], 'hr',
             torch.full((1, 32, 32), 2))):
        logits = torch.nn.functional.interpolate(
            model.scores(images, sensor)[0], (32, 32), mode='bilinear')
        chance = logits.log_softmax(1).permute(0, 2, 3, 1)
        known = labels < OTHER_LABEL
        terms.append(-chance[known].gather(1, labels[known][:, None]))
    losses = model(batch, mode='loss')
    assert losses['loss_stride4'].item() == pytest.approx(
        torch.cat(terms).mean().item(), rel=1e-4)


def test_it_learns_both_sensors(model):
    batch = episode()
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    losses = []
    for _ in range(30):
        loss = sum(model(batch, mode='loss').values())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < .5 * losses[0]


def test_numbers_must_mean_the_same_in_all_episodes(model):
    batch = episode()
    batch.class_valid[1, 2] = False
    with pytest.raises(ConfigError, match='subset_prob=0'):
        model(batch, mode='loss')
    with pytest.raises(ConfigError, match='VITASegmentor'):
        model(episode(), mode='predict')


def test_segmentor_takes_its_weights(model, repo_root):
    cfg = Config.fromfile(
        repo_root / f'{CONFIGS}/vita-tiny_incontext_synthearth.py')
    segmentor = MODELS.build(cfg.model)
    said = []
    load_into(segmentor, dict(state_dict=model.state_dict()), 'warm.pth',
              cfg.load_exclude, warn=said.append)
    own, other = segmentor.state_dict(), model.state_dict()
    shared = [key for key in other if not key.startswith('heads')]
    assert all(torch.equal(own[key], other[key]) for key in shared)
    assert {key for key in own if key.startswith(('backbone', 'neck'))} == \
        set(shared)
    assert len(said) == 1 and 'lacks' in said[0]
    assert not any(p.requires_grad for p in
                   segmentor.backbone.stages.parameters())
