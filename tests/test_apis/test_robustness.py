# Copyright (c) mmeo contributors. All rights reserved.
"""A detector that reads pixels, under corruptions that move them."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.model import BaseModel
from mmengine.structures import InstanceData

from mmeo.apis import robustness
from mmeo.apis.config import load_config
from mmeo.apis.robustness_config import corrupted, insert
from mmeo.benchmarks.paper_tables import load_tables
from mmeo.benchmarks.robustness import Robustness, robustness_table
from mmeo.benchmarks.run_record import find_records
from mmeo.datasets.transforms.corrupt import CORRUPTIONS
from mmeo.errors import ConfigError
from mmeo.registry import MODELS


@MODELS.register_module()
class BlobDetector(BaseModel):
    """Finds white rectangles on dark ground, oriented or upright."""

    calls = 0

    def __init__(self, oriented: bool = True) -> None:
        super().__init__()
        self.oriented = oriented
        self.weight = torch.nn.Parameter(torch.zeros(1))

    def forward(self, inputs, data_samples=None, mode='tensor'):
        type(self).calls += 1
        for image, sample in zip(inputs, data_samples):
            white = (image.min(0).values > 127).numpy().astype(np.uint8)
            contours, _ = cv2.findContours(white, cv2.RETR_EXTERNAL,
                                           cv2.CHAIN_APPROX_NONE)
            boxes = [self._box(each) for each in contours
                     if len(each) > 8]
            boxes = torch.tensor(boxes).float().reshape(
                -1, 5 if self.oriented else 4)
            sample.pred_instances = InstanceData(
                bboxes=boxes, scores=torch.ones(len(boxes)),
                labels=torch.zeros(len(boxes), dtype=torch.long))
        return data_samples

    def _box(self, contour: np.ndarray) -> list[float]:
        if not self.oriented:
            x, y, w, h = cv2.boundingRect(contour)
            return [x, y, x + w, y + h]
        (x, y), (w, h), angle = cv2.minAreaRect(contour)
        # contours run through the centres of pixels
        return [x + .5, y + .5, w + 1, h + 1, np.radians(angle)]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Four images of rectangles near the middle, in DOTA's and COCO's form."""
    rng = np.random.default_rng(0)
    coco = dict(images=[], annotations=[], categories=[
        dict(id=1, name='plane')])
    for folder in ('images', 'labelTxt'):
        (tmp_path / folder).mkdir()
    for i in range(4):
        img = rng.integers(0, 40, (160, 160, 3)).astype(np.uint8)
        lines = []
        for x, y in ((50, 52), (92, 88), (56, 96)):
            w, h = rng.integers(20, 30), rng.integers(12, 18)
            img[y:y + h, x:x + w] = 255
            lines.append(f'{x} {y} {x + w} {y} {x + w} {y + h} {x} {y + h} '
                         'plane 0')
            coco['annotations'].append(dict(
                id=len(coco['annotations']) + 1, image_id=i, category_id=1,
                bbox=[int(x), int(y), int(w), int(h)], area=int(w * h),
                iscrowd=0, segmentation=[[
                    int(v) for v in (x, y, x + w, y, x + w, y + h, x,
                                     y + h)]]))
        cv2.imwrite(str(tmp_path / 'images' / f'{i}.png'), img)
        (tmp_path / 'labelTxt' / f'{i}.txt').write_text('\n'.join(lines))
        coco['images'].append(dict(id=i, file_name=f'{i}.png', height=160,
                                   width=160))
    (tmp_path / 'coco.json').write_text(json.dumps(coco))
    return tmp_path


def config(root: Path, oriented: bool) -> str:
    load = ("dict(type='mmdet.LoadAnnotations', with_bbox=True, "
            "box_type='qbox'), dict(type='mmrotate.ConvertBoxType', "
            "box_type_mapping=dict(gt_bboxes='rbox')), ") if oriented else ''
    dataset = (
        "dict(type='DOTADataset', img_suffix='png', "
        if oriented else "dict(type='mmdet.CocoDataset', "
        "ann_file='coco.json', data_prefix=dict(img='images'), "
        "metainfo=dict(classes=('plane', )), ")
    evaluator = (
        "dict(type='RotatedAPMetric', iou_thrs=[0.5])" if oriented else
        f"dict(type='mmdet.CocoMetric', ann_file='{root}/coco.json', "
        "metric='bbox')")
    file = root / f'blob_{oriented}.py'
    file.write_text(f"""
default_scope = 'mmeo'
model = dict(type='BlobDetector', oriented={oriented})
test_dataloader = dict(
    batch_size=1, num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    collate_fn=dict(type='pseudo_collate'),
    dataset={dataset} data_root='{root}', test_mode=True, pipeline=[
        dict(type='LoadImage'), {load}
        dict(type='mmdet.PackDetInputs', meta_keys=(
            'img_id', 'img_path', 'ori_shape', 'img_shape'))]))
test_cfg = dict()
test_evaluator = {evaluator}
""")
    return str(file)


