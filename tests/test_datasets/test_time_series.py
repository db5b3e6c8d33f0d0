# Copyright (c) mmeo contributors. All rights reserved.
"""DynamicEarthNet and PASTIS: official trees in, true samples out."""

import csv
import json
import shutil

import numpy as np
import pytest
from PIL import Image
from series_trees import (
    AREAS,
    dynamic_earthnet_tree,
    one_hot,
    pastis_tree,
    write_tif,
)

from mmeo.datasets import DynamicEarthNetDataset, PASTISDataset
from mmeo.datasets.converters import dynamicearthnet, dynamicearthnet_bands
from mmeo.datasets.transforms import LoadSeriesAnnotations, LoadSeriesFiles
from mmeo.errors import ConfigError, DataError, MissingDataError

TRAIN, VAL, TEST = AREAS
S2_BANDS = (1, 2, 3, 5, 6, 7, 4, 8, 9, 10)
SOURCES = dict(
    hr=dict(gsd=3.0, bands=(3, 2, 1)),
    s2=dict(gsd=3.0, bands=S2_BANDS), s1=dict(gsd=3.0, bands=(1, 2)))
COARSE = dict(type='MultiModalResize', size=dict(s2=16, s1=16))
SNOW = dict(type='LoadSeriesAnnotations', value_map={6: 255})


@pytest.fixture(scope='module')
def earthnet(tmp_path_factory):
    root = tmp_path_factory.mktemp('dynamicearthnet')
    truth = dynamic_earthnet_tree(root)
    report = dynamicearthnet.convert(root)
    return root, truth, report


@pytest.fixture(scope='module')
def pastis(tmp_path_factory):
    root = tmp_path_factory.mktemp('pastis')
    return root, pastis_tree(root)


def read(root, split='train', pipeline=(), **kwargs):
    return DynamicEarthNetDataset(
        data_root=str(root), ann_file=f'mmeo/{split}.csv',
        pipeline=list(pipeline), **kwargs)


# ------------------------------------------------------------ converter
def test_labels_and_lists_of_the_official_tree(earthnet):
    root, truth, report = earthnet
    for (area, month), label in truth.items():
        written = np.asarray(
            Image.open(root / f'mmeo/labels/{area}/{month}.png'))
        assert (written == label).all()
    with (root / 'mmeo/val.csv').open() as file:
        rows = list(csv.DictReader(file))
    assert [r['month'] for r in rows] == ['2018-01', '2018-02']
    assert rows[0]['planet'] == (
        f'planet/17N/26E-183N/{VAL}/PF-SR/2018-01-01.tif')
    assert rows[0]['s1'] and not rows[1]['s1']
    assert report.counts['train months'] == 2
    assert report.counts['test areas'] == 1
    assert report.odd == {'val months without s1': 1}
    snow = sum((label == 6).sum() for label in truth.values())
    assert report.counts['pixels of snow and ice'] == snow


