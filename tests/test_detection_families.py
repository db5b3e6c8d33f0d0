# Copyright (c) mmeo contributors. All rights reserved.
"""Each family of detectors on each form of data: a step, TTA, overfitting.

The tiny configs take real samples by another ``data_root``, file and list of
classes; ViTP's dataset configs take SynthEarth by another ``data_root`` and
list of classes.
"""

import copy
import json
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from PIL import Image

from mmeo.apis.testing import test as run_test
from mmeo.apis.training import build_runner
from mmeo.builder import build
from mmeo.datasets.converters.ssdd import convert_split
from mmeo.datasets.converters.voc import convert_dior, voc_to_coco
from mmeo.datasets.dota_text import read_dota
from mmeo.datasets.synthetic.classes import INSTANCE_CLASSES

CONFIGS = 'configs/quickstart/vit-adapter-tiny_{}.py'
CASCADE = 'cascade-rcnn_synthearth-coco'
MASK = 'mask-rcnn_synthearth-coco'
ORIENTED = 'oriented-rcnn_synthearth-dota'
NWPU = ('airplane', 'ship', 'storage_tank', 'baseball_diamond',
        'tennis_court', 'basketball_court', 'ground_track_field', 'harbor',
        'bridge', 'vehicle')


def load(root: Path, name: str, work_dir: Path) -> Config:
    cfg = Config.fromfile(root / CONFIGS.format(name))
    cfg.work_dir = str(work_dir)
    cfg.experiment_name = work_dir.name
    cfg.log_level = 'WARNING'
    cfg.custom_hooks = []
    init_default_scope('mmeo')
    return cfg


def point(cfg: Config, folder: Path, **dataset) -> None:
    """Read other data through the same config."""
    for loader in ('train', 'val', 'test'):
        cfg[f'{loader}_dataloader'].dataset.update(
            data_root=str(folder), **dataset)
    if 'ann_file' in dataset and dataset['ann_file'].endswith('.json'):
        for evaluator in ('val_evaluator', 'test_evaluator'):
            cfg[evaluator].ann_file = str(folder / dataset['ann_file'])


def use_nwpu(cfg: Config, folder: Path,
             ann_file: str = 'instances_subset.json') -> None:
    point(cfg, folder, ann_file=ann_file, data_prefix=dict(img='images'),
          metainfo=dict(classes=NWPU))
    _set_classes(cfg, len(NWPU))


def use_ssdd(cfg: Config, folder: Path) -> None:
    out = Path(cfg.work_dir) / 'ssdd'
    convert_split(folder / 'coco_annotations/train.json',
                  folder / 'JPEGImages', out, 'train')
    point(cfg, out, ann_file='annotations/train.json',
          data_prefix=dict(img='images/train'),
          metainfo=dict(classes=('ship', )))
    _set_classes(cfg, 1)


def _set_classes(cfg: Config, number: int) -> None:
    heads = cfg.model.roi_head
    boxes = heads.bbox_head
    for head in boxes if isinstance(boxes, list) else [boxes]:
        head.num_classes = number
    if 'mask_head' in heads:
        heads.mask_head.num_classes = number


CASES = [(CASCADE, 'horizontal/nwpu_vhr10', use_nwpu),
         (MASK, 'horizontal/ssdd', use_ssdd),
         (ORIENTED, 'oriented/dota_yolo_demo', point)]


@pytest.mark.parametrize('config, folder, use', CASES)
def test_a_few_steps_lower_the_loss(config, folder, use, repo_root,
                                    real_sample, tmp_path):
    cfg = load(repo_root, config, tmp_path)
    use(cfg, real_sample(folder))
    cfg.train_dataloader.batch_size = 1
    cfg.train_dataloader.dataset.pipeline[-3].crop_size = (160, 160)
    np.random.seed(0)
    torch.manual_seed(0)
    runner = build_runner(cfg)
    runner.model.init_weights()
    runner.model.train()
    batch = next(iter(runner.build_dataloader(cfg.train_dataloader, seed=0)))
    optim = runner.build_optim_wrapper(cfg.optim_wrapper)
    losses = [runner.model.train_step(copy.deepcopy(batch),
                                      optim)['loss'].item()
              for _ in range(3)]
    assert np.isfinite(losses).all()
    assert losses[-1] < 0.9 * losses[0], losses