@pytest.mark.parametrize('oriented', [True, False])
def test_ground_truth_follows_the_pixels(data: Path, oriented: bool) -> None:
    """A perfect detector stays perfect where objects only move."""
    path, out = config(data, oriented), str(data / 'out')
    moves = ['rotate', 'scale', 'translate']
    robustness(path, None, out, moves, (5, ))
    state = robustness(path, None, out, ['haze'], (1, 5))
    assert state.metric.endswith('AP50' if oriented else 'mAP_50')
    assert state.clean == pytest.approx(1)
    for name in moves:
        assert state.results[name] == {5: pytest.approx(1)}, name
    assert state.results['haze'][1] == pytest.approx(1)
    # 60 % white lifts the ground above the threshold: all one blob
    assert state.results['haze'][5] == 0
    assert state.delta_tp == pytest.approx(
        1 - np.mean(list(state.means.values())))


def test_corruptions_do_not_pile_up(data: Path) -> None:
    cfg = load_config(config(data, False), None, str(data / 'out'))
    before = cfg.pretty_text
    for name in ('rotate', 'haze'):
        variant = corrupted(cfg, name, 5)
        steps = variant.test_dataloader.dataset.pipeline
        assert [step.get('corruption') for step in steps] == [None, name,
                                                              None]
        moved = variant.test_evaluator.ann_file.endswith(
            'rotate-5/annotations_0.json')
        assert moved == (name == 'rotate')
        assert cfg.pretty_text == before


def test_resumes_and_records(data: Path, capsys) -> None:
    path, out = config(data, True), data / 'out'
    robustness(path, None, str(out), ['haze'], (1, ))
    calls = BlobDetector.calls
    state = robustness(path, None, str(out), ['haze', 'gaps'], (1, ))
    assert BlobDetector.calls == calls + 4  # four images of one test
    assert 'haze 1: done before' in capsys.readouterr().out
    assert set(state.results) == {'haze', 'gaps'}
    robustness(path, None, str(out), ['haze'])
    record = find_records(out)[-1]
    # gaps lacks severities, and the average ten corruptions
    assert set(record['metrics']) == {'robustness/clean', 'robustness/haze'}
    assert record['dataset']['images'] == 4
    assert cv2.imread(str(out / 'robustness.png')) is not None
    assert '| haze |' in (out / 'robustness.md').read_text()
    with pytest.raises(ConfigError, match='results of another seed: 0, not'):
        robustness(path, None, str(out), ['haze'], seed=1)
    with pytest.raises(ConfigError, match='name one of them with --metric'):
        robustness(path, None, str(data / 'new'), ['haze'], metric='F1')


def test_what_cannot_be_corrupted() -> None:
    load, pack = dict(type='LoadImage'), dict(type='mmseg.PackSegInputs')
    haze, rotate = dict(corruption='haze'), dict(corruption='rotate')
    assert insert([load, pack], haze) == [load, haze, pack]
    with pytest.raises(ConfigError, match='nine corruptions of appearance'):
        insert([load, pack], rotate)
    with pytest.raises(ConfigError, match='loads a single image'):
        insert([dict(type='LoadChangePair'), pack], haze)
    with pytest.raises(ConfigError, match='--corruptions fog: choose'):
        robustness('none.py', None, corruptions=['fog'])
    with pytest.raises(ConfigError, match='of 1 to 5'):
        robustness('none.py', None, severities=(0, ))


def test_definitions_are_those_of_table_16() -> None:
    """The paper's own cells give the paper's own average and drop."""
    part = next(table for table in load_tables('vitp')
                if table.number == '16').parts[0]
    keys = {column.key: column.name for column in part.columns}
    state = Robustness(metric='AP50', clean=part.value('ViTP', 'Clean'))
    for name in CORRUPTIONS:
        value = part.value('ViTP', keys[f'robustness/{name}'])
        state.results[name] = dict.fromkeys(range(1, 6), value)
    assert state.is_complete
    assert state.average == pytest.approx(69.00, abs=0.01)
    assert state.delta_tp == pytest.approx(4.37, abs=0.01)
    assert set(state.metrics()) == set(keys)
    text = robustness_table(state)
    assert '| **average** |' in text and "the paper's ΔTP" in text
    again = Robustness.from_dict(json.loads(json.dumps(state.to_dict())))
    assert again == state
