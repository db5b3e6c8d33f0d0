# Copyright (c) mmeo contributors. All rights reserved.
"""Tools that show data, costs and curves, on things of known size."""

import json

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.structures import InstanceData, PixelData
from torch import nn

from mmeo.apis.config import describe, load_config
from mmeo.apis.flops import complexity
from mmeo.apis.logs import plot_curves, read_log, running_mean, train_time
from mmeo.errors import ConfigError, DataError, MissingDataError
from mmeo.registry import MODELS


@MODELS.register_module()
class CountedNet(nn.Module):
    """Its ``forward`` parts are called past ``__call__``, as mmseg does."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1, bias=False)
        self.head = nn.Sequential(nn.Linear(8, 5, bias=False))
        self.attention = nn.Module()

    def forward(self, x):
        x = self.conv(x).flatten(2).transpose(1, 2)  # (1, HW, 8)
        nn.functional.scaled_dot_product_attention(x, x, x)
        return self.head.forward(x)


def test_complexity_counts_exactly():
    cost = complexity(Config(dict(model=dict(type='CountedNet'))), (16, 8))
    pixels = 16 * 8
    assert cost.shape == (3, 16, 8)
    assert cost.params == dict(conv=8 * 3 * 9, head=8 * 5)
    assert cost.flops['conv'] == 2 * pixels * 8 * 3 * 9
    assert cost.flops['head'] == 2 * pixels * 8 * 5
    assert cost.flops['itself'] == 2 * 2 * pixels * pixels * 8  # attention
    assert 'total' in cost.table() and '256' in cost.table()
    with pytest.raises(ConfigError, match='--shape'):
        complexity(Config(dict(model=dict(type='CountedNet'))), (1, 2, 3, 4))
    with pytest.raises(ConfigError, match='no `model`'):
        complexity(Config(dict(train_cfg=None)))


def test_config_errors_name_the_place(tmp_path):
    file = tmp_path / 'mine.py'
    file.write_text('a = dict(b=[1, dict(c=2)])\n')
    cfg = load_config(file, {'a.b.1.c': 5})
    assert describe(cfg, 'a.b.1') == 'c = 5\n'
    assert describe(cfg, 'a.b.0') == '1'
    assert cfg.work_dir == 'work_dirs/mine'
    with pytest.raises(ConfigError, match="no 'x' in a, which has b"):
        describe(cfg, 'a.x')
    with pytest.raises(ConfigError, match='a.b.7 cannot be merged|a.b.7=1'):
        load_config(file, {'a.b.7': 1})
    with pytest.raises(ConfigError, match='nine.py does not exist.*mine.py'):
        load_config(tmp_path / 'nine.py')
    file.write_text('a = dict(b=1\n')
    with pytest.raises(ConfigError, match=r'mine.py:1: not valid Python'):
        load_config(file)
    file.write_text("_base_ = './gone.py'\n")
    with pytest.raises(ConfigError, match='gone.py'):
        load_config(file)
    file.write_text("custom_imports = dict(imports=['no_such_module'])\n")
    with pytest.raises(ConfigError, match='no_such_module'):
        load_config(file)


@pytest.fixture
def work_dir(tmp_path):
    """A run that was killed while writing, and its continuation."""
    first = [dict(step=i, iter=i, lr=1., loss=9. - i, time=2., data_time=1.)
             for i in range(1, 5)]
    text = '\n'.join(map(json.dumps, first)) + '\n{"step": 5, "lo'
    second = [dict(step=i, iter=i, lr=1., loss=5. - i, time=4., data_time=1.)
              for i in range(3, 7)] + [dict(step=6, mIoU=50., time=99.)]
    for name, content in (('20260101_000000', text), (
            '20260101_000100', '\n'.join(map(json.dumps, second)))):
        folder = tmp_path / 'run' / name / 'vis_data'
        folder.mkdir(parents=True)
        (folder / 'scalars.json').write_text(content)
    return tmp_path / 'run'


def test_logs_of_a_resumed_run_are_one_curve(work_dir):
    curves = read_log(str(work_dir))
    assert curves['loss'] == {1: 8., 2: 7., 3: 2., 4: 1., 5: 0., 6: -1.}
    assert curves['mIoU'] == {6: 50.}
    one = str(work_dir / '20260101_000000')
    assert train_time(one) == dict(mean=2., median=2., fastest=2.,
                                   slowest=2., data=0.5)
    with pytest.raises(MissingDataError, match='holds no log'):
        read_log(str(work_dir / 'nothing'))
    bad = work_dir / 'bad.json'
    bad.write_text('{"step": 1}\nnot json\n{"step": 2}\n')
    with pytest.raises(DataError, match='bad.json:2'):
        read_log(str(bad))


def test_curves_are_drawn(work_dir, tmp_path):
    out = plot_curves([str(work_dir)] * 2, ['loss'], ['a', 'b'],
                      str(tmp_path / 'new' / 'c.png'), smooth=2)
    picture = cv2.imread(str(out))
    assert picture.shape == (600, 960, 3)
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 20
    with pytest.raises(DataError, match="no 'mAP', but .*loss"):
        plot_curves([str(work_dir)], ['mAP'])
    with pytest.raises(DataError, match='1 legends for 1 logs x 2 keys'):
        plot_curves([str(work_dir)], ['loss', 'lr'], ['a'])
    assert running_mean([2, 4, 6, 8], 2) == [2, 3, 5, 7]


def sample(**fields):
    from mmengine.structures import BaseDataElement
    element = BaseDataElement()
    for key, value in fields.items():
        setattr(element, key, value)
    return element


def test_pictures_show_what_the_model_gets():
    from mmeo.visualization.samples import corners, draw_sample
    red = torch.zeros(3, 256, 256, dtype=torch.uint8)
    red[2] = 200  # blue, green, RED
    plain = draw_sample(dict(inputs=red), bgr=True)
    assert (plain[-10, 10] == (200, 0, 0)).all()
    assert (draw_sample(dict(inputs=red))[-10, 10] == (0, 0, 200)).all()
    label = torch.zeros(1, 256, 256, dtype=torch.long)
    label[:, 128:] = 1
    pair = draw_sample(
        dict(inputs=red.repeat(2, 1, 1),
             data_samples=sample(gt_sem_seg=PixelData(data=label))),
        dict(classes=('no', 'yes'), palette=[(0, 0, 0), (9, 99, 199)]))
    assert pair.shape[1] == 3 * 256 + 2 * 4  # A, B and label with gaps
    assert (pair[22 + 200, -10] == (9, 99, 199)).all()
    assert (pair[22 + 60, -10] == 0).all()
    boxes = torch.tensor([[100., 80., 60., 20., np.pi / 2]])
    assert np.allclose(sorted(map(tuple, corners(boxes)[0].round(3))),
                       [(90, 50), (90, 110), (110, 50), (110, 110)])
    drawn = draw_sample(
        dict(inputs=red, data_samples=sample(gt_instances=InstanceData(
            bboxes=boxes, labels=torch.tensor([1])))),
        dict(classes=('a', 'b'), palette=[(0, 0, 0), (0, 255, 0)]))
    # Twice enlarged, below a title: the left side is a green line.
    line = drawn[22 + 160, 178:183].astype(int)  # smoothed edges
    assert (line[:, 1] > line[:, 0]).any() and not (line[:, 1] > 0).all()
    bands = draw_sample(dict(inputs=torch.randn(10, 32, 32)),
                        bands=(3, 2, 1))
    assert bands.shape == (22 + 256, 256, 3)


def test_picture_of_a_dialogue_marks_what_is_learned():
    from mmeo.visualization.samples import draw_sample

    class Tokenizer:
        def decode(self, ids):
            return ' '.join(f'w{i}' for i in ids)
    packed = dict(inputs=dict(
        pixel_values=torch.full((2, 3, 56, 56), 100, dtype=torch.uint8),
        input_ids=torch.arange(6), image_mask=torch.tensor(
            [False, True, True, False, False, False]),
        labels=torch.tensor([-100, -100, -100, -100, 4, 5])))
    picture = draw_sample(packed, tokenizer=Tokenizer())
    assert (picture[10, 10] == 100).all()
    green = (picture == (20, 130, 60)).all(-1)
    given = (picture == (40, 40, 40)).all(-1)
    assert green.sum() > 5 and given.sum() > 5
    packed['inputs']['labels'][:] = -100
    plain = draw_sample(packed, tokenizer=Tokenizer())
    assert not (plain == (20, 130, 60)).all(-1).any()


def test_browse_writes_augmented_samples(synthearth, tmp_path):
    from mmeo.apis import browse
    cfg = Config(dict(
        default_scope='mmeo',
        train_dataloader=dict(dataset=dict(
            type='LoveDADataset',
            data_root=str(synthearth / 'train' / 'semseg'),
            data_prefix=dict(img_path='img_dir', seg_map_path='ann_dir'),
            pipeline=[dict(type='LoadImage'),
                      dict(type='LoadGeoAnnotations'),
                      dict(type='mmseg.RandomCrop', crop_size=(96, 128)),
                      dict(type='mmseg.PackSegInputs')]))))
    files = browse(cfg, str(tmp_path), number=2)
    assert [f.name for f in files] == ['train_00000_0000.png',
                                       'train_00003_0003.png']
    # Enlarged twice, image and label side by side, with a title.
    picture = cv2.imread(str(files[0]))
    assert picture.shape[1] == 2 * 256 + 4 and picture.shape[0] > 192 + 22
    with pytest.raises(ConfigError, match='no `val_dataloader`'):
        browse(cfg, str(tmp_path), split='val')
