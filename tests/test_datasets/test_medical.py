# Copyright (c) mmeo contributors. All rights reserved.
"""Medical volumes to slices: orientation, windows, splits, messages."""

import subprocess
import sys

import numpy as np
import pytest
from mmengine.config import Config
from PIL import Image

from mmeo.datasets import AMOSDataset, BraTSDataset, COVIDQUExDataset
from mmeo.datasets.converters import amos, brats, covid_quex
from mmeo.datasets.converters.slices import (
    SlicePolicy,
    split_cases,
    write_case,
)
from mmeo.datasets.converters.volumes import (
    PLANES,
    check_same_grid,
    read_mask,
    read_volume,
    scale_percentiles,
    take_slice,
    window_hu,
)
from mmeo.errors import ConfigError, DataError, MissingDataError

nib = pytest.importorskip('nibabel')
RAS = np.diag([2.0, 3.0, 5.0, 1.0])


def save(array, path, affine=RAS, dtype=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(np.asarray(array, dtype or np.int16), affine),
             path)
    return path


def reoriented(array, codes, path):
    """The same scan, stored along other axes."""
    image = nib.Nifti1Image(array.astype(np.int16), RAS)
    turn = nib.orientations.ornt_transform(
        nib.orientations.io_orientation(RAS),
        nib.orientations.axcodes2ornt(codes))
    nib.save(image.as_reoriented(turn), path)
    return path


# -- reading ------------------------------------------------------------------
@pytest.mark.parametrize('codes', ['RAS', 'LPS', 'LAS', 'PIR', 'ASL', 'IPL'])
def test_every_orientation_reads_the_same(codes, tmp_path):
    rng = np.random.default_rng(0)
    array = rng.integers(-1000, 1000, (3, 4, 5))
    volume = read_volume(reoriented(array, codes, tmp_path / 'v.nii.gz'))
    assert np.array_equal(volume.array, array)
    np.testing.assert_allclose(volume.affine, RAS, atol=1e-4)


def test_pictures_look_as_a_radiologist_expects():
    array = np.zeros((4, 5, 6), np.uint8)  # (right, anterior, superior)
    array[3, 4, 5] = 1  # patient's right, front, top
    axial = take_slice(array, 'axial', 5)
    assert axial.shape == (5, 4) and axial[0, 0] == 1  # up left
    coronal = take_slice(array, 'coronal', 4)
    assert coronal.shape == (6, 4) and coronal[0, 0] == 1
    sagittal = take_slice(array, 'sagittal', 3)
    assert sagittal.shape == (6, 5) and sagittal[0, 0] == 1


def test_window_and_percentiles():
    hu = np.array([-1000, -160, 40, 240, 3000])
    assert window_hu(hu, 40, 400).tolist() == [0, 0, 128, 255, 255]
    with pytest.raises(ConfigError, match='0 HU is empty'):
        window_hu(hu, 40, 0)
    mri = np.concatenate([np.zeros(500), np.arange(1, 1001)])
    grey = scale_percentiles(mri)
    assert grey[:500].max() == 0 and grey[-1] == 255
    # The outside does not count: the middle of the body is half grey.
    assert abs(int(grey[1000]) - 127) <= 1
    for bad, words in [(np.zeros(3), '0 everywhere'),
                       (np.array([0, 7, 7]), 'lie at 7')]:
        with pytest.raises(DataError, match=words):
            scale_percentiles(bad)


def test_image_and_mask_must_share_their_grid(tmp_path):
    image = read_volume(save(np.ones((4, 5, 6)), tmp_path / 'ct.nii.gz'))
    small = read_volume(save(np.ones((4, 5, 5)), tmp_path / 'a.nii.gz'))
    with pytest.raises(DataError, match=r'\(4, 5, 6\).*\(4, 5, 5\)'):
        check_same_grid(image, small)
    moved = RAS.copy()
    moved[2, 3] = 7.5
    shifted = read_volume(
        save(np.ones((4, 5, 6)), tmp_path / 'b.nii.gz', moved))
    with pytest.raises(DataError, match='up to 7.5 mm'):
        check_same_grid(image, shifted)
    # Stored along other axes it is still the same scan.
    turned = read_volume(
        reoriented(np.ones((4, 5, 6)), 'LPS', tmp_path / 'c.nii.gz'))
    check_same_grid(image, turned)


