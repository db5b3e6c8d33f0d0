# Copyright (c) mmeo contributors. All rights reserved.
"""VOC, DIOR and SSDD to COCO; checks of SARDet-100K and RSAR."""

import json
import runpy
import shutil
import sys

import pytest
from PIL import Image

from mmeo.datasets import CocoDataset, DIORDataset, SSDDDataset
from mmeo.datasets.coco_api import read_coco
from mmeo.datasets.converters.check_detection import check_split, split_config
from mmeo.datasets.converters.coco import CocoBuilder
from mmeo.datasets.converters.ssdd import convert_split, convert_ssdd
from mmeo.datasets.converters.voc import convert_dior, voc_to_coco
from mmeo.errors import DataError, MissingDataError


def picture(path, size=(40, 30)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new('RGB', size).save(path)


def xml(path, *objects, size=(40, 30)):
    path.parent.mkdir(parents=True, exist_ok=True)
    parts = [f'<annotation><filename>wrong.xml</filename><size><width>'
             f'{size[0]}</width><height>{size[1]}</height></size>']
    for name, box, difficult in objects:
        edges = ''.join(f'<{t}>{v}</{t}>' for t, v in zip(
            ('xmin', 'ymin', 'xmax', 'ymax'), box))
        parts.append(f'<object><name>{name}</name><difficult>{difficult}'
                     f'</difficult><bndbox>{edges}</bndbox></object>')
    path.write_text(''.join(parts) + '</annotation>')


def run_tool(repo_root, monkeypatch, name, *args):
    monkeypatch.setattr(sys, 'argv', [name, *map(str, args)])
    with pytest.raises(SystemExit) as stop:
        runpy.run_path(str(repo_root / 'tools/dataset_converters' / name),
                       run_name='__main__')
    return stop.value.code


@pytest.mark.parametrize('one_based, expected', [
    (True, [2, 3, 9, 8]), (False, [3, 4, 8, 7])])
def test_voc_boxes(tmp_path, one_based, expected):
    picture(tmp_path / 'images/a.jpg')
    xml(tmp_path / 'xml/a.xml', ('Ship', (3, 4, 11, 11), 0),
        ('ship', (1, 1, 40, 30), 1), ('ship', (5, 5, 5, 5), 0),
        size=(30, 40))
    report = voc_to_coco(tmp_path / 'images', tmp_path / 'xml',
                         tmp_path / 'a.json', ['ship'], one_based=one_based)
    first, second, *rest = read_coco(tmp_path / 'a.json')['annotations']
    assert first['bbox'] == expected
    assert (first['iscrowd'], second['iscrowd']) == (0, 1)
    if one_based:  # the box of one pixel, and the whole image
        assert second['bbox'] == [0, 0, 40, 30]
        assert rest[0]['bbox'] == [4, 4, 1, 1]
    else:
        assert report.dropped == {'objects smaller than a pixel': 1}
    assert sum(report.odd.values()) == 1  # the size in the XML


def test_voc_errors(tmp_path):
    args = (tmp_path / 'images', tmp_path / 'xml', tmp_path / 'a.json')
    with pytest.raises(MissingDataError, match='no XML file'):
        voc_to_coco(*args, ['ship'])
    xml(tmp_path / 'xml/a.xml', ('boat', (3, 4, 11, 11), 0))
    with pytest.raises(MissingDataError, match=r'a\.jpg does not exist'):
        voc_to_coco(*args, ['ship'])
    picture(tmp_path / 'images/a.jpg')
    with pytest.raises(DataError, match=r"a\.xml: unknown class 'boat'"):
        voc_to_coco(*args, ['ship'])
    with pytest.raises(MissingDataError, match=r'b\.xml'):
        voc_to_coco(*args, ['boat'], names=['a', 'b'])


def test_builder_counts():
    builder = CocoBuilder(['a'])
    number = builder.add_image('x.png', 40, 30)
    assert builder.add_object(number, 'a', (-5, 2, 10, 10))
    assert not builder.add_object(number, 'a', (50, 2, 60, 10))
    assert not builder.add_object(number, 'a', (5, 2, 9, 10),
                                  polygon=(5, 2, 9, 10, 5, 2))
    assert builder.report.odd['boxes that reach over the border'] == 1
    assert builder.report.dropped == {'objects outside the image': 1,
                                      'objects whose outline has no area': 1}
    with pytest.raises(DataError, match='three points'):
        builder.add_object(number, 'a', (5, 2, 9, 10), polygon=(1, 2, 3, 4))


def test_real_chips_without_ships(real_sample, repo_root, tmp_path,
                                  monkeypatch, capsys):
    folder = real_sample('horizontal/ls_ssdd')
    code = run_tool(repo_root, monkeypatch, 'voc_to_coco.py',
                    folder / 'JPEGImages', folder / 'Annotations',
                    tmp_path / 'a.json', '--classes', 'ship')
    assert code == 0 and '2 objects: ship' in capsys.readouterr().out
    args = dict(ann_file=str(tmp_path / 'a.json'), metainfo=dict(
        classes=('ship', )), data_prefix=dict(img=str(
            folder / 'JPEGImages')))
    assert len(CocoDataset(test_mode=True, **args)) == 5
    assert len(CocoDataset(filter_cfg=dict(filter_empty_gt=True),
                           **args)) == 2


def dior_root(root):
    """Two images to train, one to validate, one to test."""
    box = '<x_{0}>{1}</x_{0}><y_{0}>{2}</y_{0}>'
    corners = ''.join(box.format(*c) for c in (
        ('left_top', 4, 5), ('right_top', 20, 5), ('right_bottom', 20, 14),
        ('left_bottom', 4, 14)))
    lists = dict(train=['00001', '00002'], val=['00003'], test=['11726'])
    for split, names in lists.items():
        path = root / f'ImageSets/Main/{split}.txt'
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text('\n'.join(names))
        folder = f'JPEGImages-{"test" if split == "test" else "trainval"}'
        for name in names:
            picture(root / folder / f'{name}.jpg')
            xml(root / f'Annotations/Horizontal Bounding Boxes/{name}.xml',
                ('Expressway-Service-area', (4, 5, 20, 14), 0),
                ('dam', (1, 2, 9, 9), 0))
            oriented = root / 'Annotations/Oriented Bounding Boxes'
            oriented.mkdir(parents=True, exist_ok=True)
            (oriented / f'{name}.xml').write_text(
                '<annotation><object><name>dam</name><robndbox>'
                f'{corners}</robndbox></object></annotation>')
    return root


def test_dior_from_official_tree_to_both_configs(repo_root, tmp_path,
                                                 monkeypatch):
    from mmengine.config import Config

    from mmeo.builder import build
    root = dior_root(tmp_path / 'DIOR')
    assert run_tool(repo_root, monkeypatch, 'dior.py', root) == 0
    assert (root / 'ImageSets/Main/trainval.txt').read_text().split() == [
        '00001', '00002', '00003']
    document = read_coco(root / 'annotations/trainval.json')
    assert [c['name'] for c in document['categories']] == list(
        DIORDataset.METAINFO['classes'])
    for name, label in (('dior/vitp-l_cascade-rcnn_1x_dior', 6),
                        ('diorr/vitp-l_oriented-rcnn_1x_diorr', 8)):
        cfg = Config.fromfile(repo_root / f'configs/vitp/{name}.py')
        for loader, number in (('train', 3), ('val', 1), ('test', 1)):
            section = cfg[f'{loader}_dataloader'].dataset
            section.data_root = str(root)
            dataset = build(section)
            assert len(dataset) == number
            labels = [i['bbox_label']
                      for i in dataset.get_data_info(0)['instances']]
            assert labels[-1] == label  # the dam
            assert dataset[0]['inputs'].shape == (3, 1024, 1024)
    before = (root / 'annotations/test.json').read_bytes()
    convert_dior(root, ['test'])
    assert (root / 'annotations/test.json').read_bytes() == before
    (root / 'ImageSets/Main/val.txt').unlink()
    with pytest.raises(MissingDataError, match=r'val\.txt'):
        convert_dior(root)


def ssdd_root(source, root, style):
    """The real chips in the official tree."""
    for split in ('train', 'test'):
        target = root / 'PSeg_SSDD' / style
        records = json.loads((source / f'coco_annotations/{split}.json'
                              ).read_text())['images']
        coco = style == 'coco_style'
        images = target / (f'images/{split}' if coco
                           else f'JPEGImages_{split}')
        notes = target / ('annotations' if coco else f'Annotations_{split}')
        images.mkdir(parents=True)
        notes.mkdir(parents=True, exist_ok=True)
        if coco:
            shutil.copy(source / f'coco_annotations/{split}.json', notes)
        for record in records:
            name = record['file_name']
            shutil.copy(source / 'JPEGImages' / name, images)
            if not coco:
                shutil.copy(source / 'Annotations_polygon' /
                            f'{name[:-4]}.xml', notes)
    return root


def test_ssdd_both_styles_agree(real_sample, repo_root, tmp_path, monkeypatch,
                                capsys):
    from mmdet.structures.bbox import bbox_overlaps
    from torch import tensor
    source = real_sample('horizontal/ssdd')
    boxes = {}
    for style in ('coco_style', 'voc_style'):
        root = ssdd_root(source, tmp_path / style, style)
        out = tmp_path / f'out_{style}'
        assert run_tool(repo_root, monkeypatch, 'ssdd.py', root, '--out',
                        out) == 0
        printed = capsys.readouterr().out
        # Real quirk of the COCO file: ids that repeat.
        assert ('numbered anew' in printed) == (style == 'coco_style')
        data = {split: SSDDDataset(
            data_root=str(out), ann_file=f'annotations/{split}.json',
            data_prefix=dict(img=f'images/{split}'))
            for split in ('train', 'test')}
        assert [len(d) for d in data.values()] == [2, 2]
        found = [i for d in data.values() for x in d for i in x['instances']]
        assert all(len(i['mask'][0]) >= 6 for i in found)
        boxes[style] = tensor([i['bbox'] for i in found]).float()
    assert len(boxes['coco_style']) == len(boxes['voc_style']) == 8
    best = bbox_overlaps(boxes['coco_style'], boxes['voc_style']).max(1)
    # One file rounds to whole pixels, and ships are some ten pixels wide.
    assert best.values.min() > 0.7


def test_ssdd_errors(real_sample, tmp_path):
    source = real_sample('horizontal/ssdd')
    with pytest.raises(MissingDataError, match='neither'):
        convert_ssdd(tmp_path, tmp_path / 'out')
    document = json.loads((source / 'coco_annotations/train.json'
                           ).read_text())
    document['images'][0]['width'] += 1
    (tmp_path / 'a.json').write_text(json.dumps(document))
    with pytest.raises(DataError, match='outlines would be shifted'):
        convert_split(tmp_path / 'a.json', source / 'JPEGImages', tmp_path,
                      'train')
    document['images'][0]['width'] -= 1
    del document['annotations'][0]['segmentation']
    (tmp_path / 'a.json').write_text(json.dumps(document))
    with pytest.raises(DataError, match='no single outline'):
        convert_split(tmp_path / 'a.json', source / 'JPEGImages', tmp_path,
                      'train')


def sar_root(root):
    """SARDet-100K and RSAR, one image a split."""
    classes = ('ship', 'aircraft', 'car', 'tank', 'bridge', 'harbor')
    for split in ('train', 'val', 'test'):
        picture(root / f'JPEGImages/{split}/a.png')
        picture(root / f'{split}/images/a.png')
        document = dict(
            images=[dict(id=0, file_name='a.png', width=40, height=30)],
            annotations=[dict(id=0, image_id=0, category_id=3, iscrowd=0,
                              bbox=[1, 2, 9, 9], area=81)],
            categories=[dict(id=i, name=n) for i, n in enumerate(classes)])
        (root / 'Annotations').mkdir(exist_ok=True)
        (root / f'Annotations/{split}.json').write_text(json.dumps(document))
        label = root / f'{split}/annfiles/a.txt'
        label.parent.mkdir()
        label.write_text('1 1 9 1 9 5 1 5 tank 0\n')
    return root


@pytest.mark.parametrize('name', ['sardet100k', 'rsar'])
def test_sar_trees_are_checked(name, repo_root, tmp_path, monkeypatch,
                               capsys):
    root = sar_root(tmp_path)
    tool = 'check_detection.py'
    code = run_tool(repo_root, monkeypatch, tool, name, root, '--decode')
    assert code == 0
    printed = capsys.readouterr().out
    assert printed.count('1 objects: tank') == 3
    assert printed.count('than the published') == 3  # these are samples
    report = check_split(split_config(name, root, 'val'), published=1)
    assert not report.odd
    picture(tmp_path / 'JPEGImages/val/a.png', size=(41, 30))
    (tmp_path / 'val/images/a.png').write_bytes(b'no picture')
    with pytest.raises(DataError, match='41, 30|cannot be decoded'):
        check_split(split_config(name, root, 'val'), decode=True)
    shutil.rmtree(tmp_path / 'JPEGImages/val')
    shutil.rmtree(tmp_path / 'val/images')
    assert run_tool(repo_root, monkeypatch, tool, name, root) == 2
    assert 'does not exist' in capsys.readouterr().err
