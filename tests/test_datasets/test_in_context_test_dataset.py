# Copyright (c) mmeo contributors. All rights reserved.
"""Fixed examples for an evaluation: which they are, how they are packed."""

import json

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner
from mmengine.structures import PixelData

from mmeo.datasets import InContextTestDataset
from mmeo.datasets.converters.colours import write_png
from mmeo.datasets.converters.rasters import write_tif
from mmeo.datasets.in_context import test_dataset
from mmeo.datasets.in_context.exemplars import rank_examples
from mmeo.errors import ConfigError, DataError, MissingDataError
from mmeo.evaluation.metrics import InContextMetric
from mmeo.models.in_context.episode_preprocessor import EpisodePreprocessor

CLASSES = ('background', 'water', 'road', 'tree')
RGB = [dict(type='LoadImage'), dict(type='LoadGeoAnnotations')]
NORM = dict(type='mmcv.Normalize', mean=[0, 0, 0], std=[1, 1, 1],
            to_rgb=True)
SIZE = 32


def label_of(number):
    """Classes 0 and 1 everywhere, 2 on some images, 3 on none."""
    label = np.zeros((SIZE, SIZE), np.uint8)
    label[:4 + number] = 1
    if number % 2:
        label[-3:, :3] = 2
    return label


def picture_of(label):
    """Its colour tells the class: red is 10 times the id."""
    picture = np.zeros((*label.shape, 3), np.uint8)
    picture[..., 0] = 10 * label
    return picture


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp('tree')
    for split, numbers in (('train', range(12)), ('test', range(3))):
        for number in numbers:
            label = label_of(number)
            write_png(folder / 'img_dir' / split / f'{number}.png',
                      picture_of(label))
            write_png(folder / 'ann_dir' / split / f'{number}.png', label)
            write_tif(folder / 'sar' / split / f'{number}.tif',
                      np.full((SIZE, SIZE, 2), -number, np.float32),
                      ('VV', 'VH'))
    return folder


def part(root, split, pipeline=(*RGB, NORM), **kwargs):
    return dict(type='GeoSegDataset', data_root=str(root), splits=split,
                metainfo=dict(classes=CLASSES), pipeline=list(pipeline),
                test_mode=True, **kwargs)


def build(root, **kwargs):
    kwargs.setdefault('exemplars', part(root, 'train'))
    kwargs.setdefault('min_pixels', 9)
    return InContextTestDataset(part(root, 'test'), **kwargs)


def batch_of(samples):
    preprocessor = EpisodePreprocessor()
    return preprocessor(list(samples))


# -- which examples -----------------------------------------------------


def test_few_shots_lie_inside_more(root):
    chosen = {}
    for shots in (1, 2, 4, 8):
        data = build(root, shots=shots)
        data.full_init()
        chosen[shots] = data.chosen
    for few, more in ((1, 2), (2, 4), (4, 8)):
        for name in CLASSES:
            assert chosen[more][name][:few] == chosen[few][name]
    assert len(set(chosen[8]['water'])) == 8


def test_choice_depends_on_seed_and_names_alone():
    counts = np.array([50, 0, 3, 40, 60, 30, 20, 45])
    names = list('abcdefgh')
    order = rank_examples(counts, names, 10, seed=1)
    assert sorted(order) == [0, 2, 3, 4, 5, 6, 7]
    # The upper half first, then by size, fair ones before others.
    assert set(order[:3]) == {0, 4, 7}
    assert order[3:] == [3, 5, 6, 2]
    turned = rank_examples(counts[::-1], names[::-1], 10, seed=1)
    assert [names[::-1][i] for i in turned] == [names[i] for i in order]
    others = {tuple(rank_examples(counts, names, 10, s)) for s in range(9)}
    assert len(others) > 1
    assert rank_examples(np.zeros(3, int), list('abc'), 10, 0) == []


