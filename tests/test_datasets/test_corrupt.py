# Copyright (c) mmeo contributors. All rights reserved.
"""Corruptions: what they do to pixels, and that objects move along."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from mmdet.structures.bbox import HorizontalBoxes
from mmdet.structures.mask import BitmapMasks, PolygonMasks
from mmrotate.structures.bbox import QuadriBoxes, RotatedBoxes

from mmeo.datasets.transforms.corrupt import (
    APPEARANCE,
    CORRUPTIONS,
    GEOMETRIC,
    Corrupt,
    corrupt_coco,
)
from mmeo.datasets.transforms.corrupt.appearance import fractal_noise
from mmeo.datasets.transforms.corrupt.geometric import (
    draw_matrix,
    move_mask,
    warp,
)
from mmeo.errors import ConfigError, DataError


def picture(height: int = 96, width: int = 128) -> np.ndarray:
    """Smooth, with edges, without repetition."""
    y, x = np.mgrid[:height, :width]
    img = np.stack((x * 255 // width, y * 255 // height,
                    (x // 16 + y // 16) % 2 * 200), 2).astype(np.uint8)
    img[20:50, 30:80, 2] = 120
    return img


def corrupt(name: str, severity: int = 3, img=None, **kwargs) -> dict:
    img = picture() if img is None else img
    return Corrupt(name, severity, **kwargs)(
        dict(img=img.copy(), img_path='a/b.png'))


def mae(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a.astype(float) - b.astype(float)).mean())


def test_the_twelve_of_the_paper() -> None:
    assert len(CORRUPTIONS) == 12 and len(set(CORRUPTIONS)) == 12
    assert {len(levels) for table in (APPEARANCE, GEOMETRIC)
            for levels in table.values()} == {5}


@pytest.mark.parametrize('name', CORRUPTIONS)
def test_kind_is_kept_and_severity_grows(name: str) -> None:
    img = picture(256, 320)
    outs = [corrupt(name, severity, img)['img'] for severity in range(1, 6)]
    for out in outs:
        assert out.dtype == np.uint8 and out.shape == img.shape
    if name in APPEARANCE:
        change = [mae(out, img) for out in outs]
        assert change == sorted(change) and change[-1] > 0
    else:
        assert all(mae(out, img) > 1 for out in outs)


@pytest.mark.parametrize('name', CORRUPTIONS)
def test_random_choices_belong_to_the_image(name: str) -> None:
    def run(path: str, seed: int = 0) -> np.ndarray:
        return Corrupt(name, 5, seed)(dict(
            img=picture(256, 320), img_path=path))['img']

    np.random.seed(1)
    first = run('here/a.png')
    np.random.seed(2)
    assert np.array_equal(first, run('/there/a.png'))
    random = name in ('gaussian_noise', 'salt_and_pepper_noise', 'clouds',
                      'gaps')
    assert np.array_equal(first, run('here/b.png')) != random or \
        name == 'translate'
    if random:
        assert not np.array_equal(first, run('here/a.png', seed=1))


def test_numbers_of_the_source() -> None:
    grey = np.full((200, 200, 3), 128, np.uint8)
    noise = corrupt('gaussian_noise', 5, grey)['img'].astype(float) - 128
    assert noise.std() == pytest.approx(0.08 * 255, rel=0.02)
    assert abs(noise.mean()) < 0.3
    specks = corrupt('salt_and_pepper_noise', 4, grey)['img']
    assert (specks == 0).mean() == pytest.approx(0.015, abs=0.002)
    assert (specks == 255).mean() == pytest.approx(0.015, abs=0.002)
    assert np.array_equal(corrupt('brightness_contrast', 1)['img'],
                          picture())
    assert corrupt('brightness_contrast', 5, grey)['img'][0, 0, 0] == round(
        128 * 0.2 + 0.4 * 255)
    assert corrupt('haze', 1, grey)['img'][0, 0, 0] == round(
        128 * 0.8 + 0.2 * 255)
    # stripes cover about count * width / diagonal of the picture
    black = (corrupt('gaps', 5, grey)['img'] == 0).all(2).mean()
    assert 0.5 < black / (6 * 7 / np.hypot(200, 200)) < 1.6
    line = np.zeros((9, 41, 3), np.uint8)
    line[:, 20] = 250
    moved = corrupt('motion_blur', 5, line)['img'][4, :, 0]
    assert (moved > 0).sum() == 10 and moved.max() == 25
    cloud = corrupt('clouds', 5, np.zeros((400, 400, 3), np.uint8))['img']
    assert cloud.max() == round(0.9 * 255) and 0.005 < (cloud > 0).mean() < .5


def test_fractal_noise_is_smooth_and_full_range() -> None:
    field = fractal_noise(300, 420, np.random.default_rng(3))
    assert field.shape == (300, 420)
    assert field.min() == 0 and field.max() == pytest.approx(1)
    assert np.abs(np.diff(field, axis=1)).max() < 0.2


def test_bands_and_ranges() -> None:
    rng = np.random.default_rng(0)
    ten = rng.integers(0, 10000, (64, 64, 10), dtype=np.uint16)
    for name in CORRUPTIONS:
        out = corrupt(name, 5, ten, value_range=10000.)['img']
        assert out.dtype == np.uint16 and out.shape == ten.shape
        assert out.max() <= 10000
    with pytest.raises(ConfigError, match='value_range'):
        corrupt('haze', 5, ten)
    grey = rng.integers(0, 255, (32, 32), dtype=np.uint8)
    for name in CORRUPTIONS:
        assert corrupt(name, 1, grey)['img'].shape == grey.shape


def test_arguments() -> None:
    with pytest.raises(ConfigError, match="'fog' is unknown.*haze"):
        Corrupt('fog')
    with pytest.raises(ConfigError, match='severity=6'):
        Corrupt('haze', 6)
    with pytest.raises(ConfigError, match="outside='drop'"):
        Corrupt('haze', 1, outside='drop')


def test_quarter_turn_is_exact() -> None:
    img = picture(64, 64)
    box = [[10., 20., 40., 20., 40., 30., 10., 30.]]
    results = Corrupt('rotate', 5)(dict(
        img=img, img_path='a.png', instances=[
            dict(bbox=box[0], bbox_label=1),
            dict(bbox=[10., 20., 40., 30.], bbox_label=2)]))
    assert np.array_equal(results['img'], np.rot90(img))
    # counter-clockwise: (x, y) goes to (y, width - x)
    np.testing.assert_allclose(results['instances'][0]['bbox'],
                               [20, 54, 20, 24, 30, 24, 30, 54], atol=1e-9)
    np.testing.assert_allclose(results['instances'][1]['bbox'],
                               [20, 24, 30, 54], atol=1e-9)


@pytest.mark.parametrize('name', GEOMETRIC)
@pytest.mark.parametrize('severity', [1, 3, 5])
def test_objects_move_with_their_pixels(name: str, severity: int) -> None:
    """A painted rectangle is found where its box says it is."""
    img = np.zeros((200, 260, 3), np.uint8)
    img[80:110, 100:160] = 255
    poly = [100., 80., 160., 80., 160., 110., 100., 110.]
    rbox = RotatedBoxes(torch.tensor([[130., 95., 60., 30., 0.]]))
    bitmap = (img[..., 0] > 0).astype(np.uint8)[None]
    instance = dict(bbox=poly, bbox_label=0, mask=[poly])
    out = Corrupt(name, severity)(dict(
        img=img, img_path='x.png', instances=[instance],
        gt_bboxes=rbox, gt_seg_map=bitmap[0],
        gt_masks=BitmapMasks(bitmap, 200, 260)))
    import cv2

    def painted(points: np.ndarray) -> np.ndarray:
        canvas = np.zeros((200, 260), np.uint8)
        cv2.fillPoly(canvas, [((points - 0.5) * 16).round().astype(
            np.int32)], 1, shift=4)
        return canvas > 0

    def iou(a: np.ndarray, b: np.ndarray) -> float:
        return (a & b).sum() / (a | b).sum()

    seen = out['img'][..., 0] > 127
    assert seen.sum() > 300
    raw = np.array(out['instances'][0]['bbox']).reshape(4, 2)
    assert iou(seen, painted(raw)) > 0.88
    mask = np.array(out['instances'][0]['mask'][0]).reshape(4, 2)
    np.testing.assert_allclose(mask, raw)
    corners = out['gt_bboxes'].convert_to('qbox').tensor.numpy()
    assert iou(seen, painted(corners.reshape(4, 2))) > 0.88
    assert iou(seen, out['gt_masks'].masks[0] > 0) > 0.9
    label = out['gt_seg_map'] == 1
    assert iou(seen, label) > 0.9
    assert instance['bbox'] == poly  # the dataset's own copy is untouched
    assert rbox.tensor[0, 0] == 130


def test_all_kinds_of_boxes_agree() -> None:
    points = np.array([30., 20., 70., 20., 70., 50., 30., 50.])
    matrix = draw_matrix('rotate', 2, 96, 128, np.random.default_rng(0))
    expected = (points.reshape(4, 2) @ matrix[:2, :2].T
                + matrix[:2, 2]).reshape(-1)
    quad = corrupt_boxes(QuadriBoxes(torch.tensor(points[None]).float()))
    np.testing.assert_allclose(quad.tensor.numpy()[0], expected, atol=1e-4)
    upright = corrupt_boxes(HorizontalBoxes(
        torch.tensor([[30., 20., 70., 50.]])))
    x, y = expected[0::2], expected[1::2]
    np.testing.assert_allclose(
        upright.tensor.numpy()[0], [x.min(), y.min(), x.max(), y.max()],
        atol=1e-4)
    array = corrupt_boxes(np.array([[30., 20., 70., 50.]], np.float32))
    np.testing.assert_allclose(array, upright.tensor.numpy(), atol=1e-4)
    masks = Corrupt('rotate', 2)(dict(
        img=picture(), img_path='b.png',
        gt_masks=PolygonMasks([[points]], 96, 128)))['gt_masks']
    np.testing.assert_allclose(masks.masks[0][0], expected)


def corrupt_boxes(boxes):
    return Corrupt('rotate', 2)(dict(img=picture(), img_path='b.png',
                                     gt_bboxes=boxes))['gt_bboxes']


def test_objects_outside() -> None:
    corner = [0., 0., 8., 8.]
    middle = [56., 40., 72., 56.]

    def run(outside: str) -> dict:
        return Corrupt('rotate', 2, outside=outside)(dict(
            img=picture(), img_path='b.png',
            instances=[dict(bbox=corner), dict(bbox=middle)],
            gt_bboxes=HorizontalBoxes(torch.tensor([corner, middle])),
            gt_bboxes_labels=np.array([4, 5]),
            gt_ignore_flags=np.array([False, False])))

    kept, removed = run('keep'), run('remove')
    assert len(kept['instances']) == len(kept['gt_bboxes']) == 2
    assert len(removed['instances']) == len(removed['gt_bboxes']) == 1
    assert removed['gt_bboxes_labels'].tolist() == [5]
    with pytest.raises(DataError, match='5 numbers'):
        Corrupt('rotate')(dict(img=picture(), img_path='b.png', instances=[
            dict(bbox=[1, 2, 3, 4, 0.5])]))


def test_run_length_masks() -> None:
    from pycocotools import mask as coder
    bitmap = np.zeros((96, 128), np.uint8)
    bitmap[30:60, 40:90] = 1
    matrix = draw_matrix('scale', 5, 96, 128, np.random.default_rng(0))
    code = coder.encode(np.asfortranarray(bitmap))
    moved = coder.decode(move_mask(code, matrix, (96, 128)))
    assert np.array_equal(moved, warp(bitmap, matrix, False, nearest=True))
    assert moved.sum() == bitmap.sum() // 4
    plain = dict(size=[4, 4], counts=[0, 16])  # uncompressed, all ones
    assert coder.decode(move_mask(plain, np.eye(3), (4, 4))).all()


def test_coco_file_agrees_with_the_transform(tmp_path: Path) -> None:
    poly = [30., 20., 70., 20., 70., 50., 30., 50.]
    source = tmp_path / 'a.json'
    source.write_text(json.dumps(dict(
        images=[dict(id=7, file_name='sub/b.png', height=96, width=128)],
        categories=[dict(id=3, name='ship')],
        annotations=[
            dict(id=1, image_id=7, category_id=3, bbox=[30, 20, 40, 30],
                 area=1200, iscrowd=0, segmentation=[poly]),
            dict(id=2, image_id=7, category_id=3, bbox=[0, 0, 8, 8],
                 area=64, iscrowd=0)])))
    for name in GEOMETRIC:
        corrupt_coco(str(source), str(tmp_path / 'b.json'), name, 2)
        data = json.loads((tmp_path / 'b.json').read_text())
        moved = Corrupt(name, 2)(dict(
            img=picture(), img_path='/other/b.png', instances=[
                dict(bbox=[30, 20, 70, 50], mask=[poly]),
                dict(bbox=[0, 0, 8, 8])]))['instances']
        for annotation, instance in zip(data['annotations'], moved):
            x1, y1, x2, y2 = instance['bbox']
            np.testing.assert_allclose(annotation['bbox'],
                                       [x1, y1, x2 - x1, y2 - y1])
            assert annotation['category_id'] == 3
        # 0.8 of 128 x 96 in whole pixels
        factor = 102 / 128 * 76 / 96 if name == 'scale' else 1
        assert data['annotations'][0]['area'] == pytest.approx(1200 * factor)
        assert data['annotations'][0]['segmentation'] == moved[0]['mask']
    corrupt_coco(str(source), str(tmp_path / 'c.json'), 'rotate', 2,
                 outside='remove')
    data = json.loads((tmp_path / 'c.json').read_text())
    assert [item['id'] for item in data['annotations']] == [1]
    source.write_text(json.dumps(dict(
        images=[dict(id=7, file_name='b.png')], annotations=[])))
    with pytest.raises(DataError, match='height'):
        corrupt_coco(str(source), str(tmp_path / 'd.json'), 'rotate', 2)