def test_bad_volumes(tmp_path):
    mask = save([[[0, 1, 7]]], tmp_path / 'm.nii.gz')
    with pytest.raises(DataError, match=r'holds the values \[7\].*\[0, 1\]'):
        read_mask(mask, (0, 1))
    save([[[0, 0.5, 1]]], mask, dtype=np.float32)
    with pytest.raises(DataError, match='interpolated'):
        read_mask(mask, (0, 1))
    save(np.zeros((2, 2, 2, 3)), mask)
    with pytest.raises(DataError, match='one 3-D volume'):
        read_volume(mask)
    mask.write_bytes(mask.read_bytes()[:60])
    with pytest.raises(DataError, match='m.nii.gz cannot be read'):
        read_volume(mask)
    with pytest.raises(MissingDataError, match='absent.nii'):
        read_volume(tmp_path / 'absent.nii')


# -- slices and splits --------------------------------------------------------
def test_empty_slices_are_counted(tmp_path):
    mask = np.zeros((4, 4, 400), np.uint8)
    mask[..., :100] = 1
    counts = {}
    for empty in ('drop', 'keep', 0.25):
        policy = SlicePolicy(empty=empty)
        report = write_case(mask * 50, mask, 'a', tmp_path / str(empty),
                            'train', policy)
        counts[empty] = report.counts['train slices']
        gone = report.dropped['slices without foreground']
        assert report.counts['train slices'] + gone == 400
        files = list((tmp_path / str(empty) / 'ann_dir/train').iterdir())
        assert len(files) == counts[empty]
    assert counts['drop'] == 100 and counts['keep'] == 400
    assert 140 < counts[0.25] < 210
    again = write_case(mask, mask, 'a', tmp_path / 'x', 'train',
                       SlicePolicy(empty=0.25))
    assert again.counts['train slices'] == counts[0.25]


@pytest.mark.parametrize('plane', list(PLANES))
def test_planes(plane, tmp_path):
    mask = np.ones((3, 4, 5), np.uint8)
    report = write_case(mask, mask, 'a', tmp_path, 'val',
                        SlicePolicy(plane=plane))
    assert report.counts['val slices'] == mask.shape[PLANES[plane]]
    with pytest.raises(ConfigError, match='oblique'):
        SlicePolicy(plane='oblique')
    with pytest.raises(ConfigError, match="'drop', 'keep' or a share"):
        SlicePolicy(empty=1.5)


def test_splits_are_of_whole_cases():
    names = [f'case{i}' for i in range(100)]
    shares = dict(train=0.7, val=0.1, test=0.2)
    splits = split_cases(names, shares, seed=3)
    assert [len(splits[s]) for s in shares] == [70, 10, 20]
    assert sorted(sum(splits.values(), [])) == sorted(names)
    assert split_cases(names[::-1], shares, seed=3) == splits
    assert split_cases(names, shares, seed=4) != splits
    tiny = split_cases(names[:3], shares)
    assert all(len(part) == 1 for part in tiny.values())
    with pytest.raises(ConfigError, match='sum to 1'):
        split_cases(names, dict(train=0.7, val=0.1))
    with pytest.raises(DataError, match='2 cases cannot fill'):
        split_cases(names[:2], shares)


# -- AMOS ---------------------------------------------------------------------
# TotalSegmentator's labels in the sample, to those of AMOS.
TO_AMOS = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 7, 7: 10, 8: 11, 9: 12, 15: 5,
           19: 13, 52: 8, 63: 9}


@pytest.fixture
def amos_tree(real_sample, tmp_path):
    """AMOS's tree around the real CT; an MRI scan is there as well."""
    folder = real_sample('medical/totalseg_ct')
    ct = nib.load(folder / 'example_ct_sm.nii.gz')
    seg = nib.load(folder / 'example_seg.nii.gz')
    raw = np.asanyarray(seg.dataobj)
    mask = np.zeros(raw.shape, np.uint8)
    for old, new in TO_AMOS.items():
        mask[raw == old] = new
    root = tmp_path / 'amos22'
    for suffix, name in (('Tr', 'amos_0001'), ('Tr', 'amos_0507'),
                         ('Va', 'amos_0101')):
        save(np.asanyarray(ct.dataobj),
             root / f'images{suffix}/{name}.nii.gz', ct.affine)
        save(mask, root / f'labels{suffix}/{name}.nii.gz', ct.affine,
             np.uint8)
    return root


