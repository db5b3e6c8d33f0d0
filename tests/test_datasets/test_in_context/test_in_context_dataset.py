# Copyright (c) mmeo contributors. All rights reserved.
"""Episodes: reproducible, free of leaks, with prompts that show something."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from episode_places import CLASSES, SIZE, make_label, source_cfg, write_places
from mmengine.runner import Runner

from mmeo.datasets import InContextDataset
from mmeo.datasets.in_context import class_index, sources
from mmeo.datasets.samplers.seeded_index import SeededIndex
from mmeo.errors import ConfigError, DataError, MissingDataError
from mmeo.models.in_context import (
    EpisodePreprocessor,
    Granularity,
    GranularitySchedule,
)


def episodes(dataset: InContextDataset, number: int, start: int = 0) -> list:
    return [dataset[SeededIndex(i % len(dataset), i)]
            for i in range(start, start + number)]


def equal(a: dict, b: dict) -> bool:
    x, y = a['inputs'], b['inputs']
    tensors = [(x['target'], y['target']),
               *zip(x['prompts'], y['prompts']),
               *zip(x['prompt_labels'], y['prompt_labels']),
               (a['data_samples'].gt_sem_seg.data,
                b['data_samples'].gt_sem_seg.data)]
    same = a['data_samples'].metainfo == b['data_samples'].metainfo
    return same and len(x['prompts']) == len(y['prompts']) and all(
        torch.equal(p, q) for p, q in tensors)


def place_of(image: torch.Tensor) -> int:
    return int(image[2, 0, 0])


def window_of(image: torch.Tensor) -> tuple[int, ...]:
    """Extent of a crop by its own pixels, whatever was flipped."""
    return tuple(int(v) for v in (image[1].min(), image[0].min(),
                                  image[1].max(), image[0].max()))


# reproducible


def test_the_seed_decides_everything(make_dataset) -> None:
    one, two = make_dataset(shots=(1, 3)), make_dataset(shots=(1, 3))
    # What was drawn before makes no difference.
    a = episodes(one, 12)
    b = episodes(two, 12)[::-1]
    c = [two[SeededIndex(i, i)] for i in reversed(range(12))]
    for x, y, z in zip(a, b[::-1], c[::-1]):
        assert equal(x, y) and equal(x, z)
    assert not equal(a[0], one[SeededIndex(0, 99)])


@pytest.mark.parametrize('workers', [0, 2])
def test_a_resumed_run_goes_on_with_any_number_of_workers(
        make_dataset, workers: int) -> None:
    def loader(workers: int):
        return Runner.build_dataloader(dict(
            batch_size=3, num_workers=workers,
            sampler=dict(type='ResumableInfiniteSampler', batch_size=3),
            collate_fn=dict(type='list_collate'),
            dataset=make_dataset(shots=(1, 2))), seed=5)

    whole = loader(0)
    batches = [batch for batch, _ in zip(whole, range(6))]
    resumed = loader(workers)
    resumed.sampler.skip(4 * 3)
    for want, got in zip(batches[4:], resumed):
        assert all(equal(a, b) for a, b in zip(want, got))


# what an episode holds


def test_labels_fit_their_images(make_dataset) -> None:
    """Pixels tell where they are from, so labels can be looked up."""
    for item in episodes(make_dataset(shots=2), 12):
        inputs, sample = item['inputs'], item['data_samples']
        pairs = [(inputs['target'], sample.gt_sem_seg.data[0]),
                 *zip(inputs['prompts'], inputs['prompt_labels'])]
        for image, label in pairs:
            truth = make_label(place_of(image)).astype(int) - 1
            truth[truth < 0] = 255
            x, y = image[0].long(), image[1].long()
            assert (truth[y, x] == label.numpy()).all()


def test_every_shot_shows_a_class_of_the_target(make_dataset) -> None:
    dataset = make_dataset(shots=(1, 3), min_pixels=20)
    numbers = Counter()
    for item in episodes(dataset, 60):
        sample = item['data_samples']
        present = set(sample.gt_sem_seg.data.unique().tolist()) & set(
            sample.episode)
        assert present
        numbers[len(sample.shot_classes)] += 1
        for label, shown in zip(item['inputs']['prompt_labels'],
                                sample.shot_classes):
            pixels = np.bincount(label.flatten(), minlength=256)
            assert shown == tuple(np.flatnonzero(pixels[:254] >= 20))
            assert present & set(shown)
        assert sample.missed_prompts == 0
    assert set(numbers) == {1, 2, 3}


def test_shots_cover_more_classes_together(make_dataset) -> None:
    def covered(shots: int) -> float:
        return np.mean([
            len({c for shown in item['data_samples'].shot_classes
                 for c in shown})
            for item in episodes(make_dataset(shots=shots), 24)])
    assert covered(3) > covered(1) + 0.5


def test_shares_of_kinds(make_dataset) -> None:
    dataset = make_dataset(shots=4, prompt_kinds=dict(mask=.5, point=.5))
    kinds = Counter(kind for item in episodes(dataset, 60)
                    for kind in item['data_samples'].prompt_kinds)
    assert set(kinds) == {'mask', 'point'}
    assert abs(kinds['mask'] / 240 - 0.5) < 0.12


def test_another_crop_of_the_same_image(make_dataset) -> None:
    dataset = make_dataset(same_image_prob=1., max_overlap=.5, shots=2)
    same = 0
    for item in episodes(dataset, 40):
        target = item['inputs']['target']
        y1, x1, y2, x2 = window_of(target)
        for prompt, flag in zip(item['inputs']['prompts'],
                                item['data_samples'].same_image):
            assert (place_of(prompt) == place_of(target)) == flag
            if flag:
                same += 1
                a1, b1, a2, b2 = window_of(prompt)
                cut = (max(0, min(y2, a2) - max(y1, a1) + 1)
                       * max(0, min(x2, b2) - max(x1, b1) + 1))
                assert cut <= .5 * 24 * 24
    assert same > 60


def test_other_images_by_default_of_that_choice(make_dataset) -> None:
    for item in episodes(make_dataset(same_image_prob=0., shots=2), 40):
        assert item['data_samples'].same_image == (False, False)
        for prompt in item['inputs']['prompts']:
            assert place_of(prompt) != place_of(item['inputs']['target'])


def test_the_only_image_of_a_class_shows_another_part(
        tmp_path: Path) -> None:
    write_places(tmp_path, range(1))
    cfg = source_cfg(tmp_path)
    dataset = InContextDataset(dict(a=cfg), same_image_prob=0.)
    found = episodes(dataset, 10)
    assert all(item['data_samples'].same_image == (True, ) for item in found)
    # Nothing else than the target itself: that is no example.
    dataset = InContextDataset(dict(a=source_cfg(tmp_path, crop=SIZE)))
    (item, ) = episodes(dataset, 1)
    assert item['data_samples'].missed_prompts == 1
    assert item['data_samples'].shot_classes == ((), )
    assert (item['inputs']['prompt_labels'][0] == 255).all()
    batch = EpisodePreprocessor()([item], training=True)['inputs']
    assert not batch.visual_valid().any() and batch.class_valid.any()


# two sensors


@pytest.fixture
def pair(places: Path) -> dict:
    return dict(optical=source_cfg(places, paired='radar'),
                radar=source_cfg(places, 's1', paired='optical'))


def test_examples_of_the_other_sensor(make_dataset, pair: dict) -> None:
    dataset = make_dataset(datasets=pair, cross_modal_prob=1.,
                           same_image_prob=0.)
    assert len(dataset) == 24
    for item in episodes(dataset, 24):
        sample = item['data_samples']
        assert {sample.modality, *sample.prompt_modalities} == {'hr', 's1'}
        assert len(item['inputs']['prompts'][0]) == dict(hr=3, s1=2)[
            sample.prompt_modalities[0]]
        assert sample.same_image == (False, )
        assert Path(sample.prompt_paths[0]).stem != Path(
            sample.img_path).stem
    share = np.mean([
        item['data_samples'].prompt_modalities[0] !=
        item['data_samples'].modality
        for item in episodes(make_dataset(datasets=pair), 200)])
    assert abs(share - 0.2) < 0.09


def test_the_same_place_by_the_other_sensor(make_dataset, pair: dict) -> None:
    dataset = make_dataset(datasets=pair, cross_modal_prob=1.,
                           same_image_prob=1.)
    found = [item['data_samples'] for item in episodes(dataset, 24)]
    assert np.mean([s.same_image[0] for s in found]) > 0.8
    for sample in found:
        names = {Path(sample.img_path).stem, Path(sample.prompt_paths[0]).stem}
        assert (len(names) == 1) == sample.same_image[0]
        assert sample.modality != sample.prompt_modalities[0]


def test_pairs_are_checked(make_dataset, pair: dict, tmp_path: Path) -> None:
    pair['optical']['paired'] = 'sar'
    with pytest.raises(ConfigError, match="paired='sar'.*optical, radar"):
        make_dataset(datasets=pair)
    pair['optical'] = dict(pair['optical'], paired='radar', metainfo=dict(
        classes=(*CLASSES[:5], 'bus')))
    with pytest.raises(ConfigError, match='other classes'):
        make_dataset(datasets=pair)
    write_places(tmp_path, range(20, 22))
    pair['optical'] = source_cfg(tmp_path, paired='radar')
    with pytest.raises(DataError, match='no image of one has a name'):
        make_dataset(datasets=pair)


# nothing leaks


@pytest.mark.parametrize('spelling', ['oak_tree', 'Oak tree'])
def test_held_out_classes_are_never_seen(make_dataset, places: Path,
                                         spelling: str) -> None:
    dataset = make_dataset(
        dict(hierarchy=str(places / 'tree.json'),
             synonyms=dict(pine_tree=['OAK tree', 'fir'])),
        held_out=(spelling, 'lake'), synonym_prob=1., shots=2)
    preprocessor = EpisodePreprocessor(
        granularity=Granularity(GranularitySchedule(2, tau=10.), .5))
    assert dataset.metainfo['classes'] == ('river', 'pine tree', 'road',
                                           'car')
    names = set()
    for item in episodes(dataset, 60):
        sample = item['data_samples']
        assert not {1, 2} & {*sample.episode, *sum(sample.shot_classes, ())}
        image, label = item['inputs']['target'], sample.gt_sem_seg.data[0]
        truth = make_label(place_of(image))[image[1].long(), image[0].long()]
        hidden = torch.from_numpy((truth == 2) | (truth == 3))
        assert (label[hidden] == 255).all()
        # An ancestor's masks hold none of their pixels either.
        batch = preprocessor([item], training=True)['inputs']
        names |= set(batch.class_names[0])
        height, width = label.shape
        assert (batch.labels[0, :height, :width][hidden] == 255).all()
        for k, prompt in enumerate(item['inputs']['prompts']):
            truth = make_label(place_of(prompt))[
                prompt[1].long(), prompt[0].long()]
            if sample.prompt_kinds[k] == 'mask':
                mask = batch.masks[0, k, :, :height, :width].any(0)
                assert not mask[torch.from_numpy(
                    (truth == 2) | (truth == 3))].any()
    assert names == {'water', 'stream', 'trees', 'fir', 'traffic', 'road',
                     'auto'}


def test_held_out_classes_as_others(make_dataset) -> None:
    dataset = make_dataset(held_out=('lake', ), held_out_as='other')
    values = torch.cat([item['data_samples'].gt_sem_seg.data.flatten()
                        for item in episodes(dataset, 12)]).unique()
    assert 1 not in values and {254, 255} <= set(values.tolist())


def test_background_is_none_of_the_classes(make_dataset) -> None:
    dataset = make_dataset(dict(others=('road', )))
    for item in episodes(dataset, 12):
        sample = item['data_samples']
        assert 4 not in sample.episode
        assert 4 not in sample.gt_sem_seg.data
    assert 'road' not in dataset.metainfo['classes']


def test_unknown_names_are_refused(make_dataset) -> None:
    with pytest.raises(ConfigError, match="held_out.*'laks'.*'lake'"):
        make_dataset(held_out=('laks', ))
    with pytest.raises(ConfigError, match='all its classes are held out'):
        make_dataset(held_out=CLASSES)


# which images


def test_images_without_labels_are_reported(tmp_path: Path,
                                            monkeypatch) -> None:
    write_places(tmp_path, range(4))
    import cv2
    cv2.imwrite(str(tmp_path / 'labels/002.png'),
                np.zeros((SIZE, SIZE), np.uint8))
    said = []
    monkeypatch.setattr(sources, 'print_log',
                        lambda text, *args: said.append(text))
    dataset = InContextDataset(dict(a=source_cfg(tmp_path)))
    assert len(dataset) == 3
    assert '3 of 4 images are targets; 1 show no class' in said[0]
    assert all(place_of(item['inputs']['target']) != 2
               for item in episodes(dataset, 9))


def test_shares_of_data_sets(places: Path, tmp_path: Path) -> None:
    write_places(tmp_path, range(3))
    cfg = dict(many=source_cfg(places), few=source_cfg(tmp_path))

    def shares(**kwargs) -> list[int]:
        order = InContextDataset(cfg, **kwargs)._order
        assert {tuple(row) for row in order.tolist()} >= {
            (1, i) for i in range(3)}
        return np.bincount(order[:, 0]).tolist()

    assert shares() == [12, 3]
    assert shares(balance=0.) == [8, 8]
    assert shares(balance=.5) == [10, 5]
    cfg['few']['repeat'] = 2
    assert shares() == [12, 6]


def test_other_loaders_than_ours(make_dataset, places: Path) -> None:
    """mmseg's transforms, and RGB pictures that come as BGR."""
    pipeline = [
        dict(type='LoadImage'), dict(type='mmseg.LoadAnnotations'),
        dict(type='EpisodeCrop', crop_size=32),
        dict(type='mmcv.Normalize', mean=[0., 0, 0], std=[1., 1, 1],
             to_rgb=True)]
    for item in episodes(make_dataset(dict(pipeline=pipeline)), 4):
        image = item['inputs']['target']
        truth = make_label(place_of(image)).astype(int) - 1
        truth[truth < 0] = 255
        assert (truth[image[1].long(), image[0].long()] ==
                item['data_samples'].gt_sem_seg.data[0].numpy()).all()