def test_a_pixel_has_the_last_of_its_classes_or_none():
    bands = one_hot(np.array([[0, 1], [2, 6]]))
    bands[5, 0, 0] = 255
    bands[:, 0, 1] = 0
    label, report = dynamicearthnet.merge_classes(bands, 'x.tif')
    assert label.tolist() == [[5, 255], [2, 6]]
    assert sorted(report.odd.values()) == [1, 1]
    with pytest.raises(DataError, match=r'x\.tif: expected 7 bands'):
        dynamicearthnet.merge_classes(bands[:6], 'x.tif')
    with pytest.raises(DataError, match='0 and 255'):
        dynamicearthnet.merge_classes(bands // 255, 'x.tif')


def test_months_without_label_are_counted_and_left_out(earthnet, tmp_path):
    shutil.copytree(earthnet[0], tmp_path, dirs_exist_ok=True)
    shutil.rmtree(next(tmp_path.glob(f'labels/{VAL}*')))
    report = dynamicearthnet.convert(tmp_path, tmp_path / 'new')
    assert report.dropped == {'val months without label': 2}
    assert report.counts['val months'] == 0
    assert (tmp_path / 'new/train.csv').is_file()


def test_files_of_no_area_are_counted(earthnet, tmp_path):
    shutil.copytree(earthnet[0], tmp_path / 'tree')
    root = tmp_path / 'tree'
    image = next((root / 'sentinel2').rglob('*.tif'))
    for name in ('mosaic_2018_01.tif', 'preview.tif'):
        (root / 'sentinel2/more').mkdir(exist_ok=True)
        shutil.copy(image, root / 'sentinel2/more' / name)
    dropped = dynamicearthnet.convert(root, tmp_path / 'new').dropped
    assert dropped == {'files that name no area or month, first '
                       'sentinel2/more/mosaic_2018_01.tif': 2}


def test_means_of_bands_tell_their_order(earthnet, tmp_path):
    lines = dynamicearthnet_bands.measure(earthnet[0], files=3)
    assert len(lines) == 4 + 12 + 8
    means = [float(line.split('mean')[1].split(',')[0]) for line in lines]
    # The tree holds 1000 b and some, and -10 - b and some less.
    assert [round(m, -3) for m in means[4:16]] == [
        1000 * b for b in range(1, 13)]
    assert (np.diff(means[16:]) == pytest.approx(-1))
    with pytest.raises(MissingDataError, match='no image'):
        dynamicearthnet_bands.measure(tmp_path)


def test_bad_trees_say_what_is_wrong(earthnet, tmp_path):
    with pytest.raises(MissingDataError, match=r'train\.txt does not exist'):
        dynamicearthnet.convert(tmp_path)
    splits = tmp_path / 'dynnet_training_splits'
    shutil.copytree(earthnet[0] / splits.name, splits)
    with pytest.raises(MissingDataError, match='no label'):
        dynamicearthnet.convert(tmp_path)
    (splits / 'test.txt').write_text((splits / 'train.txt').read_text())
    with pytest.raises(DataError, match=r'both in train\.txt and test'):
        dynamicearthnet.convert(tmp_path)
    (splits / 'test.txt').write_text('a b\n')
    with pytest.raises(DataError, match=r'test\.txt, line 1'):
        dynamicearthnet.convert(tmp_path)
    for zone in ('a', 'b'):
        write_tif(tmp_path / f'{zone}/PF-SR/{TRAIN}/2018-01-01.tif',
                  np.zeros((4, 2, 2), np.int16))
    with pytest.raises(DataError, match='remove the copy'):
        dynamicearthnet.find_files(tmp_path, '**/PF-SR/**/*.tif')


# --------------------------------------------------------------- readers
def test_one_sensor_reads_like_any_segmentation_data(earthnet):
    root, truth, _ = earthnet
    data = read(root, pipeline=[
        dict(type='LoadRaster', bands=(3, 2, 1)),
        dict(type='NormalizeBands', preset='planet'),
        dict(type='LoadGeoAnnotations', value_map={6: 255}),
        dict(type='mmseg.PackSegInputs', meta_keys=('place', 'month'))])
    item = data[1]
    sample = item['data_samples']
    assert (sample.place, sample.month) == (TRAIN, '2018-02')
    assert item['inputs'].shape == (3, 64, 64)
    label = truth[TRAIN, '2018-02']
    expected = np.where(label == 6, 255, label)
    assert (sample.gt_sem_seg.data[0].numpy() == expected).all()
    assert len(data.metainfo['classes']) == 6


def test_sensors_of_a_month_share_ground_and_carry_dates(earthnet):
    root, truth, _ = earthnet
    data = read(root, modalities=('hr', 's2', 's1'), pipeline=[
        dict(type='LoadSeriesFiles', sources=SOURCES), COARSE, SNOW])
    found = data[1]['modalities']
    assert {k: v['images'].shape for k, v in found.items()} == dict(
        hr=(1, 64, 64, 3), s2=(1, 16, 16, 10), s1=(1, 16, 16, 2))
    assert found['hr']['dates'].tolist() == [31]  # 1 February
    assert found['s2']['dates'].tolist() == [31 + 14]
    label = truth[TRAIN, '2018-02']
    # Bands in the wanted order, pixels averaged over 4 x 4.
    mean = label.reshape(16, 4, 16, 4).mean((1, 3))
    for i, band in enumerate(S2_BANDS):
        np.testing.assert_allclose(
            found['s2']['images'][0, ..., i], 1000 * band + mean, rtol=1e-5)
    np.testing.assert_allclose(found['s1']['images'][0, ..., 1], -11 - mean,
                               rtol=1e-5)


def test_absent_sensor_has_no_key_and_months_add_frames(earthnet):
    root, _, _ = earthnet
    load = [dict(type='LoadSeriesFiles', sources=SOURCES)]
    both = read(root, 'val', modalities=('hr', 's2', 's1'), months=2,
                optional=('s1', ), pipeline=load)
    assert set(both[1]['modalities']) == {'hr', 's2'}
    assert both[1]['modalities']['s2']['dates'].tolist() == [14, 45]
    assert both[0]['modalities']['s2']['dates'].tolist() == [14]
    assert len(read(root, 'val', modalities=('s2', 's1'),
                    skip_without=('s1', ))) == 1
    with pytest.raises(MissingDataError, match=r"(?s)'s1'.*add 's1'"):
        read(root, 'val', modalities=('hr', 's1'))
    with pytest.raises(ConfigError, match='all of'):
        read(root, modalities=('s1', ), optional=('s1', ))


def test_missing_lists_and_files_show_tree_and_fix(earthnet, tmp_path):
    root = earthnet[0]
    with pytest.raises(MissingDataError, match=r'(?s)none\.csv.*PF-SR'):
        read(root, 'none')
    with pytest.raises(MissingDataError, match='no.where'):
        read(tmp_path / 'no-where', prepare='run me')
    (tmp_path / 'mmeo').mkdir()
    (tmp_path / 'mmeo/train.csv').write_text('aoi,month\n')
    with pytest.raises(DataError, match='columns'):
        read(tmp_path)
    with pytest.raises(ConfigError, match='months'):
        read(root, months=0)


def test_pastis_true_dates_bands_and_void(pastis):
    root, truth = pastis
    load = [
        dict(type='LoadSeriesFiles', sources=dict(
            hr=dict(gsd=1.0),
            s2=dict(gsd=10.0, nodata=-10000, any_band=True),
            s1=dict(gsd=10.0, bands=(1, 2)))),
        dict(type='MultiModalResize', size=dict(hr=1024)),
        dict(type='LoadSeriesAnnotations', value_map={19: 255}),
        dict(type='NormalizeBands')]
    data = PASTISDataset(data_root=str(root), folds=(1, 4), pipeline=load)
    assert len(data) == 2
    item = data[0]
    found = item['modalities']
    # Three frames in September 2018, three in January 2019.
    assert found['s2']['dates'].tolist() == [243, 244, 245, 3, 4, 5]
    assert found['hr']['dates'].tolist() == [-1]
    assert found['s1']['images'].shape == (4, 128, 128, 2)
    assert found['hr']['images'].shape == (1, 1024, 1024, 3)
    assert (found['s2']['images'][0, :8] == 0).all()  # no data: the mean
    assert (found['s2']['images'][1, :8] != 0).any()
    raw = np.load(root / 'DATA_S1A/S1A_10000.npy')[:, 1].astype(np.float32)
    np.testing.assert_allclose(
        found['s1']['images'][..., 1], (raw + 20.192) / 5.912, atol=1e-5)
    label = truth[10000]
    assert (item['gt_seg_map'] == np.where(label == 19, 255, label)).all()
    assert item['ori_shape'] == (128, 128)
    assert len(data.metainfo['classes']) == 19


def test_pastis_without_spot_and_bad_metadata(pastis, tmp_path):
    root, _ = pastis
    load = [dict(type='LoadSeriesFiles', sources=dict(
        hr=dict(gsd=1.0), s2=dict(gsd=10.0)))]
    last = PASTISDataset(data_root=str(root), folds=(5, ), pipeline=load)
    assert set(last[0]['modalities']) == {'s2'}
    with pytest.raises(MissingDataError, match='SPOT'):
        PASTISDataset(data_root=str(root), folds=(5, ), optional=())
    with pytest.raises(MissingDataError, match=r'metadata\.geojson'):
        PASTISDataset(data_root=str(tmp_path))
    text = json.loads((root / 'metadata.geojson').read_text())
    del text['features'][0]['properties']['dates-S2']
    (tmp_path / 'metadata.geojson').write_text(json.dumps(text))
    with pytest.raises(DataError, match='dates-S2'):
        PASTISDataset(data_root=str(tmp_path), folds=(1, ))
    with pytest.raises(ConfigError, match='folds'):
        PASTISDataset(folds=(6, ))


# --------------------------------------------------------------- loading
def test_files_that_do_not_fit_are_refused(tmp_path):
    path = str(tmp_path / 'x.npy')
    np.save(path, np.zeros((2, 3, 8, 8), np.float32))

    def load(dates=(0, 1), **source):
        return LoadSeriesFiles(dict(s2=dict(dict(gsd=10.0), **source)))(
            dict(series_files=dict(s2=dict(paths=[path], dates=dates))))

    assert load(bands=(3, ))['modalities']['s2']['images'].shape[-1] == 1
    with pytest.raises(DataError, match='2 frames, but 3 dates'):
        load(dates=(0, 1, 2))
    with pytest.raises(ConfigError, match='3 bands'):
        load(bands=(4, ))
    with pytest.raises(ConfigError, match='metres'):
        load(gsd=0)
    np.save(path, np.array([dict(a=1)], dtype=object))
    with pytest.raises(DataError, match='cannot be read'):
        load()  # pickled objects could run code


def test_ground_of_different_size_is_refused(tmp_path):
    for name, side in (('a', 8), ('b', 12)):
        np.save(tmp_path / f'{name}.npy', np.zeros((1, 1, side, side)))
    files = {n: dict(paths=[str(tmp_path / f'{n}.npy')], dates=[0])
             for n in 'ab'}
    load = LoadSeriesFiles(dict(a=dict(gsd=10), b=dict(gsd=10)))
    with pytest.raises(DataError, match='different size'):
        load(dict(series_files=files))
    ok = LoadSeriesFiles(dict(a=dict(gsd=15), b=dict(gsd=10)))
    assert set(ok(dict(series_files=files))['modalities']) == {'a', 'b'}


def test_pixels_without_data_are_marked(tmp_path):
    frames = np.full((2, 2, 8, 8), 5.0, np.float32)
    frames[0, 0, :4, :4] = np.nan  # in one band
    frames[1, :, 7, 7] = -10000
    frames[1, 0, 6, 6] = -10000  # one band alone may hold any value
    np.save(tmp_path / 'x.npy', frames)

    def load(**source):
        return LoadSeriesFiles(dict(s1=dict(
            gsd=10.0, nodata=-10000, **source)))(dict(series_files=dict(
                s1=dict(paths=[str(tmp_path / 'x.npy')],
                        dates=[7, 8]))))['modalities']['s1']

    series = load()
    assert series['nodata'].sum((1, 2)).tolist() == [16, 1]
    assert (series['images'][series['nodata']] == 0).all()
    assert series['images'][1, 6, 6].tolist() == [-10000, 5]
    assert load(any_band=True)['nodata'].sum((1, 2)).tolist() == [16, 2]


def test_label_of_npy_is_checked(tmp_path):
    np.save(tmp_path / 'x.npy', np.full((3, 4, 4), 19))
    results = dict(seg_map_path=str(tmp_path / 'x.npy'), num_classes=19,
                   img_path='x')
    with pytest.raises(DataError, match=r'class id\(s\) \[19\]'):
        LoadSeriesAnnotations()(dict(results))
    found = LoadSeriesAnnotations(value_map={19: 255})(dict(results))
    assert (found['gt_seg_map'] == 255).all()