def test_amos_on_a_real_scan(amos_tree, tmp_path):
    out = tmp_path / 'out'
    report = amos.convert(amos_tree, out)
    assert report.dropped['MRI volumes'] == 1
    assert report.counts['train cases'] == report.counts['val cases'] == 1
    slices = report.counts['train slices']
    assert 0 < slices <= 30
    dataset = AMOSDataset(data_root=str(out), splits='train', pipeline=[])
    assert len(dataset) == slices
    rows = {}
    for i in range(len(dataset)):
        info = dataset.get_data_info(i)
        grey = np.asarray(Image.open(info['img_path']))
        label = np.asarray(Image.open(info['seg_map_path']))
        assert grey.shape == label.shape == (101, 122)
        for name in ('liver', 'spleen', 'right_kidney', 'left_kidney'):
            where = label == dataset.metainfo['classes'].index(name)
            if where.any():
                rows.setdefault(name, []).append(
                    (np.argwhere(where)[:, 1].mean(), grey[where].mean()))
    column = {name: np.mean([c for c, _ in part])
              for name, part in rows.items()}
    # The patient's right is on the left of the picture.
    assert column['liver'] < column['spleen']
    assert column['right_kidney'] < column['left_kidney']
    # Soft tissue of 0 to 150 HU is mid-grey under the window.
    assert 100 < np.mean([g for _, g in rows['liver']]) < 200


def test_amos_messages(amos_tree, tmp_path):
    (amos_tree / 'labelsTr/amos_0001.nii.gz').rename(
        amos_tree / 'labelsTr/amos_0002.nii.gz')
    with pytest.raises(MissingDataError, match='amos_0001.*has no mask'):
        amos.convert(amos_tree, tmp_path / 'out')
    with pytest.raises(MissingDataError, match='no CT volume.*imagesTr'):
        amos.convert(tmp_path, tmp_path / 'out')


# -- BraTS --------------------------------------------------------------------
@pytest.fixture
def brats_tree(tmp_path):
    rng = np.random.default_rng(0)
    root = tmp_path / 'BraTS2021_Training_Data'
    for i in range(5):
        case = root / f'BraTS2021_{i:05d}'
        brain = np.zeros((12, 14, 8))
        brain[2:10, 2:12] = 1
        for factor, kind in enumerate(brats.MODALITIES, start=1):
            volume = brain * rng.integers(100, 900, brain.shape) * factor
            save(volume, case / f'{case.name}_{kind}.nii.gz')
        seg = np.zeros(brain.shape)
        seg[4:8, 4:8, 2:5] = 2
        seg[5, 5, 2:5], seg[6, 6, 2:5] = 1, 4
        save(seg, case / f'{case.name}_seg.nii.gz')
    return root


def test_brats(brats_tree, tmp_path):
    out = tmp_path / 'out'
    report = brats.convert(brats_tree, out)
    assert report.counts['train cases'] == 4
    assert report.counts['val cases'] == 1
    assert report.counts['train slices'] == 12
    assert report.dropped['slices without foreground'] == 25
    cases = [{p.name[:15] for p in (out / 'img_dir' / s).iterdir()}
             for s in ('train', 'val')]
    assert not cases[0] & cases[1]
    dataset = BraTSDataset(data_root=str(out), splits='train', pipeline=[])
    info = dataset.get_data_info(0)
    label = np.asarray(Image.open(info['seg_map_path']))
    assert np.unique(label).tolist() == [0, 1, 2, 3]  # 4 became 3
    picture = np.asarray(Image.open(info['img_path']))
    assert picture.shape == (14, 12, 3)
    # Channels are three sequences, each on its own scale.
    assert picture.reshape(-1, 3).max(0).min() > 240
    assert not np.array_equal(picture[..., 0], picture[..., 1])
    swapped = tmp_path / 'swapped'
    brats.convert(brats_tree, swapped, ('t2', 't1ce', 'flair'))
    name = info['img_path'].replace(str(out), str(swapped))
    assert np.array_equal(np.asarray(Image.open(name)), picture[..., ::-1])


