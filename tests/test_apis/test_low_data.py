# Copyright (c) mmeo contributors. All rights reserved.
"""Shares of a training set: nested, reproducible, fair to classes."""

import json
from collections import Counter
from pathlib import Path

import cv2
import pytest
from mmengine.config import Config

from mmeo.apis import low_data
from mmeo.apis.low_data import run_low_data, share_config, write_subsets
from mmeo.benchmarks.low_data import (
    draw_low_data,
    measured_curve,
    paper_curves,
)
from mmeo.datasets import SubsetDataset
from mmeo.datasets.subset import nested_order
from mmeo.errors import ConfigError, DataError
from mmeo.registry import DATASETS

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = sorted((ROOT / 'projects').glob('[al]*/configs/*.py'))


class Names:
    """A dataset of images with classes; every tenth shows a rare one."""

    metainfo = dict(classes=('a', 'b', 'rare'))

    def __init__(self, number: int = 200, reverse: bool = False) -> None:
        self.infos = [dict(img_path=f'/x/{i:04d}.png', instances=[
            dict(bbox_label=i % 2), dict(bbox_label=2 if i % 50 == 0 else 0)])
            for i in range(number)]
        if reverse:
            self.infos.reverse()

    def get_data_info(self, index: int) -> dict:
        return self.infos[index]

    def __len__(self) -> int:
        return len(self.infos)

    def __getitem__(self, index: int) -> str:
        return self.infos[index]['img_path']


def names(**kwargs) -> set[str]:
    subset = SubsetDataset(Names(), **kwargs)
    return {subset[i] for i in range(len(subset))}


def test_shares_are_nested_and_of_the_right_size() -> None:
    for stratify in (False, True):
        shares = [names(fraction=f, stratify=stratify)
                  for f in (0.02, 0.05, 0.1, 0.2, 1.0)]
        assert [len(share) for share in shares] == [4, 10, 20, 40, 200]
        for small, large in zip(shares, shares[1:]):
            assert small < large
    assert len(names(fraction=0.0001)) == 1


def test_choice_depends_on_seed_and_names_alone() -> None:
    first = names(fraction=0.1)
    reverse = SubsetDataset(Names(reverse=True), fraction=0.1)
    assert {reverse[i] for i in range(len(reverse))} == first
    assert names(fraction=0.1, seed=1) != first
    assert first != {f'/x/{i:04d}.png' for i in range(20)}
    assert reverse.get_data_info(0)['img_path'] == reverse[0]
    assert reverse.metainfo['classes'] == ('a', 'b', 'rare')


def test_stratified_shares_show_every_class() -> None:
    labels = [[i['bbox_label'] for i in info['instances']]
              for info in Names().infos]
    for seed in range(20):
        order = nested_order([str(i) for i in range(200)], seed, labels)
        assert sorted(order) == list(range(200))
        found = Counter(label for i in order[:10] for label in set(labels[i]))
        assert found[2] == 1  # 4 of 200 images; the share is one twentieth
        assert 4 <= found[1] <= 5 + 1  # half of the images show class 1
    plain = [sum(2 in labels[i] for i in nested_order(
        [str(i) for i in range(200)], seed)[:10]) for seed in range(20)]
    assert 0 in plain  # what stratification is for


def test_names_file(tmp_path: Path) -> None:
    subset = SubsetDataset(Names(), fraction=0.05, seed=3)
    file = subset.write_names(str(tmp_path / 'a' / 's.txt'))
    again = SubsetDataset(Names(reverse=True), names_file=str(file))
    assert {again[i] for i in range(len(again))} == names(fraction=0.05,
                                                          seed=3)
    file.write_text('0001.png\nother.png\n')
    with pytest.raises(DataError, match='1 of 2 names.*other.png'):
        SubsetDataset(Names(), names_file=str(file))
    with pytest.raises(ConfigError, match='2 % is 0.02'):
        SubsetDataset(Names(), fraction=2)
    twice = Names()
    twice.infos[1]['img_path'] = '/y/0000.png'
    with pytest.raises(DataError, match='occur twice'):
        SubsetDataset(twice, fraction=0.5)
    plain = Names()
    for info in plain.infos:
        del info['instances']
    with pytest.raises(ConfigError, match='segmentation'):
        SubsetDataset(plain, stratify=True)


@pytest.mark.parametrize('path', CONFIGS, ids=lambda path: path.stem)
def test_project_configs(path: Path) -> None:
    cfg = Config.fromfile(path)
    dataset = cfg.train_dataloader.dataset
    if 'rsar-' in path.stem and path.stem.endswith('pct'):
        percent = int(path.stem[-6:-3])
        assert cfg.train_cfg.max_epochs == 36
        assert cfg.param_scheduler[1].milestones == [24, 33]
        if percent < 100:
            assert dataset.type == 'SubsetDataset'
            assert dataset.fraction == percent / 100
            dataset = dataset.dataset
        assert dataset.ann_file == 'train/annfiles'
    elif 'rsar-val' in path.stem:
        assert dataset.ann_file == 'val/annfiles'
        assert dataset.data_prefix.img_path == 'val/images'
        assert cfg.test_dataloader.dataset.ann_file == 'test/annfiles'
        pretrained = cfg.model.backbone.vit.init_cfg.checkpoint.split('/')[1]
        assert list((ROOT / 'configs/vitp').glob(f'*/{pretrained}.py'))
    assert DATASETS.get(dataset.type) is not None


