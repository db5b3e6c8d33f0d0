# Copyright (c) mmeo contributors. All rights reserved.
"""Batches of episodes: padding, order, levels, and what is refused."""

import numpy as np
import pytest
import torch
from mmengine.structures import PixelData

from mmeo.datasets import list_collate
from mmeo.errors import ConfigError, DataError
from mmeo.models.in_context import (
    EpisodePreprocessor,
    Granularity,
    GranularitySchedule,
)
from mmeo.structures import EpisodeSample

CLASSES = ('river', 'lake', 'oak', 'pine', 'road')
PATHS = (('water', 'river'), ('water', 'lake'), ('forest', 'oak'),
         ('forest', 'pine'), ('road', 'road'))
COARSE = Granularity(GranularitySchedule(2, tau=1e-3), 0.)


def make_packed(seed=0, size=(40, 48), prompt_size=(33, 40), shots=1,
                episode=(0, 2, 4), modality='hr', **meta) -> dict:
    rng = np.random.default_rng(seed)
    bands = dict(hr=3, s1=2)
    sensors = meta.pop('prompt_modalities', (modality, ) * shots)
    ids = np.array([0, 1, 2, 3, 4, 254, 255])
    labels = [torch.from_numpy(rng.choice(ids, prompt_size).astype(np.uint8))
              for _ in range(shots)]
    sample = EpisodeSample()
    sample.gt_sem_seg = PixelData(
        data=torch.from_numpy(rng.choice(ids, (1, *size))))
    sample.set_metainfo(dict(
        modality=modality, dataset_classes=CLASSES, class_paths=PATHS,
        synonyms={'river': ('stream', )}, episode=episode, seed=seed,
        prompt_modalities=sensors, shot_classes=(tuple(range(5)), ) * shots,
        prompt_kinds=('mask', ) * shots) | meta)
    return dict(
        inputs=dict(
            target=torch.randn(bands[modality], *size),
            prompts=[torch.randn(bands[s], *prompt_size) for s in sensors],
            prompt_labels=labels),
        data_samples=sample)


@pytest.fixture
def preprocessor() -> EpisodePreprocessor:
    return EpisodePreprocessor()


def test_images_labels_and_masks_keep_their_place(preprocessor) -> None:
    packed = [make_packed(0), make_packed(1, size=(64, 20), shots=2)]
    out = preprocessor(list_collate(packed), training=True)
    batch = out['inputs']
    assert batch.target_size == (64, 64) and batch.sizes == [(40, 48),
                                                             (64, 20)]
    images = batch.targets['hr'].images
    for i, item in enumerate(packed):
        target = item['inputs']['target']
        height, width = target.shape[1:]
        assert (images[i, :, :height, :width] == target).all()
        assert images[i].abs().sum() == target.abs().sum()
        label = item['data_samples'].gt_sem_seg.data[0]
        inside = batch.labels[i, :height, :width]
        assert (inside[label == 4] == 2).all()
        assert (inside[(label == 1) | (label == 254)] == 254).all()
        assert (inside[label == 255] == 255).all()
        assert (batch.labels[i, height:] == 255).all()
        assert (batch.labels[i, :, width:] == 255).all()
    assert batch.masks.shape == (2, 2, 3, 64, 64)
    assert batch.prompts['hr'].index.tolist() == [0, 2, 3]
    label = packed[1]['inputs']['prompt_labels'][1]
    assert (batch.masks[1, 1, 1, :33, :40] == (label == 2)).all()
    assert not batch.masks[0, 1].any()
    assert not batch.masks[:, :, :, 33:].any()
    meta = out['data_samples'][1]
    assert meta.pad_shape == (64, 64) and meta.padding_size == [0, 44, 0, 0]


def test_sensors_are_grouped(preprocessor) -> None:
    packed = [make_packed(0, modality='s1', shots=2,
                          prompt_modalities=('hr', 's1')),
              make_packed(1, shots=1), make_packed(2, modality='s1')]
    batch = preprocessor(packed)['inputs']
    assert batch.targets['s1'].index.tolist() == [0, 2]
    assert batch.targets['hr'].index.tolist() == [1]
    assert batch.prompts['hr'].index.tolist() == [0, 2]
    assert batch.prompts['s1'].index.tolist() == [1, 4]
    assert (batch.prompts['s1'].images[0, :, :33, :40] ==
            packed[0]['inputs']['prompts'][1]).all()
    assert batch.labels is None


def test_classes_of_a_batch_are_padded(preprocessor) -> None:
    packed = [make_packed(0, episode=(1, )), make_packed(1)]
    batch = preprocessor(packed, training=True)['inputs']
    assert batch.class_valid.tolist() == [[True, False, False], [True] * 3]
    assert not batch.masks[0, :, 1:].any()
    assert not batch.visual_valid()[0, 1:].any()


def test_order_of_classes_permutes_labels_and_masks(preprocessor) -> None:
    one = preprocessor([make_packed(episode=(0, 2, 4))], True)['inputs']
    two = preprocessor([make_packed(episode=(4, 0, 2))], True)['inputs']
    assert two.class_names[0] == tuple(
        one.class_names[0][i] for i in (2, 0, 1))
    assert (two.masks == one.masks[:, :, [2, 0, 1]]).all()
    place = torch.arange(256)
    place[:3] = torch.tensor([1, 2, 0])
    assert (two.labels == place[one.labels]).all()


