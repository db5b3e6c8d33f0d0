# Copyright (c) mmeo contributors. All rights reserved.
"""Prompts by people: what is asked for, what is written, what is refused."""

import json
import resource
import warnings
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import rasterio
import torch
from mmengine.config import Config
from mmengine.structures import PixelData
from rasterio.errors import NotGeoreferencedWarning

from mmeo.apis import PromptInferencer
from mmeo.apis.prompt_batch import example_windows
from mmeo.apis.prompt_inputs import PromptImage
from mmeo.apis.prompt_model import find_norms
from mmeo.apis.prompt_outputs import LabelWriter
from mmeo.apis.prompt_request import Shot, make_request
from mmeo.builder import build
from mmeo.datasets.band_norm import BandNorm
from mmeo.errors import ConfigError, DataError, MissingDataError
from mmeo.structures import EpisodeSample

TINY = 'configs/_base_/models/vita_tiny.py'
HR, S1 = BandNorm(preset='hr'), BandNorm(preset='s1')
rng = np.random.default_rng(0)


def picture(height=40, width=56):
    return rng.integers(0, 255, (height, width, 3), dtype=np.uint8)


def halves(height=40, width=56):
    """Class 1 above, class 2 below, a strip of none between."""
    mask = np.zeros((height, width), np.uint8)
    mask[:height // 2 - 2], mask[height // 2 + 2:] = 1, 2
    return mask


def radar(height=40, width=56):
    return rng.normal(-14, 3, (height, width, 2)).astype(np.float32)


def write_raster(path, image, **profile):
    image = image[..., None] if image.ndim == 2 else image
    height, width, count = image.shape
    profile = dict(dict(
        crs='EPSG:32630', transform=rasterio.Affine(
            0.6, 0, 500000, 0, -0.6, 4200000)), **profile)
    with warnings.catch_warnings():
        warnings.simplefilter('ignore', NotGeoreferencedWarning)
        with rasterio.open(path, 'w', driver='GTiff', height=height,
                           width=width, count=count, dtype=image.dtype,
                           **profile) as dst:
            dst.write(image.transpose(2, 0, 1))
    return str(path)


@pytest.fixture(scope='module')
def cfg(repo_root):
    return Config.fromfile(repo_root / TINY)


@pytest.fixture(scope='module')
def model(cfg):
    torch.manual_seed(0)
    return build(cfg.model)


@pytest.fixture(scope='module')
def inferencer(model):
    return PromptInferencer(model, device='cpu', crop_size=64, stride=48)


def scores_of(result):
    return result['predictions'][0]['scores']


def image_of(array, modality='hr', **kwargs):
    return PromptImage(array, modality, HR if modality == 'hr' else S1,
                       **kwargs)


# what comes out ------------------------------------------------------------


@pytest.mark.parametrize('size, divisor', [((160, 128), 32), ((150, 131), 1)])
def test_strips_equal_sliding_over_the_whole(inferencer, model, size, divisor,
                                             monkeypatch):
    monkeypatch.setattr(model.data_preprocessor, 'pad_divisor', divisor)
    target, example = picture(*size), picture()
    result = inferencer(target, example=example, mask=halves(),
                        text=['road', 'water'], return_scores=True)
    whole = _predict(model, torch.from_numpy(image_of(target).read()[0]),
                     example, halves(), ('road', 'water'), crop_size=64,
                     stride=48)
    np.testing.assert_allclose(scores_of(result), whole, atol=1e-5)
    labels = result['predictions'][0]['labels']
    np.testing.assert_array_equal(labels, whole.argmax(0) + 1)
    assert result['predictions'][0]['counts'] == np.bincount(
        labels.ravel(), minlength=3).tolist()


def _predict(model, target, example, mask, names, **test_cfg):
    """The path of evaluation: preprocessor, then ``predict``."""
    sample = EpisodeSample(
        gt_sem_seg=PixelData(data=torch.zeros(1, *target.shape[-2:])))
    sample.set_metainfo(dict(
        modality='hr', dataset_classes=names, episode=(0, 1),
        prompt_modalities=('hr', ), ori_shape=target.shape[-2:]))
    masks = torch.stack([torch.from_numpy(mask == i + 1)
                         for i in range(len(names))])
    data = model.data_preprocessor([dict(
        inputs=dict(target=target, prompt_masks=[masks],
                    prompts=[torch.from_numpy(image_of(example).read()[0])]),
        data_samples=sample)])
    old, model.test_cfg = model.test_cfg, dict(model.test_cfg, **test_cfg)
    try:
        found = model.eval().predict(**data, mode='fused')[0]
    finally:
        model.test_cfg = old
    return found.seg_logits.data.numpy()


def test_small_image_equals_evaluation(inferencer, model):
    """Padding is that of training: 37 x 45 is no multiple of 32."""
    target, example = picture(37, 45), picture(33, 51)
    result = inferencer(target, example=example, mask=halves(33, 51),
                        text=['road', 'water'], return_scores=True)
    expected = _predict(model, torch.from_numpy(image_of(target).read()[0]),
                        example, halves(33, 51), ('road', 'water'))
    np.testing.assert_allclose(scores_of(result), expected, atol=1e-5)


def test_order_of_names_permutes_labels(inferencer):
    target, example, mask = picture(), picture(), halves()
    mask[:6, :6] = 3
    names, values = ['road', 'water', 'crop'], dict(road=1, water=2, crop=3)
    ask = partial(inferencer, target, example=example, mask=mask,
                  values=values, return_scores=True)
    first, second = ask(text=names), ask(text=names[::-1])
    np.testing.assert_allclose(scores_of(second), scores_of(first)[::-1],
                               atol=1e-5)
    a, b = (r['predictions'][0]['labels'] for r in (first, second))
    np.testing.assert_array_equal(b, 4 - a)


def test_a_box_is_a_filled_mask_and_names_may_differ_in_case(inferencer):
    target, example = picture(), picture()
    mask = np.zeros((40, 56), np.uint8)
    mask[5:20, 10:30] = 1
    by_mask = inferencer(target, example=example, mask=mask,
                         text='Bare_Land', return_scores=True)
    by_box = inferencer(target, example=example, text='Bare_Land',
                        boxes={'bare land': (10, 5, 30, 20)},
                        return_scores=True)
    np.testing.assert_array_equal(scores_of(by_mask), scores_of(by_box))
    assert by_box['predictions'][0]['classes'] == ('Bare Land', )


def test_points_are_disks_as_large_as_in_training():
    image = image_of(picture(128, 128))
    shot = make_request([image], points=dict(tree=[(20, 30), (90, 90)])
                        ).shots[0]
    # 8 pixels in an image of 512.
    rows, cols = np.nonzero(shot.masks[0, :60, :60])
    assert (rows.min(), rows.max(), cols.min(), cols.max()) == (
        28, 32, 18, 22)
    assert shot.points == {0: [(20, 30), (90, 90)]}


def test_two_shots_are_averaged(inferencer):
    """Twice the same example is that example."""
    target, example = picture(), picture()
    one = inferencer(target, example=example, mask=halves(),
                     return_scores=True)
    two = inferencer(target, example=[example, example],
                     mask=[halves(), halves()], return_scores=True)
    other = inferencer(target, example=[example, picture()],
                       mask=[halves(), halves()], return_scores=True)
    np.testing.assert_allclose(scores_of(two), scores_of(one), atol=1e-5)
    assert not np.allclose(scores_of(other), scores_of(one), atol=1e-5)


def test_shots_of_different_size_and_kind(inferencer):
    result = inferencer(
        picture(), example=[picture(), picture(64, 30)],
        mask=[halves(), None],
        boxes=[None, dict(water=[(0, 0, 10, 10)])], text=['road', 'water'])
    assert result['predictions'][0]['mode'] == 'fused'


def test_optical_example_for_a_radar_target(inferencer, model):
    ask = partial(inferencer, radar(), example=picture(), mask=halves(),
                  modality='s1', example_modality='hr')
    assert ask()['predictions'][0]['labels'].min() >= 1
    model.shared_space = False
    try:
        with pytest.raises(DataError, match='no feature space for both'):
            ask()
        # Names alone need none.
        ask(text=['water', 'road'], mode='textual')
    finally:
        model.shared_space = True


def test_modes_follow_from_what_is_given(inferencer):
    target, example = picture(), picture()
    for expected, given in (
            ('visual', dict(example=example, mask=halves())),
            ('textual', dict(text=['road'])),
            ('fused', dict(example=example, mask=halves(),
                           text=['road', 'water']))):
        result = inferencer(target, **given)['predictions'][0]
        assert result['mode'] == expected
    result = inferencer(target, example=example, mask=halves())
    assert result['predictions'][0]['classes'] == ('class 1', 'class 2')


def test_visual_mode_does_not_find_what_no_example_shows(inferencer):
    ask = partial(inferencer, picture(), example=picture(), mask=halves(),
                  text=['road', 'water', 'crop'])
    with pytest.warns(UserWarning, match='no example shows crop'):
        result = ask(mode='visual')['predictions'][0]
    assert result['unfindable'] == ('crop', )
    assert result['counts'][3] == 0 and result['labels'].min() >= 1
    assert ask()['predictions'][0]['unfindable'] == ()


def test_background_by_score_and_by_name(inferencer):
    ask = partial(inferencer, picture(), text=['road', 'other'],
                  return_scores=True)
    plain = ask()
    best, labels = scores_of(plain).max(0), scores_of(plain).argmax(0) + 1
    middle = float(np.median(best))
    found = ask(background=middle)['predictions'][0]['labels']
    np.testing.assert_array_equal(found, np.where(best < middle, 0, labels))
    assert 0 < (found == 0).mean() < 1
    named = ask(background='Other')['predictions'][0]['labels']
    np.testing.assert_array_equal(named, np.where(labels == 2, 0, labels))
    with pytest.raises(DataError, match="'sea' is none of the classes"):
        ask(background='sea')


def test_prompt_is_encoded_once(inferencer, model, monkeypatch):
    calls = []
    encode = model.encode_prompt
    monkeypatch.setattr(model, 'encode_prompt', lambda *a: calls.append(
        1) or encode(*a))
    inferencer([picture(150, 70), picture(70, 70)], example=picture(),
               mask=halves())
    assert len(calls) == 1


# files ---------------------------------------------------------------------


def test_map_lies_where_its_image_lies(inferencer, real_sample, tmp_path):
    """A real scene with an irregular valid area."""
    path, out = real_sample('ms_sar/rasterio_rgb_byte/RGB.byte.tif'), \
        tmp_path / 'sub' / 'map.tif'
    wide = PromptInferencer(inferencer.model, device='cpu', crop_size=288,
                            stride=288, palette=dict(water=(1, 2, 3)))
    result = wide(path, text=['land', 'water'], out=str(out))
    labels = result['predictions'][0]['labels']
    with rasterio.open(path) as src, rasterio.open(out) as dst:
        assert (dst.crs, dst.transform, dst.shape) == (
            src.crs, src.transform, src.shape)
        assert dst.profile['tiled'] and dst.compression.name == 'deflate'
        assert dst.nodata == 0 and dst.dtypes == ('uint8', )
        assert json.loads(dst.tags()['classes']) == {
            '1': 'land', '2': 'water'}
        assert dst.tags()['mode'] == 'textual'
        assert dst.colormap(1)[2] == (1, 2, 3, 255)
        np.testing.assert_array_equal(dst.read(1), labels)
        empty = (src.read() == 0).all(0)
    np.testing.assert_array_equal(labels == 0, empty)
    assert [p.name for p in out.parent.iterdir()] == ['map.tif']


def test_real_example_with_its_mask(inferencer, real_sample):
    folder = real_sample('semseg/zurich_trees')
    example, target = (folder / 'images' / f'1091-322_{k}.tif'
                       for k in ('00', '05'))
    result = inferencer(target, example=example, text=['tree'],
                        mask=folder / 'labels' / '1091-322_00.tif',
                        return_vis=True)
    assert result['predictions'][0]['crs'].to_epsg() == 2056
    assert result['visualization'][0].shape[0] > 300


def test_real_radar_in_db_and_in_linear_units(inferencer, real_sample,
                                              tmp_path):
    path = real_sample('ms_sar/sen1floods11/S1/Spain_7370579_S1Hand.tif')
    with rasterio.open(path) as src:
        crop = src.read(window=((100, 180), (100, 180))).transpose(1, 2, 0)
    good = write_raster(tmp_path / 'db.tif', crop, nodata=np.nan)
    inferencer(good, text=['water'], modality='s1')
    bad = write_raster(tmp_path / 'linear.tif', 10**(crop / 10))
    with pytest.raises(DataError, match='linear'):
        inferencer(bad, text=['water'], modality='s1')
    with pytest.raises(DataError, match="2 band.*'hr' needs red"):
        inferencer(good, text=['water'])


def test_bands_by_number_name_and_colour(tmp_path):
    image = picture(8, 9)
    extra = np.concatenate((image[..., ::-1], image[..., :1] // 2), -1)
    path = write_raster(tmp_path / 'bgrn.tif', extra, photometric='minisblack')
    expected = image_of(image).read()[0]
    with pytest.raises(DataError, match='--bands'):
        image_of(path)
    np.testing.assert_array_equal(
        image_of(path, bands=[3, 2, 1]).read()[0], expected)
    with rasterio.open(path, 'r+') as dst:
        dst.descriptions = ('blue', 'green', 'red', 'nir')
    for bands in (None, ['red', 'green', 'blue']):
        np.testing.assert_array_equal(
            image_of(path, bands=bands).read()[0], expected)
    # What a painter's program writes: red, green, blue, opacity.
    with_alpha = np.concatenate((image, np.full((8, 9, 1), 255, 'u1')), -1)
    path = write_raster(tmp_path / 'rgba.tif', with_alpha,
                        photometric='rgb')
    np.testing.assert_array_equal(image_of(path).read()[0], expected)


def test_windows_of_a_raster_are_those_of_the_array(tmp_path):
    image = picture(50, 60)
    image[:10, :20] = 0
    path = write_raster(tmp_path / 'a.tif', image, nodata=0)
    raster, array = image_of(path), image_of(image, nodata=0)
    for window in ((0, 0, 50, 60), (5, 7, 20, 31)):
        for a, b in zip(raster.read(*window), array.read(*window)):
            np.testing.assert_array_equal(a, b)
    assert raster.read()[1].sum() == 200
    assert raster.preview(25)[0].shape == (21, 25, 3)


def test_nodata_is_not_predicted_and_does_not_prompt(inferencer, tmp_path):
    image = picture()
    image[:, 30:] = 0
    path = write_raster(tmp_path / 'a.tif', image, nodata=0)
    found = inferencer(path, text=['road'])['predictions'][0]['labels']
    np.testing.assert_array_equal(found[:, 30:], 0)
    assert found[:, :30].min() == 1
    with pytest.raises(DataError, match='no data'):
        inferencer(picture(), example=path,
                   boxes=dict(road=(31, 0, 50, 20)))


def test_several_targets_and_pictures(inferencer, tmp_path):
    paths = [write_raster(tmp_path / f'{k}.tif', picture()) for k in 'ab']
    result = inferencer(paths, text=['road'], out=str(tmp_path / 'maps'),
                        show_dir=str(tmp_path / 'show'), return_labels=False)
    assert sorted(p.name for p in (tmp_path / 'maps').iterdir()) == [
        'a.tif', 'b.tif']
    assert sorted(p.name for p in (tmp_path / 'show').iterdir()) == [
        'a.png', 'b.png']
    assert result['predictions'][0]['labels'] is None
    with pytest.raises(ConfigError, match='several a folder'):
        inferencer(paths, text=['road'], out=str(tmp_path / 'one.tif'))


def test_ground_control_points_stay(tmp_path):
    from rasterio.control import GroundControlPoint as Point
    path = write_raster(tmp_path / 'a.tif', picture(), crs=None,
                        transform=None)
    points = [Point(0, 0, 3.0, 50.0), Point(0, 55, 3.1, 50.0),
              Point(39, 0, 3.0, 49.9)]
    with rasterio.open(path, 'r+') as dst:
        dst.gcps = (points, rasterio.CRS.from_epsg(4326))
    with LabelWriter(tmp_path / 'm.tif', image_of(path), {1: 'a'},
                     [(9, 9, 9)]) as writer:
        writer.write(np.ones((40, 56), np.uint8))
    with rasterio.open(tmp_path / 'm.tif') as src:
        found, crs = src.gcps
    assert crs.to_epsg() == 4326
    assert [(p.x, p.y) for p in found] == [(p.x, p.y) for p in points]


def test_rows_arrive_whole_whatever_their_number(tmp_path):
    image = image_of(np.zeros((700, 300, 3), np.uint8))
    labels = rng.integers(0, 3, (700, 300), dtype=np.uint8)
    with LabelWriter(tmp_path / 'm.tif', image, {1: 'a', 2: 'b'},
                     [(9, 9, 9), (8, 8, 8)]) as writer:
        for start in range(0, 700, 170):
            writer.write(labels[start:start + 170])
    with rasterio.open(tmp_path / 'm.tif') as src:
        np.testing.assert_array_equal(src.read(1), labels)


def test_a_failure_leaves_no_output(inferencer, tmp_path, monkeypatch):
    from mmeo.apis import prompt_inferencer
    calls = []

    def fail(*args, **kwargs):
        calls.append(1)
        if len(calls) > 1:
            raise RuntimeError('out of memory')
        return to_labels(*args, **kwargs)

    to_labels = prompt_inferencer.to_labels
    monkeypatch.setattr(prompt_inferencer, 'to_labels', fail)
    with pytest.raises(RuntimeError):
        inferencer(picture(150, 60), text=['road'],
                   out=str(tmp_path / 'm.tif'))
    assert len(calls) == 2 and not list(tmp_path.iterdir())


def test_a_full_disk_leaves_no_output(tmp_path):
    labels = rng.integers(0, 200, (700, 700), dtype=np.uint8)
    image = image_of(np.zeros((700, 700, 3), np.uint8))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(DataError, match='m.tif cannot be written'), \
                LabelWriter(tmp_path / 'm.tif', image, {1: 'a'},
                            [(9, 9, 9)]) as writer:
            writer.write(labels)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not list(tmp_path.iterdir())


def test_large_example_becomes_shots_that_show_each_class():
    masks = np.zeros((3, 128, 128), bool)
    masks[0] = True
    masks[1, 70:75, 100:105] = True
    shot = Shot(image_of(picture(128, 128)), masks)
    with pytest.warns(UserWarning, match='of 16 windows with marks 4 are'):
        windows = example_windows(shot, 32, limit=4)
    assert (64, 96, 32, 32) in windows and len(set(windows)) == 4
    assert example_windows(shot, 128, limit=4) == [(0, 0, 128, 128)]
    masks[0] = False
    assert example_windows(shot, 32, limit=4) == [(64, 96, 32, 32)]


# model and statistics ------------------------------------------------------


def test_config_and_weights_give_the_same_model(repo_root, model, tmp_path):
    weights = tmp_path / 'w.pth'
    torch.save(dict(state_dict=model.state_dict()), weights)
    target = picture()
    again = PromptInferencer(repo_root / TINY, str(weights), device='cpu')
    first = PromptInferencer(model, device='cpu')
    a, b = (scores_of(one(target, text=['road'], return_scores=True))
            for one in (first, again))
    np.testing.assert_array_equal(a, b)
    with pytest.raises(ConfigError, match='no weights'):
        PromptInferencer(repo_root / TINY)


def test_no_model_for_prompts_and_unknown_name():
    with pytest.raises(ConfigError, match='takes no prompts'):
        PromptInferencer(torch.nn.Linear(1, 1))
    with pytest.raises(ConfigError, match='no config has this name'):
        PromptInferencer('vita_of_nowhere')
    with pytest.raises(ConfigError, match='leave gaps'):
        PromptInferencer(_Prompted(), crop_size=64, stride=65)


class _Prompted(torch.nn.Module):
    modalities, test_cfg, data_preprocessor = ('hr', ), {}, None

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))

    def encode_prompt(self):
        raise NotImplementedError


def test_statistics_are_those_of_training(repo_root):
    cfg = Config.fromfile(
        repo_root / 'configs/_base_/datasets/incontext_synthearth.py')
    norms, notes = find_norms(cfg, ('hr', 's1'))
    assert norms['s1'].unit == 'db' and not notes
    mine = dict(mean=[1.] * 3, std=[2.] * 3, unit='8bit')
    datasets = dict(
        a=dict(modality='hr', pipeline=[dict(type='NormalizeBands', **mine)]),
        b=dict(pipeline=[dict(type='NormalizeBands', preset='s1',
                              unit='linear')]))
    cfg = dict(train_dataloader=dict(dataset=dict(datasets=datasets)))
    norms, notes = find_norms(cfg, ('hr', 's1'))
    assert norms['hr'].mean.tolist() == [1, 1, 1] and not notes
    # Of a data set in linear units, images come in those of the sensor.
    assert (norms['s1'].unit, norms['s1'].stats_unit) == ('db', 'db')
    datasets['c'] = dict(pipeline=[dict(
        type='mmcv.Normalize', mean=[1.] * 3, std=[2.] * 3)])
    find_norms(cfg, ('hr', 's1'))  # the same in other words
    datasets['c']['pipeline'][0]['mean'] = [3.] * 3
    with pytest.raises(ConfigError, match="'hr' in 2 ways"):
        find_norms(cfg, ('hr', 's1'))
    cfg['prompt_norms'] = dict(hr=mine)
    assert find_norms(cfg, ('hr', ))[0]['hr'].unit == '8bit'
    assert find_norms(cfg, ('hr', ), dict(hr='planet'))[0]['hr'].unit == 'dn'


def test_grey_values_of_a_data_set_are_no_decibels(model):
    """The paper's SAR set has tiles of unknown stretch."""
    model.cfg = Config(dict(train_dataloader=dict(dataset=dict(
        modality='s1', pipeline=[dict(
            type='NormalizeBands', mean=[133.2, 156.1], std=[89.8, 95.3])]))))
    try:
        inferencer = PromptInferencer(model, device='cpu')
    finally:
        del model.cfg
    assert inferencer.norms['s1'].unit == 'db'
    inferencer(picture(), text=['road'])
    with pytest.warns(UserWarning, match='statistics of their own'):
        inferencer(radar(), text=['water'], modality='s1')


# what is refused -----------------------------------------------------------

BOX = dict(road=[(0, 0, 5, 5)])
BAD = {
    'no positive pixel': (
        dict(example=0, mask=np.zeros((40, 56), int)), 'no positive pixel'),
    'no mark': (dict(example=0), 'nothing is marked'),
    'mark without example': (dict(mask=halves(), text=['a']),
                             'without the example'),
    'nothing asked': ({}, 'nothing to look for'),
    'empty name': (dict(text=['road', ' ']), 'is empty'),
    'name twice': (dict(text=['road', 'Road']), 'given twice'),
    'boxes named twice': (
        dict(example=0, boxes=dict(a=BOX['road'], b=BOX['road']),
             text=['A', 'a']), 'given twice'),
    'too many classes': (dict(text=['a', 'b', 'c', 'd']),
                         '4 classes are more than the 3'),
    'mask of another size': (dict(example=0, mask=halves(40, 40)),
                             '40 x 40 pixels .* 40 x 56'),
    'fractional mask': (dict(example=0, mask=np.zeros((40, 56))),
                        'integers or bool'),
    'values without a name': (
        dict(example=0, mask=halves() * 3, text=['a', 'b']),
        r'value\(s\) 3, 6'),
    'value of no class': (
        dict(example=0, mask=halves(), text=['a'], values=dict(b=1)),
        "'b', which is no class"),
    'box outside': (dict(example=0, boxes=dict(a=(50, 0, 60, 9))),
                    r'box \(50, 0, 60, 9\) .* 56 x 40'),
    'box reversed': (dict(example=0, boxes=dict(a=(9, 0, 5, 9))),
                     'left top right bottom'),
    'box of three numbers': (dict(example=0, boxes=dict(a=(9, 0, 5))),
                             '4 numbers each'),
    'point outside': (dict(example=0, points=dict(a=[(3, 40)])),
                      r'point \(3, 40\)'),
    'box of an unknown class': (
        dict(example=0, boxes=BOX, text=['a', 'b']), "'road', but the"),
    'box without a name': (
        dict(example=0, boxes=[(0, 0, 5, 5)], text=['a', 'b']),
        'a dict, class name'),
    'mode without example': (dict(text=['a'], mode='fused'),
                             'needs an example'),
    'mode without names': (
        dict(example=0, mask=halves(), mode='textual'), 'needs names'),
    'marks for one of two': (
        dict(example=[0, 0], mask=halves(), text=['a', 'b']),
        '2 example.* one `mask`'),
    'modalities': (dict(text=['a'], modality='s2'), "modality 's2'"),
    'bands of an array': (dict(text=['a'], modality='s1'), 'gives 3 band'),
}


@pytest.mark.parametrize('what', BAD)
def test_bad_input_has_one_clear_message(what, inferencer, model,
                                         monkeypatch):
    monkeypatch.setattr(model, 'max_classes', 3)
    options, message = dict(BAD[what][0]), BAD[what][1]
    if 'example' in options:
        count = np.size(options['example'])
        options['example'] = [picture() for _ in range(count)] \
            if count > 1 else picture()
    with pytest.raises(DataError, match=message) as info:
        inferencer(picture(), **options)
    assert '\n' not in str(info.value)


def test_bad_files(inferencer, tmp_path):
    ask = partial(inferencer, text=['road'])
    with pytest.raises(MissingDataError, match='does not exist'):
        ask(tmp_path / 'none.tif')
    path = Path(write_raster(tmp_path / 'a.tif', picture(200, 200)))
    whole = path.read_bytes()
    path.write_bytes(whole[:len(whole) // 2])
    with pytest.raises(DataError, match='corrupt, truncated'):
        ask(path)
    with pytest.raises(DataError, match='not a local file'):
        ask('https://example.org/a.tif')
    deep = write_raster(tmp_path / 'deep.tif',
                        picture().astype(np.uint16) * 30)
    with pytest.raises(DataError, match='more than 8 bits'):
        ask(deep)
    elsewhere = write_raster(
        tmp_path / 'm.tif', halves(),
        transform=rasterio.Affine(0.6, 0, 7, 0, -0.6, 9))
    with pytest.raises(DataError, match='lies elsewhere'):
        inferencer(picture(), mask=elsewhere, example=write_raster(
            tmp_path / 'b.tif', picture()))


def test_bad_outputs(inferencer, tmp_path):
    target = write_raster(tmp_path / 'a.tif', picture())
    ask = partial(inferencer, target, text=['road'])
    with pytest.raises(DataError, match='one of the inputs'):
        ask(out=target, overwrite=True)
    with pytest.raises(ConfigError, match='ends in .tif'):
        ask(out=str(tmp_path / 'm.png'))
    out = tmp_path / 'm.tif'
    out.write_text('mine')
    with pytest.raises(DataError, match='exists'):
        ask(out=str(out))
    assert out.read_text() == 'mine'
    ask(out=str(out), overwrite=True)
    with rasterio.open(out) as src:
        assert src.shape == (40, 56)
    (tmp_path / 'file').write_text('')
    with pytest.raises(DataError, match='cannot be written'):
        ask(out=str(tmp_path / 'file' / 'm.tif'))