# bad input


def test_missing_data_is_named_for_all(places: Path) -> None:
    cfg = dict(a=source_cfg(Path('gone')), b=source_cfg(Path('away')))
    with pytest.raises(MissingDataError, match='(?s)2 of 2.*gone.*away'):
        InContextDataset(cfg, data_root='nowhere')


def test_bad_settings_are_refused(make_dataset, places: Path) -> None:
    with pytest.raises(ConfigError, match='needs `EpisodeCrop`'):
        make_dataset(dict(crop=0))
    make_dataset(dict(crop=0), same_image_prob=0.)
    for bad, message in (
            (dict(negatives='some'), 'negatives'),
            (dict(held_out_as='x'), 'held_out_as'),
            (dict(same_image_prob=1.5), 'same_image_prob=1.5'),
            (dict(balance=2.), 'balance'),
            (dict(num_classes=0), 'num_classes=0'),
            (dict(datasets=[]), '`datasets` is empty'),
            (dict(datasets=[source_cfg(places, name='a')] * 2),
             "called 'a'")):
        with pytest.raises(ConfigError, match=message):
            make_dataset(**bad)
    with pytest.raises(ConfigError, match='SubsetDataset is no data set of'):
        cfg = source_cfg(places)
        cfg.pop('modality')
        make_dataset(datasets=[dict(type='SubsetDataset', dataset=cfg)])
    with pytest.raises(ConfigError, match='0 classes|class names'):
        make_dataset(dict(metainfo=dict(classes=())))
    with pytest.raises(DataError, match='shows a class'):
        make_dataset(dict(pipeline=[
            *source_cfg(places)['pipeline'][:2],
            dict(type='LoadGeoAnnotations',
                 value_map={i: 0 for i in range(7)})]), same_image_prob=0.)