@pytest.mark.parametrize('config, folder, use', CASES)
def test_multi_scale_tta_on_rectangular_images(config, folder, use, repo_root,
                                               real_sample, tmp_path):
    cfg = load(repo_root, config, tmp_path)
    use(cfg, real_sample(folder))
    # Random heads find little that is sure of itself.
    cfg.model.test_cfg.rcnn.update(score_thr=0.01, max_per_img=5)
    base = Config.fromfile(repo_root / {
        CASCADE: 'configs/_base_/datasets/dior.py',
        MASK: 'configs/_base_/datasets/ssdd.py',
        ORIENTED: 'configs/_base_/datasets/diorr.py'}[config])
    cfg.tta_model, cfg.tta_pipeline = base.tta_model, base.tta_pipeline
    sizes = [(128, 96), (160, 128)]
    cfg.model.test_cfg.rpn.max_per_img = 30
    scales = cfg.tta_pipeline[1].transforms[0]
    del scales[2:]
    for resize, size in zip(scales, sizes):
        resize.scale = size
    cfg.test_dataloader.dataset.indices = 1
    seen = []
    cfg.test_evaluator = dict(type='Keep', seen=seen)
    metrics = run_test(cfg, None, tta=True)
    assert metrics['kept'] == 1
    for found in Keep.seen:
        assert len(found['scores']) <= 100
        height, width = found['shape']
        assert height != width
        if config == MASK:
            assert found['masks'].shape[1:] == (height, width)
            assert found['masks'].dtype == torch.bool


def _register_keep():
    from mmengine.evaluator import BaseMetric

    from mmeo.registry import METRICS

    class Keep(BaseMetric):
        """Hands the predictions to the test."""

        seen: list = []

        def __init__(self, seen, **kwargs):
            super().__init__(**kwargs)
            type(self).seen = []

        def process(self, batch, samples):
            for item in samples:
                found = item['pred_instances']
                kept = dict(scores=found['scores'], shape=item['ori_shape'])
                if 'masks' in found:
                    kept['masks'] = found['masks']
                type(self).seen.append(kept)
                self.results.append(1)

        def compute_metrics(self, results):
            return dict(kept=len(results))

    return METRICS.register_module(module=Keep, force=True) or Keep


Keep = _register_keep()


def dior_tree(source: Path, root: Path) -> Path:
    """SynthEarth in the tree of DIOR and DIOR-R."""
    lists = root / 'ImageSets/Main'
    lists.mkdir(parents=True)
    for split, part, folder in (('train', 'train', 'JPEGImages-trainval'),
                                ('test', 'val', 'JPEGImages-test')):
        dota = source / part / 'dota'
        names = []
        for image in sorted((dota / 'images').glob('*.png')):
            names.append(f'{part}{image.stem}')
            target = root / folder / f'{names[-1]}.jpg'
            target.parent.mkdir(parents=True, exist_ok=True)
            with Image.open(image) as picture:
                picture.save(target)
            _write_xmls(root / 'Annotations', names[-1],
                        source / part / f'voc/Annotations/{image.stem}.xml',
                        dota / f'labelTxt/{image.stem}.txt')
        (lists / f'{split}.txt').write_text('\n'.join(names))
    (lists / 'val.txt').write_text('')
    return root


def _write_xmls(root: Path, name: str, upright: Path, text: Path) -> None:
    for folder in ('Horizontal', 'Oriented'):
        (root / f'{folder} Bounding Boxes').mkdir(parents=True,
                                                  exist_ok=True)
    (root / f'Horizontal Bounding Boxes/{name}.xml').write_text(
        upright.read_text())
    corners = [f'{axis}_{place}' for place in (
        'left_top', 'right_top', 'right_bottom', 'left_bottom')
        for axis in 'xy']
    objects = ''.join(
        f'<object><name>{item.name}</name><robndbox>' + ''.join(
            f'<{tag}>{value}</{tag}>'
            for tag, value in zip(corners, item.corners)) +
        '</robndbox></object>' for item in read_dota(text).objects)
    (root / f'Oriented Bounding Boxes/{name}.xml').write_text(
        f'<annotation>{objects}</annotation>')


def rsar_tree(source: Path, root: Path) -> Path:
    """SynthEarth in the tree of RSAR, with two image formats."""
    for split, part in (('train', 'train'), ('test', 'val')):
        for number, text in enumerate(sorted(
                (source / part / 'dota/labelTxt').glob('*.txt'))):
            label = root / split / 'annfiles' / text.name
            label.parent.mkdir(parents=True, exist_ok=True)
            label.write_text(text.read_text())
            image = root / split / 'images' / text.stem
            image.parent.mkdir(parents=True, exist_ok=True)
            with Image.open(text.parent.parent /
                            f'images/{text.stem}.png') as picture:
                picture.save(f'{image}.{("jpg", "bmp")[number % 2]}')
    return root


