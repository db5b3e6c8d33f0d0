# Copyright (c) mmeo contributors. All rights reserved.
"""Multi-label lists, and BigEarthNet from archive to sample."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin

from mmeo.builder import build
from mmeo.datasets.bigearthnet import day_of_year
from mmeo.datasets.bigearthnet_legend import (
    CLASSES_19,
    CLASSES_43,
    CLC_TO_19,
)
from mmeo.datasets.converters.bigearthnet import convert, read_list
from mmeo.errors import ConfigError, DataError, MissingDataError

S2 = 'S2A_MSIL2A_20170617T113321_36_85'
S1 = 'S1A_IW_GRDH_1SDV_20170616T064605_29UPU_36_85'


def write(path: Path, pixels: np.ndarray, metres: float = 10.0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with rasterio.open(
            path, 'w', driver='GTiff', count=1, height=pixels.shape[0],
            width=pixels.shape[1], dtype=pixels.dtype, crs='EPSG:32629',
            transform=from_origin(643200, 5798040, metres, metres)) as dst:
        dst.write(pixels, 1)


@pytest.fixture
def archive(real_sample, tmp_path: Path) -> Path:
    """The real Sentinel-2 patch, a made Sentinel-1 patch, the lists."""
    shutil.copytree(real_sample('ms_sar/bigearthnet_v1_tiny'),
                    tmp_path / 'BigEarthNet-v1.0')
    rng = np.random.default_rng(0)
    for band, level in (('VV', -11), ('VH', -18)):
        write(tmp_path / 'BigEarthNet-S1-v1.0' / S1 / f'{S1}_{band}.tif',
              rng.normal(level, 2, (120, 120)).astype(np.float32))
    (tmp_path / 'train.csv').write_text(f'{S2},{S1}\n')
    (tmp_path / 'pairs.csv').write_text(f'{S2},{S1}\n')
    return tmp_path


def run(archive: Path, **kwargs):
    kwargs.setdefault('splits', dict(train=archive / 'train.csv'))
    return convert(archive / 'BigEarthNet-v1.0', archive / 'out', **kwargs)


# -- legend --------------------------------------------------------------
def test_legend() -> None:
    assert len(CLASSES_43) == 43
    assert set(CLC_TO_19.values()) == {*CLASSES_19, None}
    # 11 classes are left out, as the authors write.
    assert sum(to is None for to in CLC_TO_19.values()) == 11
    # Names that both legends share stand for themselves.
    assert all(CLC_TO_19[c] == c for c in CLASSES_43 if c in CLASSES_19)


def test_day_of_year() -> None:
    assert day_of_year('S2A_MSIL2A_20170101T113321_36_85') == 0
    assert day_of_year('S2B_MSIL2A_20181231T93321_1_2') == 364
    assert day_of_year(S1) == 166
    with pytest.raises(DataError, match='patch_1'):
        day_of_year('patch_1')


# -- converter -----------------------------------------------------------
def test_real_patch_is_stacked(archive: Path) -> None:
    report = run(archive, s1_root=archive / 'BigEarthNet-S1-v1.0')
    assert report.counts == {'train: patches': 1, 'rasters written': 2}
    target = archive / 'out/s2/S2A_MSIL2A_20170617T113321' / f'{S2}.tif'
    source = archive / 'BigEarthNet-v1.0' / S2
    with rasterio.open(target) as dst:
        assert dst.descriptions == ('B2', 'B3', 'B4', 'B5', 'B6', 'B7', 'B8',
                                    'B8A', 'B11', 'B12')
        assert dst.dtypes[0] == 'uint16' and dst.shape == (120, 120)
        for index, name in ((1, 'B02'), (3, 'B04'), (7, 'B08')):
            with rasterio.open(source / f'{S2}_{name}.tif') as src:
                assert (dst.read(index) == src.read(1)).all()
                assert dst.transform == src.transform and dst.crs == src.crs
        with rasterio.open(source / f'{S2}_B8A.tif') as src:
            coarse = src.read(1).astype(float)
        # 20 m pixels are the means of the 10 m ones, but for interpolation
        fine = dst.read(8).reshape(60, 2, 60, 2).mean((1, 3))
        assert np.abs(fine - coarse).mean() < 0.05 * coarse.mean()
    with open(archive / 'out/train.csv', newline='') as file:
        row, = csv.DictReader(file)
    assert row['labels'] == 'Non-irrigated arable land;Pastures'
    again = run(archive, s1_root=archive / 'BigEarthNet-S1-v1.0')
    assert again.counts == {'train: patches': 1, 'rasters that were there': 2}


def test_converter_pairs_and_excludes(archive: Path) -> None:
    (archive / 'test.csv').write_text(f'{S2}\n')
    (archive / 'snow.csv').write_text(f'{S2}\n')
    splits = dict(test=archive / 'test.csv')
    s1_root = archive / 'BigEarthNet-S1-v1.0'
    with pytest.raises(ConfigError, match='1 of 1 patches .*pairs'):
        run(archive, splits=splits, s1_root=s1_root)
    report = run(archive, splits=splits, s1_root=s1_root,
                 pairs=archive / 'pairs.csv')
    assert report.counts['rasters written'] == 2
    assert 'test: patches, not the 125,866 published' in report.odd
    report = run(archive, splits=splits, exclude=[archive / 'snow.csv'])
    assert report.dropped == {'test: in an exclusion list': 1}
    assert not report.counts


def test_converter_in_processes_and_partial(archive: Path) -> None:
    lost = S2.replace('36_85', '1_1')
    (archive / 'train.csv').write_text(f'{lost}\n{S2}\n')
    with pytest.raises(MissingDataError, match=f'1 of 2 .*{lost}'):
        run(archive)
    report = run(archive, partial_ok=True, workers=2)
    assert report.dropped == {'train: no folder': 1}
    assert report.counts['rasters written'] == 1


def test_converter_names_what_is_wrong(archive: Path) -> None:
    folder = archive / 'BigEarthNet-v1.0' / S2
    with pytest.raises(MissingDataError, match='absent.csv'):
        run(archive, splits=dict(train=archive / 'absent.csv'))
    (archive / 'bad.csv').write_text('patch_id,split\n')
    with pytest.raises(DataError, match=r'bad.csv, line 1'):
        read_list(archive / 'bad.csv')
    s1 = archive / 'BigEarthNet-S1-v1.0'
    write(s1 / S1 / f'{S1}_VV.tif', np.full((120, 120), 0.1, np.float32))
    write(s1 / S1 / f'{S1}_VH.tif', np.full((120, 120), 0.01, np.float32))
    with pytest.raises(DataError, match='linear'):
        run(archive, s1_root=s1)
    write(folder / f'{S2}_B05.tif', np.zeros((60, 60), np.uint16), 30.0)
    shutil.rmtree(archive / 'out')
    with pytest.raises(DataError, match='_B05.tif does not fit'):
        run(archive)
    (folder / f'{S2}_B05.tif').unlink()
    with pytest.raises(MissingDataError, match='_B05.tif'):
        run(archive)
    assert not list((archive / 'out').rglob('*.tif'))


def test_converter_checks_labels(archive: Path) -> None:
    path = (archive / 'BigEarthNet-v1.0' / S2 / f'{S2}_labels_metadata.json')
    path.write_text(json.dumps(dict(labels=['Airports', 'Bare rock'])))
    report = run(archive)
    assert report.odd['train: without any of the 19 classes'] == 1
    with pytest.raises(DataError, match='1 of 1 images have no'):
        build('BigEarthNetDataset', data_root=str(archive / 'out'))
    assert len(build('BigEarthNetDataset', nomenclature=43,
                     data_root=str(archive / 'out'))) == 1
    path.write_text(json.dumps(dict(labels=['Moon'])))
    with pytest.raises(DataError, match='Moon'):
        run(archive)


# -- readers -------------------------------------------------------------
def test_reader_of_one_sensor(archive: Path) -> None:
    run(archive, s1_root=archive / 'BigEarthNet-S1-v1.0')
    root = str(archive / 'out')
    pack = dict(type='mmpretrain.PackInputs')
    for name, bands in (('s2', 10), ('s1', 2)):
        dataset = build(
            'BigEarthNetDataset', data_root=root, modalities=name, pipeline=[
                dict(type='LoadRaster', num_bands=bands),
                dict(type='NormalizeBands', preset=name), pack])
        item = dataset[0]
        assert item['inputs'].shape == (bands, 120, 120)
        # standard deviations, not digital numbers
        assert item['inputs'].abs().mean() < 3
        names = [CLASSES_19[i] for i in item['data_samples'].gt_label]
        assert names == ['Arable land', 'Pastures']
    full = build('BigEarthNetDataset', data_root=root, nomenclature=43)
    assert [CLASSES_43[i] for i in full.get_cat_ids(0)] == [
        'Non-irrigated arable land', 'Pastures']


def test_reader_of_both_sensors(archive: Path) -> None:
    run(archive, s1_root=archive / 'BigEarthNet-S1-v1.0')
    dataset = build('BigEarthNetDataset', data_root=str(archive / 'out'),
                    modalities=('s2', 's1'))
    files = dataset.get_data_info(0)['series_files']
    assert files['s2']['dates'] == [167] and files['s1']['dates'] == [166]
    assert all(Path(p).is_file() for f in files.values() for p in f['paths'])
    assert dataset.get_data_info(0)['place'] == S2


def test_reader_problems(archive: Path) -> None:
    run(archive)
    root = str(archive / 'out')
    with pytest.raises(DataError, match='has no s1 image'):
        build('BigEarthNetDataset', data_root=root, modalities=('s2', 's1'))
    with pytest.raises(ConfigError, match='modalities'):
        build('BigEarthNetDataset', data_root=root, modalities='s3')
    with pytest.raises(ConfigError, match='nomenclature'):
        build('BigEarthNetDataset', data_root=root, nomenclature=20)
    with pytest.raises(MissingDataError, match=r'(?s)val.csv.*convert me'):
        build('BigEarthNetDataset', data_root=root, ann_file='val.csv',
              prepare='convert me')
    shutil.rmtree(archive / 'out' / 's2')
    with pytest.raises(MissingDataError, match='1 of 1 files have no image'):
        build('BigEarthNetDataset', data_root=root)


def labels_of(dataset) -> list[list[int]]:
    return [dataset.get_cat_ids(i).tolist() for i in range(len(dataset))]


def test_generic_csv_and_json(tmp_path: Path) -> None:
    (tmp_path / 'a.csv').write_text(
        'path,labels\n1.tif,forest; water\n2.tif,\n3.tif,1;forest;0\n')
    kwargs = dict(data_root=str(tmp_path), check_files=False)
    classes = ('forest', 'water')
    dataset = build('MultiLabelSceneDataset', ann_file='a.csv',
                    classes=classes, **kwargs)
    assert labels_of(dataset) == [[0, 1], [], [0, 1]]
    dropped = build('MultiLabelSceneDataset', ann_file='a.csv',
                    classes=classes, empty='drop', **kwargs)
    assert labels_of(dropped) == [[0, 1], [0, 1]]
    with pytest.raises(DataError, match='1 of 3 images have no class'):
        build('MultiLabelSceneDataset', ann_file='a.csv', classes=classes,
              empty='error', **kwargs)
    (tmp_path / 'a.json').write_text(json.dumps(dict(
        metainfo=dict(classes=classes),
        data_list=[dict(img_path='1.tif', gt_label=[1])])))
    dataset = build('MultiLabelSceneDataset', ann_file='a.json', **kwargs)
    assert dataset.metainfo['classes'] == list(classes)
    assert labels_of(dataset) == [[1]]


def test_generic_problems(tmp_path: Path) -> None:
    (tmp_path / 'a.csv').write_text('path,labels\n1.tif,sand\n')
    kwargs = dict(data_root=str(tmp_path))
    with pytest.raises(DataError, match="image 1: label 'sand'"):
        build('MultiLabelSceneDataset', ann_file='a.csv',
              classes=['forest'], **kwargs)
    with pytest.raises(ConfigError, match='class names'):
        build('MultiLabelSceneDataset', ann_file='a.csv', **kwargs)
    with pytest.raises(MissingDataError, match='1.tif'):
        build('MultiLabelSceneDataset', ann_file='a.csv', classes=['sand'],
              **kwargs)
    (tmp_path / 'b.csv').write_text('file,classes\n')
    with pytest.raises(DataError, match='no column `labels`'):
        build('MultiLabelSceneDataset', ann_file='b.csv', classes=['sand'],
              **kwargs)
    (tmp_path / 'b.json').write_text('[]')
    with pytest.raises(DataError, match='data_list'):
        build('MultiLabelSceneDataset', ann_file='b.json', classes=['sand'],
              **kwargs)


def test_images_without_classes_train(tmp_path: Path) -> None:
    """An empty set of classes is a batch like any other."""
    import torch
    from mmpretrain.datasets.transforms import PackInputs
    model = build('mmpretrain.MultiLabelLinearClsHead', num_classes=3,
                  in_channels=4, loss=dict(
                      type='mmpretrain.CrossEntropyLoss', use_sigmoid=True))
    torch.nn.init.zeros_(model.fc.bias)
    samples = [PackInputs()(dict(gt_label=np.array(ids, dtype=np.int64)))
               ['data_samples'] for ids in ([], [0, 2])]
    loss = model.loss((torch.zeros(2, 4), ), samples)['loss']
    # mean over the batch of log 2 per class
    assert loss.item() == pytest.approx(3 * np.log(2), rel=1e-3)
