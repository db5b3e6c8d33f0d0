# Copyright (c) mmeo contributors. All rights reserved.
"""UDD5 and VDD: official trees, the same classes wherever they are named."""

from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config
from PIL import Image

from mmeo.datasets.instruct_converters.legend import load_legend
from mmeo.errors import DataError, MissingDataError
from mmeo.registry import DATASETS


def _photograph(root: Path, split: str, name: str, ids: np.ndarray) -> None:
    for folder in ('src', 'gt'):
        (root / split / folder).mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.zeros((*ids.shape, 3), np.uint8)).save(
        root / split / 'src' / f'{name}.JPG', format='JPEG')
    Image.fromarray(ids).save(root / split / 'gt' / f'{name}.png')


@pytest.mark.parametrize('name, splits', [
    ('udd5', dict(train='train', val='val', test='val')),
    ('vdd', dict(train='train', val='val', test='test'))])
def test_official_tree_is_read_as_it_is(name: str, splits: dict,
                                        tmp_path: Path,
                                        repo_root: Path) -> None:
    cfg = Config.fromfile(repo_root / f'configs/_base_/datasets/{name}.py')
    count = len(load_legend(name).entries)
    ids = np.arange(640 * 640, dtype=np.int64).reshape(640, 640) % count
    for split in set(splits.values()):
        _photograph(tmp_path, split, f'in_{split}', ids.astype(np.uint8))
    for loader, split in splits.items():
        section = cfg[f'{loader}_dataloader'].dataset
        dataset = DATASETS.build(dict(section, data_root=str(tmp_path)))
        assert len(dataset) == 1
        assert Path(dataset.get_data_info(0)['img_path']
                    ).stem == f'in_{split}'
        label = dataset[0]['data_samples'].gt_sem_seg.data
        shape = (512, 512) if loader == 'train' else (640, 640)
        assert tuple(label.shape[1:]) == shape
        assert set(label.unique().tolist()) <= {*range(count), 255}
        if loader != 'train':
            assert (label[0].numpy() == ids).all()
        with pytest.raises(MissingDataError, match='nowhere'):
            DATASETS.build(dict(section, data_root=str(tmp_path / 'nowhere')))


@pytest.mark.parametrize('name, kind', [('udd5', 'UDD5Dataset'),
                                        ('vdd', 'VDDDataset')])
def test_questions_and_labels_have_the_same_classes(name: str,
                                                    kind: str) -> None:
    meta = DATASETS.get(kind).METAINFO
    legend = load_legend(name)
    assert meta['classes'] == tuple(e.name for e in legend.entries)
    assert [e.keys for e in legend.entries] == [
        (i, ) for i in range(len(legend.entries))]
    assert len(meta['palette']) == len(meta['classes'])


def test_colours_in_place_of_ids_are_refused(tmp_path: Path) -> None:
    _photograph(tmp_path, 'val', 'a', np.full((8, 8), 107, np.uint8))
    dataset = DATASETS.build(dict(
        type='UDD5Dataset', data_root=str(tmp_path),
        data_prefix=dict(img_path='val/src', seg_map_path='val/gt'),
        pipeline=[dict(type='LoadImage'), dict(type='LoadGeoAnnotations')]))
    with pytest.raises(DataError, match='107'):
        dataset[0]