def test_examples_of_a_class_do_not_depend_on_the_others(root):
    every, some = build(root, shots=2), build(root, shots=2,
                                              classes=('road', 'water'))
    every.full_init(), some.full_init()
    for name in ('road', 'water'):
        assert every.chosen[name] == some.chosen[name]


def test_file_of_examples_reproduces_them(root, tmp_path):
    data = build(root, shots=4, seed=5)
    path = data.write_exemplars(tmp_path / 'sub' / 'four.json')
    assert json.loads(path.read_text())['seed'] == 5
    again = build(root, shots=2, seed=0, exemplar_file=str(path))
    again.full_init()
    assert again.seed == 5
    assert again.chosen == {n: v[:2] for n, v in data.chosen.items()}
    assert again[0]['data_samples'].prompt_paths[:3] == \
        data[0]['data_samples'].prompt_paths[:3]


def test_file_of_examples_says_what_is_wrong(root, tmp_path):
    with pytest.raises(MissingDataError, match='choose_exemplars.py'):
        build(root, exemplar_file=str(tmp_path / 'no.json')).full_init()
    path = tmp_path / 'bad.json'
    for text, message in (
            ('[1]', 'no list of examples'),
            ('{"seed": 0, "classes": {"water": ["train/99"]}}',
             r"\['background', 'road', 'tree'\].*train/99")):
        path.write_text(text)
        with pytest.raises(DataError, match=message):
            build(root, exemplar_file=str(path)).full_init()


def test_reports_what_lacks_examples(root, monkeypatch):
    said = []
    # mmengine's logger says a warning once in a process.
    monkeypatch.setattr(test_dataset, 'print_log',
                        lambda text, *args, **kwargs: said.append(text))
    data = build(root, shots=8, min_pixels=100)
    data.full_init()
    assert data.missing == ('tree', )
    none, small, few = said
    assert '1 of 4 classes have no example' in none and "['tree']" in none
    assert 'with 100 pixels; their largest examples are taken' in small
    assert "fewer examples than the 8 asked for: ['road']" in few


def test_examples_of_the_set_itself_are_no_targets(root):
    data = InContextTestDataset(part(root, 'train'), shots=2, min_pixels=9)
    examples = {shot.path for shot in data.shots_of} if len(data) else set()
    targets = {data.get_data_info(i)['img_path'] for i in range(len(data))}
    assert examples and not examples & targets
    assert len(examples) + len(targets) == 12


def test_examples_of_each_target_differ(root):
    data = InContextTestDataset(part(root, 'train'), shots=2, min_pixels=9,
                                exemplar_policy='per_target')
    assert len(data) == 12
    paths = [data[i]['data_samples'].prompt_paths for i in range(12)]
    assert len(set(paths)) > 6
    for i, shown in enumerate(paths):
        assert data.get_data_info(i)['img_path'] not in shown
    assert data[3]['data_samples'].prompt_paths == paths[3]
    assert data[3]['data_samples'].get('prompt_key') is None
    with pytest.raises(ConfigError, match='only shared examples'):
        data.write_exemplars('x.json')


@pytest.mark.parametrize('kind', ['mask', 'box', 'point'])
def test_a_target_can_be_its_own_example(root, kind):
    data = InContextTestDataset(part(root, 'train'), prompt_kind=kind,
                                exemplar_policy='intra')
    assert len(data) == 12
    samples = [data[3], data[4]]
    for sample in samples:
        said = sample['data_samples']
        assert said.prompt_paths == (said.img_path, )
        assert said.shot_classes == ((0, 1, 2, 3), )
        example, = sample['inputs']['prompts']
        assert torch.equal(example, sample['inputs']['target'])
    assert samples[0]['data_samples'].seed != samples[1]['data_samples'].seed
    batch = batch_of(samples)['inputs']
    assert batch.masks.shape == (2, 1, 4, SIZE, SIZE)
    # `road` is on images of odd numbers, `tree` on none.
    assert batch.visual_valid().tolist() == [[True, True, True, False],
                                             [True, True, False, False]]
    if kind == 'mask':
        # The images are in the order of their names: 0, 1, 10, 11, 2.
        label = torch.from_numpy(label_of(11))
        for n in range(4):
            assert torch.equal(batch.masks[0, 0, n], label == n)