def test_brats_messages(brats_tree, tmp_path):
    with pytest.raises(ConfigError, match='three of flair, t1, t1ce, t2'):
        brats.convert(brats_tree, tmp_path / 'o', ('t1', 'pet', 't2'))
    case = brats_tree / 'BraTS2021_00003'
    save(np.full((12, 14, 8), 3), case / f'{case.name}_seg.nii.gz')
    with pytest.raises(DataError, match=r'00003_seg.*values \[3\]'):
        brats.convert(brats_tree, tmp_path / 'o')
    (case / f'{case.name}_t1ce.nii.gz').unlink()
    with pytest.raises(MissingDataError, match='00003_t1ce.nii.gz is absent'):
        brats.convert(brats_tree, tmp_path / 'o')
    with pytest.raises(MissingDataError, match='BraTS2021_NNNNN'):
        brats.convert(tmp_path / 'o', tmp_path)


def test_processes_change_nothing(brats_tree, tmp_path):
    one, two = tmp_path / 'one', tmp_path / 'two'
    reports = [brats.convert(brats_tree, one),
               brats.convert(brats_tree, two, workers=2)]
    assert reports[0] == reports[1]
    for path in one.rglob('*.png'):
        assert path.read_bytes() == (two / path.relative_to(one)).read_bytes()


# -- COVID-QU-Ex --------------------------------------------------------------
@pytest.fixture
def covid_tree(tmp_path):
    root = tmp_path / 'Infection Segmentation Data'
    for folder in covid_quex.SPLITS.values():
        for group in covid_quex.GROUPS:
            for kind in ('images', 'infection masks', 'lung masks'):
                path = root / folder / group / kind / 'x (1).png'
                path.parent.mkdir(parents=True)
                pixels = np.full((16, 16), 90, np.uint8)
                if kind != 'images':
                    pixels[:] = 0
                    pixels[4:8, 4:12] = 255 * (
                        kind == 'lung masks' or group == 'COVID-19')
                Image.fromarray(pixels).save(path)
    return root


def test_covid_quex(covid_tree, tmp_path):
    normal = covid_tree / 'Train/Normal/infection masks/x (1).png'
    normal.unlink()
    report = covid_quex.convert(covid_tree, tmp_path / 'out')
    assert sum(report.counts.values()) == 9  # equal names in all groups
    assert sum(report.odd.values()) == 1
    dataset = COVIDQUExDataset(data_root=str(tmp_path / 'out'),
                               splits='test', pipeline=[])
    areas = [(np.asarray(Image.open(d['seg_map_path'])) == 1).sum()
             for d in (dataset.get_data_info(i) for i in range(3))]
    assert sorted(areas) == [0, 0, 32]
    lungs = covid_quex.convert(covid_tree, tmp_path / 'lung', 'lung')
    assert not lungs.odd


def test_covid_quex_messages(covid_tree, tmp_path):
    mask = covid_tree / 'Val/COVID-19/infection masks/x (1).png'
    Image.fromarray(np.full((16, 16), 128, np.uint8)).save(mask)
    with pytest.raises(DataError, match='no black and white'):
        covid_quex.convert(covid_tree, tmp_path / 'out')
    Image.fromarray(np.zeros((16, 15), np.uint8)).save(mask)
    with pytest.raises(DataError, match='16 x 15 pixels, its image 16 x 16'):
        covid_quex.convert(covid_tree, tmp_path / 'out')
    mask.unlink()
    with pytest.raises(MissingDataError, match='COVID-19.*has no mask'):
        covid_quex.convert(covid_tree, tmp_path / 'out')
    with pytest.raises(ConfigError, match='infection, lung'):
        covid_quex.convert(covid_tree, tmp_path / 'out', 'heart')
    with pytest.raises(MissingDataError, match='no Train'):
        covid_quex.convert(tmp_path, tmp_path / 'out')


# -- commands and configs -----------------------------------------------------
def run(root, name, *args):
    return subprocess.run(
        [sys.executable, str(root / f'tools/dataset_converters/{name}.py'),
         *map(str, args)], capture_output=True, text=True)