def test_radar_in_linear_units_is_refused(make_dataset,
                                          tmp_path: Path) -> None:
    write_places(tmp_path, range(3))
    import rasterio
    for path in (tmp_path / 'sar').iterdir():
        with rasterio.open(path, 'r+') as file:
            file.write(10**(file.read() / 10))
    cfg = source_cfg(tmp_path, 's1')
    with pytest.raises(DataError, match='sar/.*linear'):
        episodes(make_dataset(datasets=dict(radar=cfg)), 1)


# real data


def test_real_tiles(real_sample, tmp_path: Path, monkeypatch) -> None:
    root = real_sample('semseg/loveda')
    pipeline = [
        dict(type='LoadRaster', dtype='uint8', nodata=None),
        dict(type='NormalizeBands', preset='hr'),
        dict(type='LoadGeoAnnotations'),
        dict(type='EpisodeCrop', crop_size=256)]
    dataset = InContextDataset(dict(loveda=dict(
        type='LoveDADataset', data_root=str(root), pipeline=pipeline,
        others=('background', ), hierarchy='loveda')),
        cache_dir=str(tmp_path), shots=2)
    found = episodes(dataset, 6)
    batch = EpisodePreprocessor()(found, training=True)['inputs']
    assert batch.target_size == (256, 256)
    assert batch.targets['hr'].images.std() > 0.2
    assert 0 not in {i for item in found for i in
                     item['data_samples'].episode}
    # The second run reads the counts of the first.
    monkeypatch.setattr(class_index, 'scan', None)
    again = InContextDataset(dict(loveda=dict(
        type='LoveDADataset', data_root=str(root), pipeline=pipeline)),
        cache_dir=str(tmp_path))
    assert len(again) == len(dataset)