def test_a_level_merges_prompts_labels_and_names(preprocessor) -> None:
    packed = make_packed(episode=(0, 2, 3))
    preprocessor.granularity = COARSE
    out = preprocessor([packed], training=True)
    batch, sample = out['inputs'], out['data_samples'][0]
    assert batch.class_names == [('water', 'forest')]
    assert sample.class_names == ('water', 'forest') and sample.level == 0
    label = packed['inputs']['prompt_labels'][0]
    assert (batch.masks[0, 0, 0, :33, :40] == (label <= 1)).all()
    target = packed['data_samples'].gt_sem_seg.data[0]
    assert ((batch.labels[0, :40, :48] == 1) == (
        (target == 2) | (target == 3))).all()
    # Predictions are made of leaves.
    out = preprocessor([packed])
    assert out['data_samples'][0].class_names == ('river', 'oak', 'pine')


def test_a_class_without_example_gets_none_unless_a_sibling_has(
        preprocessor) -> None:
    packed = make_packed(episode=(0, 2), shot_classes=((1, 2), ))
    batch = preprocessor([packed], training=True)['inputs']
    assert batch.visual_valid().tolist() == [[False, True]]
    preprocessor.granularity = COARSE
    batch = preprocessor([packed], training=True)['inputs']
    assert batch.visual_valid().tolist() == [[True, True]]


def test_flat_classes_are_leaves_and_deep_trees_are_refused(
        preprocessor) -> None:
    preprocessor.granularity = COARSE
    flat = make_packed(class_paths=tuple((name, ) for name in CLASSES))
    out = preprocessor([flat], training=True)
    assert out['data_samples'][0].class_names == ('river', 'oak', 'road')
    deep = make_packed(class_paths=tuple(('a', *p) for p in PATHS))
    with pytest.raises(ConfigError, match='levels=3'):
        preprocessor([deep], training=True)


def test_all_is_drawn_from_the_seed_of_the_sample(preprocessor) -> None:
    preprocessor.granularity = Granularity(GranularitySchedule(2), 0.4)

    def run(packed: list) -> list:
        out = preprocessor(packed, training=True)
        masks = [m[..., :33, :40] for m in out['inputs'].masks]
        return list(zip(out['inputs'].class_names, masks))

    def packed(seed: int) -> dict:
        item = make_packed(0, prompt_kinds=('point', ), synonym_prob=.5)
        item['data_samples'].set_metainfo(dict(seed=seed))
        return item

    alone = [run([packed(seed)])[0] for seed in range(12)]
    together = run([packed(seed) for seed in reversed(range(12))])[::-1]
    for (names, masks), (names2, masks2) in zip(alone, together):
        assert names == names2
        assert (masks == masks2[:, :len(names)]).all()
    assert {'water', 'river', 'stream'} == {n[0] for n, _ in alone}
    assert len({m.sum().item() for _, m in alone}) > 3


def test_synonyms_are_for_training(preprocessor) -> None:
    packed = make_packed(synonym_prob=1.)
    assert preprocessor([packed], True)['inputs'].class_names[0][0] == \
        'stream'
    assert preprocessor([packed])['inputs'].class_names[0][0] == 'river'


def test_masks_of_a_person(preprocessor) -> None:
    packed = make_packed()
    marks = torch.rand(3, 33, 40) < 0.3
    marks[1] = False
    packed['inputs'].pop('prompt_labels')
    packed['inputs']['prompt_masks'] = [marks]
    batch = preprocessor([packed])['inputs']
    assert (batch.masks[0, 0, :, :33, :40] == marks).all()
    assert batch.visual_valid().tolist() == [[True, False, True]]


def test_bad_masks_are_explained(preprocessor) -> None:
    def given(mask: torch.Tensor) -> list:
        packed = make_packed(img_path='a.tif')
        packed['inputs'].pop('prompt_labels')
        packed['inputs']['prompt_masks'] = [mask]
        return [packed]

    with pytest.raises(DataError, match='a.tif, prompt 1.*no positive'):
        preprocessor(given(torch.zeros(3, 33, 40, dtype=torch.bool)))
    with pytest.raises(DataError, match='33 x 41.*33 x 40'):
        preprocessor(given(torch.ones(3, 33, 41, dtype=torch.bool)))
    with pytest.raises(DataError, match='for 3 classes'):
        preprocessor(given(torch.ones(2, 33, 40, dtype=torch.bool)))
    packed = make_packed()
    packed['inputs']['prompt_labels'] = []
    with pytest.raises(DataError, match='1 prompt images and 0'):
        preprocessor([packed])


def test_names_and_collate_are_checked(preprocessor) -> None:
    with pytest.raises(DataError, match='given twice'):
        preprocessor([make_packed(
            class_paths=(('Road', ), *((n, ) for n in CLASSES[1:])))])
    with pytest.raises(ConfigError, match='list_collate'):
        preprocessor(dict(inputs=[], data_samples=[]))
    other = make_packed(1)
    other['inputs']['target'] = torch.randn(4, 40, 48)
    with pytest.raises(DataError, match=r"'hr' have \[3, 4\] bands"):
        preprocessor([make_packed(0), other])


def test_names_alone_make_a_batch(preprocessor) -> None:
    packed = make_packed()
    packed['inputs'] = dict(target=packed['inputs']['target'])
    batch = preprocessor([packed])['inputs']
    assert batch.masks is None and batch.prompts == {}
    assert batch.num_shots == 0 and not batch.visual_valid().any()


def test_shared_prompts_have_keys(preprocessor) -> None:
    packed = [make_packed(0, prompt_key='a'), make_packed(1, prompt_key='a')]
    assert preprocessor(packed)['inputs'].prompt_keys == ['a', 'a']
    assert preprocessor([packed[0], make_packed()]
                        )['inputs'].prompt_keys is None