# -- what is packed -----------------------------------------------------


def test_sample_holds_what_was_asked_for(root):
    data = build(root, shots=2)
    sample = data[1]
    said = sample['data_samples']
    assert said.episode == (0, 1, 2, 3)
    assert said.class_paths == tuple((n, ) for n in CLASSES)
    # Two of each, none of `tree`, the first of each before the second.
    assert said.shot_classes == ((0, ), (1, ), (2, )) * 2
    assert said.prompt_kinds == ('mask', ) * 6
    assert sample['inputs']['target'].shape == (3, SIZE, SIZE)
    np.testing.assert_array_equal(said.gt_sem_seg.data[0], label_of(1))
    # RGB: red is the first channel.
    assert (sample['inputs']['target'][0] == 10 * said.gt_sem_seg.data[0]
            ).all()


def test_an_example_shows_its_class_alone(root):
    data = build(root)
    batch = batch_of([data[0]])['inputs']
    images = batch.prompts['hr'].images
    for k, shown in enumerate(data[0]['data_samples'].shot_classes):
        for n in range(4):
            mask = batch.masks[0, k, n]
            assert mask.any() == (n in shown)
            assert (images[k, 0][mask] == 10 * n).all()
    assert batch.visual_valid()[0].tolist() == [True, True, True, False]


def test_shared_examples_are_read_once(root, monkeypatch):
    data = build(root, shots=2, prompt_kind='point')
    first, second = data[0], data[2]
    for a, b in zip(first['inputs']['prompts'], second['inputs']['prompts']):
        assert a is b
    assert first['data_samples'].prompt_key == \
        second['data_samples'].prompt_key
    batch = batch_of([first, second])['inputs']
    assert len(set(batch.prompt_keys)) == 1
    assert torch.equal(batch.masks[0], batch.masks[1])  # the same points
    for other in (dict(shots=1, prompt_kind='point'), dict(shots=2),
                  dict(shots=2, prompt_kind='point', seed=1)):
        assert build(root, **other)[0]['data_samples'].prompt_key != \
            first['data_samples'].prompt_key


def test_crops_show_the_class(root):
    crop = dict(type='EpisodeCrop', crop_size=8)
    data = build(root, exemplars=part(root, 'train', (*RGB, crop, NORM)))
    sample = data[0]
    for image, label, shown in zip(
            sample['inputs']['prompts'], sample['inputs']['prompt_labels'],
            sample['data_samples'].shot_classes):
        assert image.shape == (3, 8, 8)
        assert (label == shown[0]).sum() >= 6
    np.random.seed(99)
    again = build(root, exemplars=part(root, 'train', (*RGB, crop, NORM)))[0]
    for a, b in zip(sample['inputs']['prompts'], again['inputs']['prompts']):
        assert torch.equal(a, b)


def test_examples_of_another_sensor(root):
    sar = part(root, 'train',
               [dict(type='LoadRaster'), dict(type='LoadGeoAnnotations')],
               data_prefix=dict(img_path='sar', seg_map_path='ann_dir'),
               img_suffix='.tif')
    data = build(root, exemplars=sar, exemplar_modality='s1')
    batch = batch_of([data[0]])['inputs']
    assert batch.targets['hr'].images.shape[1] == 3
    assert batch.prompts['s1'].images.shape[:2] == (3, 2)


def test_examples_of_another_legend(root):
    """Classes are matched by name, in any order and spelling."""
    other = part(root, 'train')
    other['metainfo'] = dict(classes=('Water', 'background', 'RAIL', 'tree'))
    data = build(root, exemplars=other)
    batch = batch_of([data[0]])['inputs']
    # Their 0 is our water, their 1 our background; road has no example.
    assert data.missing == ('road', 'tree')
    images = batch.prompts['hr'].images
    assert data[0]['data_samples'].shot_classes == ((0, ), (1, ))
    assert (images[0, 0][batch.masks[0, 0, 0]] == 10).all()
    assert (images[1, 0][batch.masks[0, 1, 1]] == 0).all()