def test_any_config_gets_a_share(synthearth: Path) -> None:
    seg = ROOT / ('configs/quickstart/vit-adapter-tiny_upernet_synthearth-'
                  'semseg.py')
    cfg = share_config(seg, 0.5)
    cfg.train_dataloader.dataset.dataset.data_root = str(
        synthearth / 'train' / 'semseg')
    full = DATASETS.build(cfg.train_dataloader.dataset.dataset)
    half = DATASETS.build(cfg.train_dataloader.dataset)
    assert len(half) == max(1, int(len(full) / 2 + 0.5))
    assert set(half[0]) == {'inputs', 'data_samples'}
    with pytest.raises(ConfigError, match='leave --epochs out'):
        share_config(seg, 0.5, epochs=36)
    rsar = ROOT / 'configs/vitp/rsar/vitp-l_oriented-rcnn_1x_rsar.py'
    cfg = share_config(rsar, 0.02, epochs=36)
    twin = Config.fromfile(
        ROOT / 'projects/low_data/configs/vitp-l_oriented-rcnn_3x_rsar-'
        '002pct.py')
    assert cfg.param_scheduler == twin.param_scheduler
    assert cfg.train_cfg == twin.train_cfg
    ours = cfg.train_dataloader.dataset.to_dict()
    theirs = twin.train_dataloader.dataset.to_dict()
    assert ours['dataset'] == theirs['dataset']
    assert ours['fraction'] == theirs['fraction'] == 0.02


def test_wrapped_datasets(tmp_path: Path) -> None:
    file = tmp_path / 'c.py'
    file.write_text(
        "train_dataloader = dict(dataset=dict(type='ConcatDataset', datasets=["
        "dict(type='RepeatDataset', times=2, dataset=dict(type='A')), "
        "dict(type='B')]))\n")
    cfg = share_config(file, 0.1, seed=4)
    first, second = cfg.train_dataloader.dataset.datasets
    assert first.type == 'RepeatDataset'
    assert first.dataset.type == second.type == 'mmeo.SubsetDataset'
    assert (first.dataset.dataset.type, second.dataset.type) == ('A', 'B')
    assert second.seed == 4
    original = Config.fromfile(file)
    share_config(original, 0.1)  # leaves its argument alone
    assert original.train_dataloader.dataset.datasets[1].type == 'B'


def test_subset_files(synthearth: Path, tmp_path: Path) -> None:
    config = tmp_path / 'c.py'
    config.write_text(
        "default_scope = 'mmeo'\ntrain_dataloader = dict(dataset=dict("
        f"type='DOTADataset', data_root={str(synthearth / 'train/dota')!r}, "
        'pipeline=[]))\n')
    small, full = write_subsets(config, str(tmp_path), (0.5, 1.0))
    assert small.name == 'subset_050pct_seed0.txt'
    assert set(small.read_text().split()) < set(full.read_text().split())
    assert len(full.read_text().split()) == len(
        list((synthearth / 'train/dota/images').iterdir()))


def test_curve(tmp_path: Path) -> None:
    reference = paper_curves()
    assert dict(reference['ViTP'])[2.0] == 46.98
    file = tmp_path / 'low_data.json'
    file.write_text(json.dumps(dict(config='c', runs=[
        dict(fraction=f, seed=s, metrics={'dota/AP50': f / 2 + s / 100})
        for f in (0.02, 0.2) for s in (0, 1)])))
    metric, curve = measured_curve(str(file), scale=100)
    assert metric == 'dota/AP50'
    assert curve == [(2.0, pytest.approx(1.5)), (20.0, pytest.approx(10.5))]
    out = draw_low_data({'ours': curve}, reference, str(tmp_path / 'a.png'))
    assert cv2.imread(str(out)).shape == (600, 840, 3)
    with pytest.raises(DataError, match="no 'mAP'"):
        measured_curve(str(file), 'mAP')


def test_run_goes_on_and_refuses_other_settings(tmp_path: Path,
                                                monkeypatch) -> None:
    """Each share is trained once, on its own number of samples."""
    seen = []

    def fake_train(config, work_dir, resume, seed):
        cfg = Config.fromfile(config)
        seen.append((cfg.train_dataloader.dataset.fraction, resume, seed))

    def fake_test(config, checkpoint, work_dir):
        Path(work_dir).mkdir()
        (Path(work_dir) / 'test_metrics.json').write_text(
            json.dumps(dict(metrics={'AP50': seen[-1][0]})))

    for name, function in (('train', fake_train), ('test', fake_test),
                           ('latest_checkpoint', lambda *a, **k: None)):
        monkeypatch.setattr(low_data, name, function)
    config = str(ROOT / 'configs/vitp/rsar/vitp-l_oriented-rcnn_1x_rsar.py')
    out = tmp_path / 'w'
    run_low_data(config, str(out), (0.1, 0.02), seed=3, epochs=36)
    file = run_low_data(config, str(out), (0.1, 0.05), seed=3, epochs=36)
    assert seen == [(0.02, 'auto', 3), (0.1, 'auto', 3), (0.05, 'auto', 3)]
    runs = json.loads(file.read_text())['runs']
    assert [(run['fraction'], run['metrics']['AP50']) for run in runs] == [
        (0.02, 0.02), (0.05, 0.05), (0.1, 0.1)]
    with pytest.raises(ConfigError, match='other settings'):
        run_low_data(config, str(out), (0.1, ), seed=3, epochs=12)
    run_low_data(config, str(out), (0.1, ), seed=3, epochs=12, stratify=True)
    assert len(seen) == 4