def objects_of(section: Config) -> tuple[int, list]:
    """Number of boxes that a loader's dataset yields, and input sizes."""
    dataset = build(section.dataset)
    boxes, sizes = 0, []
    for i in range(len(dataset)):
        packed = dataset[i]
        boxes += len(packed['data_samples'].gt_instances)
        boxes += len(packed['data_samples'].ignored_instances)
        sizes.append(tuple(packed['inputs'].shape[1:]))
    return boxes, sizes


def test_synthearth_through_the_configs_of_dior(synthearth, repo_root,
                                                tmp_path):
    root = dior_tree(synthearth, tmp_path / 'dior')
    for split, folder in (('trainval', 'trainval'), ('test', 'test')):
        # As `dior.py` does, with the classes of SynthEarth.
        lists = root / 'ImageSets/Main'
        names = (lists / f'{"train" if folder == "trainval" else "test"}'
                 '.txt').read_text().split()
        (lists / f'{split}.txt').write_text('\n'.join(names))
        voc_to_coco(root / f'JPEGImages-{folder}',
                    root / 'Annotations/Horizontal Bounding Boxes',
                    root / f'annotations/{split}.json', INSTANCE_CLASSES,
                    names)
    for name, classes, family in (
            ('dior/vitp-l_cascade-rcnn_1x_dior', INSTANCE_CLASSES,
             'annotations/test.json'),
            ('diorr/vitp-l_oriented-rcnn_1x_diorr', INSTANCE_CLASSES, None)):
        cfg = Config.fromfile(repo_root / f'configs/vitp/{name}.py')
        for loader in ('train_dataloader', 'test_dataloader'):
            cfg[loader].dataset.update(data_root=str(root),
                                       metainfo=dict(classes=classes))
        boxes, sizes = objects_of(cfg.test_dataloader)
        assert set(sizes) == {(1024, 1024)}
        if family:
            document = json.loads((root / family).read_text())
            assert boxes == len(document['annotations']) > 0
        else:
            assert boxes == sum(
                len(read_dota(path).objects) for path in
                (synthearth / 'val/dota/labelTxt').glob('*.txt')) > 0
        boxes, sizes = objects_of(cfg.train_dataloader)
        assert boxes > 0 and set(sizes) == {(1024, 1024)}


def test_dior_has_no_other_classes(synthearth, tmp_path):
    from mmeo.errors import DataError
    root = dior_tree(synthearth, tmp_path / 'dior')
    with pytest.raises(DataError, match='unknown class'):
        convert_dior(root)


def test_synthearth_through_the_config_of_rsar(synthearth, repo_root,
                                               tmp_path):
    root = rsar_tree(synthearth, tmp_path / 'rsar')
    cfg = Config.fromfile(
        repo_root / 'configs/vitp/rsar/vitp-l_oriented-rcnn_1x_rsar.py')
    for loader in ('train_dataloader', 'test_dataloader'):
        cfg[loader].dataset.update(
            data_root=str(root), metainfo=dict(classes=INSTANCE_CLASSES[:-1]))
    boxes, sizes = objects_of(cfg.test_dataloader)
    assert boxes == sum(len(read_dota(path).objects) for path in
                        (synthearth / 'val/dota/labelTxt').glob('*.txt'))
    assert set(sizes) == {(800, 800)}
    boxes, sizes = objects_of(cfg.train_dataloader)
    assert boxes > 0 and set(sizes) == {(800, 800)}


@pytest.mark.parametrize('path, labels, names', [
    ('diorr/vitp-l_oriented-rcnn_1x_diorr', [5, 15, 19],
     ['chimney', 'storagetank', 'windmill']),
    ('dotav2/vitp-l_oriented-rcnn_1x_dotav2', [9, 11, 16],
     ['storage-tank', 'roundabout', 'airport']),
    ('rsar/vitp-l_oriented-rcnn_1x_rsar', [3], ['tank'])])
def test_classes_without_direction(path, labels, names, repo_root):
    from mmeo.registry import DATASETS
    cfg = Config.fromfile(repo_root / f'configs/vitp/{path}.py')
    dataset = cfg.train_dataloader.dataset
    rotate = next(t for t in dataset.pipeline if 'Rotate' in t.type)
    classes = DATASETS.get(dataset.type).METAINFO['classes']
    assert rotate.rect_obj_labels == labels
    assert [classes[i] for i in labels] == names
    assert cfg.model.roi_head.bbox_head.num_classes == len(classes)