def test_command_line(brats_tree, tmp_path, repo_root):
    done = run(repo_root, 'brats', brats_tree, tmp_path / 'out', '--empty',
               '0.5', '--channels', 't1', 't2', 'flair')
    assert done.returncode == 0, done.stderr
    assert '4 train cases' in done.stdout
    assert 'slices without foreground' in done.stdout


@pytest.mark.parametrize('name, build', [
    ('amos2022', lambda r: r.getfixturevalue('amos_tree')),
    ('brats2021', lambda r: r.getfixturevalue('brats_tree')),
    ('covid_quex', lambda r: r.getfixturevalue('covid_tree')),
])
def test_pipelines_of_the_configs(name, build, request, tmp_path, repo_root):
    """What the converter writes passes the config's own pipelines."""
    from mmeo.registry import DATASETS
    source, out = build(request), tmp_path / 'out'
    module = dict(amos2022=amos, brats2021=brats, covid_quex=covid_quex)[name]
    module.convert(source, out)
    cfg = Config.fromfile(repo_root / f'configs/_base_/datasets/{name}.py')
    for part in ('train', 'val', 'test'):
        section = cfg[f'{part}_dataloader'].dataset
        section.data_root = str(out)
        sample = DATASETS.build(section)[0]
        if part == 'train':
            assert len(sample['inputs']) == 3
            assert max(sample['inputs'].shape) <= 512
        else:
            assert max(sample['inputs'].shape[1:]) == 512
        assert sample['data_samples'].gt_sem_seg.data.max() >= 0
    section = cfg.val_dataloader.dataset
    section.pipeline = cfg.tta_pipeline
    assert len(DATASETS.build(section)[0]['inputs']) in (3, 6)


@pytest.mark.slow
def test_learns_organs_of_a_real_scan(amos_tree, tmp_path, repo_root):
    """A tiny UPerNet learns the slices of the CT sample by heart.

    Slices it has seen: this shows that pictures, labels and metric belong
    together, nothing about accuracy on other scans.
    """
    from mmengine.runner import Runner
    out = tmp_path / 'amos2022'
    amos.convert(amos_tree, out)
    configs = repo_root / 'configs'
    cfg = Config.fromfile(configs / '_base_/datasets/amos2022.py')
    for base in ('models/upernet_vit-adapter-tiny.py',
                 'schedules/quickstart.py'):
        cfg.merge_from_dict(
            dict(Config.fromfile(configs / '_base_' / base)))
    cfg.merge_from_dict(dict(Config.fromfile(
        configs / '_base_/default_runtime.py')))
    load, small = cfg.load, dict(
        type='mmseg.Resize', scale=(160, 160), keep_ratio=False)
    for part in ('train', 'val'):
        section = cfg[f'{part}_dataloader']
        section.update(num_workers=0, persistent_workers=False)
        section.dataset.data_root = str(out)
        section.dataset.splits = ('train', )
        section.dataset.pipeline = [
            load[0], load[1], small, cfg.pack] if part == 'train' else [
            load[0], small, load[1], cfg.pack]
    cfg.train_dataloader.batch_size = 4
    cfg.model.data_preprocessor.size = (160, 160)
    cfg.model.backbone.vit.img_size = 160
    cfg.model.decode_head.num_classes = 16
    # Most pixels are background, some organs a hundred pixels in all.
    cfg.model.decode_head.loss_decode.class_weight = [0.2] + [1.0] * 15
    cfg.model.test_cfg = dict(mode='whole')
    iters = 600
    cfg.train_cfg.update(max_iters=iters, val_interval=iters)
    cfg.param_scheduler[1].end = iters
    cfg.optim_wrapper.optimizer.lr = 4e-3
    cfg.test_dataloader = cfg.test_evaluator = cfg.test_cfg = None
    cfg.work_dir = str(tmp_path / 'run')
    runner = Runner.from_cfg(cfg)
    before = runner.val_loop.run()
    runner.train()
    after = runner.val_loop.run()
    assert before['mDice'] < 20
    # Organs of a few pixels pull the mean down; large ones must be learned.
    assert after['mDice'] > 60
    assert after['Dice.liver'] > 90 and after['Dice.spleen'] > 85
    assert after['with_background/mDice'] > after['mDice']