def test_some_classes_or_no_background(root):
    some = build(root, classes=('road', 'water'))[0]['data_samples']
    assert some.episode == (2, 1)
    assert set(np.unique(some.gt_sem_seg.data)) == {0, 1}
    bare = build(root, ignore_background=True)[0]['data_samples']
    assert bare.episode == (1, 2, 3)
    assert set(np.unique(bare.gt_sem_seg.data)) == {1, 255}


def test_says_what_is_wrong(root):
    for wrong, message in (
            (dict(shots=0), 'shots=0'),
            (dict(prompt_kind='scribble'), 'scribble'),
            (dict(exemplar_policy='own'), "'own' is none of"),
            (dict(exemplar_policy='intra'), 'its own single example'),
            (dict(classes=('lake', )), r"asks for \['lake'\]"),
            (dict(exemplar_policy='per_target', exemplar_file='a.json'),
             'holds shared examples')):
        with pytest.raises(ConfigError, match=message):
            build(root, **wrong)
    other = part(root, 'test')
    other['metainfo'] = dict(classes=('land', 'water', 'road', 'tree'))
    with pytest.raises(ConfigError, match="no class is called 'background'"):
        InContextTestDataset(other, ignore_background=True)
    with pytest.raises(DataError, match='none is left as target'):
        len(InContextTestDataset(part(root, 'test'), shots=3, min_pixels=1))
    packed = part(root, 'train', RGB)
    with pytest.raises(ConfigError, match='NormalizeBands'):
        build(root, exemplars=packed)[0]


# -- with loader, model and metric --------------------------------------


def test_a_perfect_answer_scores_100(root):
    """From files to the metric through workers and the preprocessor."""
    loader = Runner.build_dataloader(dict(
        batch_size=2, num_workers=2,
        sampler=dict(type='DefaultSampler', shuffle=False),
        collate_fn=dict(type='list_collate'), dataset=dict(
            type='InContextTestDataset', dataset=part(root, 'test'),
            exemplars=part(root, 'train'), classes=('water', 'road'),
            min_pixels=9)))
    metric = InContextMetric()
    metric.dataset_meta = loader.dataset.metainfo
    preprocessor = EpisodePreprocessor()
    for data in loader:
        batch = preprocessor(data)
        samples = batch['data_samples']
        assert batch['inputs'].class_names[0] == ('water', 'road')
        for sample in samples:
            label = sample.gt_sem_seg.data
            answer = torch.full_like(label, 254)
            answer[label == 1], answer[label == 2] = 0, 1
            for mode in metric.modes:
                sample.set_field(PixelData(data=answer), f'pred_{mode}')
        metric.process({}, [sample.to_dict() for sample in samples])
    scores = metric.evaluate(3)
    assert scores['fused/mIoU'] == scores['visual/mIoU'] == 100
    assert scores['fused/absent'] == 2


def test_model_answers(root, repo_root):
    """The small model: all modes in one run, prompts encoded once."""
    from mmeo.registry import MODELS
    cfg = Config.fromfile(repo_root / 'configs/_base_/models/vita_tiny.py')
    cfg.model.test_cfg = dict(modes=('visual', 'textual', 'fused'),
                              crop_size=SIZE, stride=SIZE)
    model = MODELS.build(cfg.model).eval()
    encoded = []
    encode = model.encode_prompt
    model.encode_prompt = lambda *args: encoded.append(1) or encode(*args)
    data = build(root, shots=2)
    metric = InContextMetric()
    metric.dataset_meta = data.metainfo
    for first in (0, 1):
        metric.process({}, [s.to_dict() for s in model.test_step(
            [data[first], data[first + 1]])])
    scores = metric.evaluate(4)
    assert len(encoded) == 1
    assert 0 <= scores['textual/mIoU'] <= 100
    assert scores['visual/absent'] == 1