def overfit(cfg: Config, iters: int, lr: float) -> dict[str, float]:
    """Train without augmentation, evaluate on the same images."""
    pipeline = cfg.train_dataloader.dataset.pipeline
    cfg.train_dataloader.dataset.pipeline = [
        t for t in pipeline if 'Random' not in t['type']]
    cfg.train_cfg.update(max_iters=iters, val_interval=iters)
    cfg.param_scheduler[1].end = iters
    cfg.optim_wrapper.optimizer.update(lr=lr, weight_decay=0.0)
    cfg.optim_wrapper.paramwise_cfg.layer_decay_rate = 1.0
    cfg.default_hooks.checkpoint.interval = iters
    started = time.time()
    runner = build_runner(cfg)
    runner.train()
    metrics = runner.test()
    print(f'{cfg.experiment_name}: {time.time() - started:.0f} s, {metrics}')
    return metrics


def crop_coco(source: Path, target: Path, images: list[str],
              size: int = 256) -> int:
    """Windows around objects of some images; boxes that they cut are crowds.

    Returns:
        Number of whole objects.
    """
    document = json.loads((source / 'instances_subset.json').read_text())
    records, annotations, whole = [], [], 0
    (target / 'images').mkdir(parents=True)
    for image in document['images']:
        if image['file_name'] not in images:
            continue
        mine = [a for a in document['annotations']
                if a['image_id'] == image['id']]
        x, y = (int(np.clip(np.mean([a['bbox'][i] + a['bbox'][i + 2] / 2
                                     for a in mine]) - size / 2, 0,
                            image[side] - size))
                for i, side in ((0, 'width'), (1, 'height')))
        with Image.open(source / 'images' / image['file_name']) as picture:
            picture.crop((x, y, x + size, y + size)).save(
                target / 'images' / f'{image["id"]}.png')
        records.append(dict(image, file_name=f'{image["id"]}.png',
                            width=size, height=size))
        for ann in mine:
            left, top, width, height = ann['bbox']
            left, top = left - x, top - y
            inside = (min(left, top) >= 0 and left + width <= size and
                      top + height <= size)
            outline = [[v - (x, y)[i % 2] for i, v in enumerate(part)]
                       for part in ann['segmentation']]
            if not inside and (left >= size or top >= size or
                               left + width <= 0 or top + height <= 0):
                continue
            whole += inside
            annotations.append(dict(
                ann, bbox=[left, top, width, height], segmentation=outline,
                iscrowd=int(not inside)))
    (target / 'instances.json').write_text(json.dumps(dict(
        document, images=records, annotations=annotations)))
    return whole


@pytest.mark.slow
@pytest.mark.parametrize('config, key', [
    (CASCADE, ['coco/bbox_mAP_50']),
    (MASK, ['coco/bbox_mAP_50', 'coco/segm_mAP_50'])])
def test_overfit_nwpu(config, key, repo_root, real_sample, tmp_path):
    source = real_sample('horizontal/nwpu_vhr10')
    assert crop_coco(source, tmp_path / 'data',
                     ['018.jpg', '323.jpg', '519.jpg']) >= 5
    cfg = load(repo_root, config, tmp_path)
    use_nwpu(cfg, tmp_path / 'data', 'instances.json')
    cfg.train_dataloader.batch_size = 3
    metrics = overfit(cfg, 200, 1e-3)
    assert all(metrics[name] > 0.8 for name in key)


@pytest.mark.slow
def test_overfit_ssdd(repo_root, real_sample, tmp_path):
    cfg = load(repo_root, MASK, tmp_path)
    use_ssdd(cfg, real_sample('horizontal/ssdd'))
    resize = dict(type='mmdet.Resize', scale=(320, 224), keep_ratio=True)
    cfg.train_dataloader.dataset.pipeline.insert(2, resize)
    cfg.test_dataloader.dataset.pipeline[1] = resize
    cfg.val_dataloader.dataset.pipeline[1] = resize
    cfg.train_dataloader.batch_size = 2
    metrics = overfit(cfg, 150, 1e-3)
    assert metrics['coco/bbox_mAP_50'] > 0.8
    assert metrics['coco/segm_mAP_50'] > 0.8
