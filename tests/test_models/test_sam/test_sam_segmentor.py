# Copyright (c) mmeo contributors. All rights reserved.
"""SAM in the place of VITA: episodes in, labels out."""

from typing import Any

import numpy as np
import pytest
import torch
from mmengine.structures import PixelData
from small_sam import CONFIGS
from torch import Tensor

from mmeo.errors import ConfigError, DataError
from mmeo.evaluation.metrics import InContextMetric
from mmeo.models.in_context.episode_preprocessor import EpisodePreprocessor
from mmeo.models.sam import SAMPromptSegmentor, region_prompts
from mmeo.structures import EpisodeSample

SIZE = (40, 60)
CLASSES = ('water', 'road', 'roof')
MEAN = torch.tensor([123.675, 116.28, 103.53])[:, None, None]
STD = torch.tensor([58.395, 57.12, 57.375])[:, None, None]


def make_model(kind: str = 'sam', **kwargs: Any) -> SAMPromptSegmentor:
    torch.manual_seed(0)
    model = SAMPromptSegmentor(
        dict(type=kind, config=CONFIGS[kind]),
        data_preprocessor=dict(type=EpisodePreprocessor), **kwargs).eval()
    with torch.no_grad():
        for weight in model.parameters():
            weight.normal_(std=.5)
    return model


def make_item(seed: int = 0, size: tuple[int, int] = SIZE,
              **meta: Any) -> dict:
    """A target that is its own example, as an intra-image data set packs."""
    rng = np.random.default_rng(seed)
    rgb = torch.from_numpy(rng.integers(0, 256, (3, *size)))
    image = (rgb - MEAN) / STD
    label = torch.full(size, 255, dtype=torch.uint8)
    label[2:12, 3:20] = 0
    label[20:30, 30:50] = 2
    label[30:38, 5:15] = 2
    sample = EpisodeSample(gt_sem_seg=PixelData(data=label[None].long()))
    sample.set_metainfo(dict(dict(
        modality='hr', dataset_classes=CLASSES, episode=(0, 1, 2),
        prompt_modalities=('hr', ), prompt_kinds=('mask', ),
        shot_classes=((0, 1, 2), ), seed=seed, img_path=f'{seed}.tif'),
        **meta))
    return dict(inputs=dict(target=image, prompts=[image],
                            prompt_labels=[label]), data_samples=sample)


def run(model: SAMPromptSegmentor, *items: dict) -> list[EpisodeSample]:
    return model.test_step(list(items))


def asked(model: SAMPromptSegmentor, item: dict, name: int,
          kind: str) -> Tensor:
    """Logits of one class by SAM alone."""
    image = (item['inputs']['target'] * STD + MEAN).round().byte()
    mask = (item['inputs']['prompt_labels'][0] == name).numpy()
    return model.sam(image, region_prompts(mask, 0, kind)).amax(0)


@pytest.mark.parametrize('kind', ['sam', 'sam2'])
@pytest.mark.parametrize('prompt', ['mask', 'box'])
def test_answers_are_those_of_sam(kind: str, prompt: str) -> None:
    model = make_model(kind)
    item = make_item(prompt_kinds=(prompt, ))
    sample, = run(model, item)
    logits = sample.seg_logits.data
    assert logits.shape == (3, *SIZE)
    assert torch.isneginf(logits[1]).all()  # no road is shown
    for name in (0, 2):
        expected = asked(model, make_item(), name, prompt)
        assert torch.allclose(logits[name], expected, atol=1e-5)
    best = torch.where(logits[0] >= logits[2], 0, 2)
    assert torch.equal(sample.pred_sem_seg.data[0], best)
    assert torch.equal(sample.pred_visual.data, sample.pred_sem_seg.data)


def test_kind_of_the_model_is_drawn_from_exact_masks() -> None:
    model = make_model(prompt_kind='point')
    sample, = run(model, make_item())
    expected = asked(model, make_item(), 2, 'point')
    assert torch.allclose(sample.seg_logits.data[2], expected, atol=1e-5)


def test_a_batch_of_several_sizes_equals_its_samples() -> None:
    model = make_model('sam2')
    items = [make_item(1), make_item(2, (48, 64)), make_item(3, (40, 80))]
    together = run(model, *items)
    for sample, seed, size in zip(together, (1, 2, 3),
                                  (SIZE, (48, 64), (40, 80))):
        alone, = run(model, make_item(seed, size))
        assert sample.pred_visual.data.shape == (1, *size)
        assert torch.allclose(sample.seg_logits.data, alone.seg_logits.data,
                              atol=1e-5)


def test_background_is_what_no_class_claims() -> None:
    sample, = run(make_model(), make_item())
    floor = sample.seg_logits.data.amax(0).median().item()
    sample, = run(make_model(test_cfg=dict(background=floor)), make_item())
    other = sample.pred_visual.data[0] == 254
    assert torch.equal(other, sample.seg_logits.data.amax(0) < floor)
    assert .3 < other.float().mean() < .7


def test_background_class_is_what_objects_leave() -> None:
    model = make_model(test_cfg=dict(background_class='Roof'))
    sample, = run(model, make_item())
    water, road, roof = sample.seg_logits.data
    assert (roof == 0).all() and road.isneginf().all()
    expected = asked(make_model(), make_item(), 0, 'mask')
    assert torch.allclose(water, expected, atol=1e-5)
    expected = torch.where(water >= 0, 0, 2)
    assert torch.equal(sample.pred_visual.data[0], expected)


def test_nothing_shown_is_nothing_found() -> None:
    item = make_item()
    item['inputs']['prompt_labels'][0][:] = 255
    sample, = run(make_model(), item)
    assert (sample.pred_visual.data == 254).all()


def test_metric_takes_the_answers() -> None:
    metric = InContextMetric(modes=('visual', ))
    metric.dataset_meta = dict(classes=CLASSES)
    for sample in run(make_model(), make_item(1), make_item(2)):
        metric.process({}, [sample.to_dict()])
    result = metric.evaluate(2)
    assert 0 <= result['visual/mIoU'] <= 100
    assert result['visual/absent'] == 1


def test_radar_is_refused() -> None:
    with pytest.raises(DataError, match="'s1'.*optical"):
        run(make_model(), make_item(modality='s1', prompt_modalities=('s1', )))


def test_another_image_as_example_is_refused() -> None:
    item = make_item()
    item['inputs']['prompts'] = [item['inputs']['target'].flip(-1)]
    with pytest.raises(DataError, match="exemplar_policy='intra'"):
        run(make_model(), item)


def test_names_alone_are_refused() -> None:
    item = make_item()
    item['inputs'].update(prompts=[], prompt_labels=[])
    item['data_samples'].set_metainfo(dict(prompt_modalities=(),
                                           shot_classes=(), prompt_kinds=()))
    with pytest.raises(DataError, match='no visual prompt'):
        run(make_model(), item)


def test_only_visual_and_only_evaluation() -> None:
    with pytest.raises(ConfigError, match='visual'):
        make_model(test_cfg=dict(modes=('visual', 'fused')))
    model = make_model()
    batch = model.data_preprocessor([make_item()], False)
    with pytest.raises(ConfigError, match='visual'):
        model.predict(**batch, mode='textual')
    with pytest.raises(ConfigError, match='not trained'):
        model(**batch, mode='loss')
    with pytest.raises(ConfigError, match='scribble'):
        make_model(prompt_kind='scribble')
