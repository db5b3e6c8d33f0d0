# Copyright (c) mmeo contributors. All rights reserved.
"""COCO files, oriented XML and RSAR: content, order of classes, bad files."""

import copy
import json
import math

import numpy as np
import pytest
import torch
from mmdet.datasets import CocoDataset as TheirCoco
from mmdet.evaluation import CocoMetric as TheirMetric
from mmrotate.datasets import DIORDataset as TheirDIORR
from mmrotate.structures import RotatedBoxes
from PIL import Image

from mmeo.datasets import (
    CocoDataset,
    DIORDataset,
    DIORRDataset,
    DOTAv2Dataset,
    OrientedVOCDataset,
    RSARDataset,
    SARDet100KDataset,
    SSDDDataset,
)
from mmeo.datasets.dota_text import dota_text, read_dota
from mmeo.datasets.voc_xml import read_voc
from mmeo.errors import DataError, MissingDataError
from mmeo.evaluation.metrics import CocoMetric

NAMES = ('ship', 'plane')
META = dict(classes=NAMES)


def picture(path, size=(40, 30)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new('RGB', size).save(path)


def box(number, image, category, bbox, **more):
    return dict(id=number, image_id=image, category_id=category, bbox=bbox,
                area=bbox[2] * bbox[3], iscrowd=0, **more)


def coco_tree(root, annotations=None, order=NAMES, **sections):
    """Two images and a file whose categories stand in some order."""
    for name in ('a.png', 'b.png'):
        picture(root / 'images' / name)
    ids = {name: 7 + i for i, name in enumerate(order)}
    if annotations is None:
        annotations = [box(1, 1, ids['ship'], [2, 3, 10, 8]),
                       box(2, 2, ids['plane'], [5, 5, 20, 10])]
    document = dict(
        images=[dict(id=i, file_name=n, width=40, height=30)
                for i, n in ((1, 'a.png'), (2, 'b.png'))],
        annotations=annotations,
        categories=[dict(id=i, name=n) for n, i in ids.items()])
    document.update(sections)
    (root / 'ann.json').write_text(json.dumps(document))
    return root


def coco(root, cls=CocoDataset, **kwargs):
    return cls(data_root=str(root), ann_file='ann.json', metainfo=META,
               data_prefix=dict(img='images'), **kwargs)


@pytest.mark.parametrize('order', [NAMES, NAMES[::-1]])
def test_coco_labels_follow_the_classes(tmp_path, order):
    data = coco(coco_tree(tmp_path, order=order))
    assert [d['instances'][0]['bbox_label'] for d in data] == [0, 1]
    assert data[0]['instances'][0]['bbox'] == [2, 3, 12, 11]


def test_coco_equals_mmdet(real_sample):
    folder = real_sample('horizontal/nwpu_vhr10')
    names = [c['name'] for c in json.loads(
        (folder / 'instances_subset.json').read_text())['categories']]
    args = dict(data_root=str(folder), ann_file='instances_subset.json',
                data_prefix=dict(img='images'), metainfo=dict(classes=names))
    ours, theirs = CocoDataset(**args), TheirCoco(**args)
    assert len(ours) == len(theirs) == 34
    for i in range(len(ours)):
        assert ours.get_data_info(i) == theirs.get_data_info(i)
    assert sum(len(d['instances']) for d in ours) == 283


def test_coco_counts_what_it_leaves_out(tmp_path):
    annotations = [
        box(1, 1, 7, [2, 3, 10, 8]), box(2, 1, 7, [50, 3, 10, 8]),
        box(3, 1, 7, [2, 3, .5, 8]), box(4, 1, 7, [2, 3, 9, 8], ignore=1),
        box(5, 2, 9, [2, 3, 9, 8])]
    root = coco_tree(tmp_path, annotations, (*NAMES, 'car'))
    data = coco(root)
    assert sum(len(d['instances']) for d in data) == 1
    assert data.dropped == {
        'outside the image': 1, 'smaller than a pixel': 1,
        'marked `ignore`': 1, 'of other classes': 1}


@pytest.mark.parametrize('change, error, words', [
    (dict(images=[dict(id=1, file_name='c.png', width=40, height=30)],
          annotations=[]), MissingDataError, r'1 of 1 images.*c\.png'),
    (dict(categories=[dict(id=7, name='ship')]), DataError, 'category_id 8'),
    (dict(annotations=[], categories=[dict(id=7, name='ship')]), DataError,
     r"no category \['plane'\]"),
    (dict(annotations=[box(1, 3, 7, [1, 1, 2, 2])]), DataError,
     'image_id 3'),
    (dict(annotations=[box(1, 1, 7, [1, 1, 2, 2])] * 2), DataError,
     'id 1 stands twice'),
    (dict(annotations=[dict(id=1, image_id=1, category_id=7)]), DataError,
     r"annotations\[0\]` lacks \['bbox', 'area'\]"),
    (dict(images=None), DataError, 'no list `images`')])
def test_coco_bad_files(tmp_path, change, error, words):
    root = coco_tree(tmp_path)
    document = json.loads((root / 'ann.json').read_text())
    (root / 'ann.json').write_text(json.dumps({**document, **change}))
    with pytest.raises(error, match=words):
        coco(root)


def test_coco_missing_and_truncated(tmp_path):
    root = coco_tree(tmp_path)
    text = (root / 'ann.json').read_text()
    (root / 'ann.json').write_text(text[:-20])
    with pytest.raises(DataError, match='no complete JSON'):
        coco(root)
    (root / 'ann.json').unlink()
    with pytest.raises(MissingDataError, match=r'(?s)ann\.json.*make me'):
        coco(root, prepare='make me')
    with pytest.raises(MissingDataError, match='nowhere'):
        coco(tmp_path / 'nowhere')
    with pytest.raises(MissingDataError, match=r'no\.json'):
        CocoMetric(str(tmp_path / 'no.json'))


def predictions(generator, count=30):
    """Random boxes near the truth of `coco_tree`, as a metric gets them."""
    found = []
    for image, truth in ((1, [2, 3, 12, 11]), (2, [5, 5, 25, 15])):
        noise = torch.rand(count, 4, generator=generator) * 4 - 2
        found.append(dict(
            img_id=image, ori_shape=(30, 40), pred_instances=dict(
                bboxes=torch.tensor(truth) + noise,
                scores=torch.rand(count, generator=generator),
                labels=torch.randint(0, 2, (count, ), generator=generator))))
    return found


def evaluate(metric, found):
    metric.dataset_meta = META
    metric.process({}, found)
    return metric.evaluate(size=2)


def test_coco_metric_equals_mmdet_and_knows_the_order(tmp_path):
    found = predictions(torch.Generator().manual_seed(0))
    same = str(coco_tree(tmp_path / 'a') / 'ann.json')
    other = str(coco_tree(tmp_path / 'b', order=NAMES[::-1]) / 'ann.json')
    theirs = evaluate(TheirMetric(same), found)
    assert evaluate(CocoMetric(same), found) == theirs
    assert 0 < theirs['coco/bbox_mAP'] < 1
    assert evaluate(CocoMetric(other), found) == theirs
    # mmdet's takes the order of the file, and swaps the classes.
    assert evaluate(TheirMetric(other), found) != theirs


def test_labels_beyond_the_classes_are_left_out(tmp_path, monkeypatch):
    """As if the head's other classes were not there, masks included."""
    path = str(coco_tree(tmp_path, [
        box(1, 1, 7, [2, 3, 10, 8],
            segmentation=[[2, 3, 12, 3, 12, 11, 2, 11]]),
        box(2, 2, 8, [5, 5, 20, 10],
            segmentation=[[5, 5, 25, 5, 25, 15, 5, 15]])]) / 'ann.json')
    inside = predictions(torch.Generator().manual_seed(0))
    more = copy.deepcopy(inside)
    for few, many in zip(inside, more):
        for item, labels in ((few, []), (many, [2, 79])):
            found = item['pred_instances']
            found['labels'] = torch.cat(
                [torch.tensor(labels, dtype=torch.long), found['labels']])
            for key in ('bboxes', 'scores'):
                extra = found[key][:len(labels)]
                found[key] = torch.cat([extra, found[key]])
            x1, y1, x2, y2 = found['bboxes'][..., None, None].unbind(1)
            ys, xs = torch.arange(30)[:, None], torch.arange(40)
            found['masks'] = (xs >= x1) & (xs < x2) & (ys >= y1) & (ys < y2)
            found['mask_scores'] = found['scores'] / 2

    def score(found):
        return evaluate(CocoMetric(path, metric=['bbox', 'segm']), found)

    expected = score(inside)
    assert expected['coco/bbox_mAP'] > 0 and expected['coco/segm_mAP'] > 0
    said = []
    monkeypatch.setattr('mmeo.evaluation.metrics.coco_metric.print_log',
                        lambda text, **kwargs: said.append(text))
    assert score(inside) == expected and not said
    assert score(more) == expected
    assert said[0].startswith('4 of 64 predictions are left out')
    for item in more:
        item['pred_instances']['labels'][:] = 79
    nothing = score(more)  # mmdet's would return no metric at all
    assert nothing == {f'coco/{kind}_mAP{suffix}': 0.0
                       for kind in ('bbox', 'segm')
                       for suffix in ('', '_50', '_75')}


def test_official_classes():
    assert DIORDataset.METAINFO['classes'][6:9] == (
        'dam', 'Expressway-Service-area', 'Expressway-toll-station')
    assert DIORRDataset.METAINFO['classes'][6:9] == (
        'expressway-service-area', 'expressway-toll-station', 'dam')
    assert SARDet100KDataset.METAINFO['classes'] == RSARDataset.METAINFO[
        'classes'] == ('ship', 'aircraft', 'car', 'tank', 'bridge', 'harbor')
    assert SSDDDataset.METAINFO['classes'] == ('ship', )
    for cls, number in ((DIORDataset, 20), (DIORRDataset, 20),
                        (DOTAv2Dataset, 18), (RSARDataset, 6)):
        meta = cls.METAINFO
        assert len(set(meta['classes'])) == len(meta['palette']) == number


XML = '<annotation><size><width>40</width><height>30</height></size>{}' \
    '</annotation>'
DIOR_BOX = (
    '<object><name>{}</name><difficult>{}</difficult><robndbox>'
    '<x_left_top>4</x_left_top><y_left_top>5</y_left_top>'
    '<x_right_top>20</x_right_top><y_right_top>6</y_right_top>'
    '<x_right_bottom>19</x_right_bottom><y_right_bottom>14</y_right_bottom>'
    '<x_left_bottom>3</x_left_bottom><y_left_bottom>13</y_left_bottom>'
    '</robndbox></object>')


def dior_tree(root, objects, name='00001'):
    picture(root / 'JPEGImages-trainval' / f'{name}.jpg')
    xml = root / 'Annotations/Oriented Bounding Boxes' / f'{name}.xml'
    xml.parent.mkdir(parents=True, exist_ok=True)
    xml.write_text(XML.format(objects))
    (root / 'list.txt').write_text(f'{name}\n')
    return dict(data_root=str(root), ann_file='list.txt',
                ann_subdir='Annotations/Oriented Bounding Boxes',
                data_prefix=dict(img_path='JPEGImages-trainval'))


def test_dior_r_equals_mmrotate(tmp_path):
    args = dior_tree(tmp_path, DIOR_BOX.format('ship', 0) +
                     DIOR_BOX.format('Expressway-Service-area', 1))
    ours, theirs = DIORRDataset(**args)[0], TheirDIORR(**args)[0]
    assert ours['img_path'] == theirs['img_path']
    for a, b in zip(ours['instances'], theirs['instances'], strict=True):
        assert a['bbox'] == b['bbox'].tolist()
        assert a['bbox_label'] == b['bbox_label']
    assert [i['bbox_label'] for i in ours['instances']] == [13, 6]
    kept = DIORRDataset(use_difficult=False, **args)[0]['instances']
    assert [i['ignore_flag'] for i in kept] == [0, 1]


def test_dior_r_bad_files(tmp_path):
    with pytest.raises(DataError, match=r"00001\.xml: unknown class 'boat'"):
        DIORRDataset(**dior_tree(tmp_path, DIOR_BOX.format('boat', 0)))
    plain = '<object><name>ship</name></object>'
    with pytest.raises(DataError, match='no oriented box'):
        DIORRDataset(**dior_tree(tmp_path, plain))
    args = dior_tree(tmp_path, DIOR_BOX.format('ship', 0))
    DIORRDataset(**args)
    (tmp_path / 'list.txt').write_text('00001\n00002\n')
    with pytest.raises(MissingDataError, match=r'00002 .*00002\.jpg'):
        DIORRDataset(**args)
    (tmp_path / 'list.txt').unlink()
    with pytest.raises(MissingDataError, match=r'list\.txt.*\n.*make it'):
        DIORRDataset(prepare='make it', **args)
    with pytest.raises(MissingDataError, match='nowhere'):
        DIORRDataset(data_root=str(tmp_path / 'nowhere'))


@pytest.mark.parametrize('text, words', [
    ('<annotation>', 'no XML'),
    ('<!DOCTYPE a [<!ENTITY b SYSTEM "/etc/passwd">]><annotation/>',
     'document type'),
    (XML.format(DIOR_BOX.format('ship', 0).replace('>20<', '>x<')),
     'x_right_top'),
    (XML.format('<object/>'), 'no <name>')])
def test_xml_that_is_refused(tmp_path, text, words):
    (tmp_path / 'a.xml').write_text(text)
    with pytest.raises(DataError, match=words):
        read_voc(tmp_path / 'a.xml')


def test_centre_form_equals_rotated_boxes(tmp_path):
    values = (20., 15., 12., 6., math.radians(30))
    tags = ''.join(f'<{k}>{v}</{k}>' for k, v in zip(
        ('cx', 'cy', 'w', 'h', 'angle'), values))
    (tmp_path / 'a.xml').write_text(XML.format(
        f'<object><name>a</name><robndbox>{tags}</robndbox></object>'))
    corners = read_voc(tmp_path / 'a.xml').objects[0].corners
    expected = RotatedBoxes(torch.tensor([values])).convert_to(
        'qbox').tensor.reshape(4, 2)
    found = np.array(corners).reshape(4, 2)
    distance = np.linalg.norm(found[:, None] - expected.numpy(), axis=-1)
    assert distance.min(axis=1).max() < 1e-4
    assert sorted(distance.argmin(axis=1)) == [0, 1, 2, 3]


def test_real_ssdd_rotated_boxes(real_sample):
    folder = real_sample('oriented/ssdd_rbox')
    data = OrientedVOCDataset(data_root=str(folder),
                              metainfo=dict(classes=('ship', )))
    assert len(data) == 4
    boxes = [i['bbox'] for d in data for i in d['instances']]
    assert len(boxes) == 8
    # 000006: centre 141, 157 and size 19 x 89, as its XML says elsewhere.
    first = np.array(data[2]['instances'][0]['bbox']).reshape(4, 2)
    assert first.mean(0) == pytest.approx([141, 157], abs=1.5)
    assert np.linalg.norm(first[1] - first[0]) == pytest.approx(89, abs=1.5)


def test_rsar_mixes_image_formats(tmp_path):
    for name in ('a.jpg', 'b.bmp', 'c.png'):
        picture(tmp_path / 'images' / name)
        label = tmp_path / 'labelTxt' / f'{name[0]}.txt'
        label.parent.mkdir(exist_ok=True)
        label.write_text('1 1 9 1 9 5 1 5 tank 0\n')
    data = RSARDataset(data_root=str(tmp_path))
    assert [d['file_name'] for d in data] == ['a.jpg', 'b.bmp', 'c.png']
    assert {i['bbox_label'] for d in data for i in d['instances']} == {3}
    picture(tmp_path / 'images/a.png')
    with pytest.raises(DataError, match=r'share the label a\.txt'):
        RSARDataset(data_root=str(tmp_path))


def test_dota_text_round_trip(real_sample, tmp_path):
    files = sorted(real_sample('oriented').glob('dota_*/labelTxt/*.txt'))
    assert files
    for number, path in enumerate(files):
        labels = read_dota(path)
        (tmp_path / f'{number}.txt').write_text(dota_text(labels))
        again = read_dota(tmp_path / f'{number}.txt')
        assert again.gsd == pytest.approx(labels.gsd)
        for a, b in zip(again.objects, labels.objects, strict=True):
            assert (a.corners, a.name, a.difficulty) == (
                b.corners, b.name, b.difficulty)
