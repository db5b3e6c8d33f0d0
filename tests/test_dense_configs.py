# Copyright (c) mmeo contributors. All rights reserved.
"""ViTP's segmentation and change configs on data in each benchmark's layout.

SynthEarth is written as the benchmark is distributed or converted; of a config
only `data_root` changes where pipelines are tried, and sizes where a model
runs.
"""

import copy
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from PIL import Image

from mmeo.apis import test as run_test
from mmeo.apis.training import build_runner
from mmeo.datasets.converters import loveda, uavid
from mmeo.models import ViTAdapter
from mmeo.registry import DATASETS, MODELS

ROOT = Path(__file__).resolve().parent.parent / 'configs' / 'vitp'
SEG = ('isaid', 'loveda', 'uavid', 'ade20k')
CHANGE = ('levircd', 's2looking', 'svcd', 'whucd')
CONFIGS = sorted(p for ds in (*SEG, *CHANGE) for p in (ROOT / ds).glob('*.py'))
SPLITS = dict(train='train', val='val', test='val')


def config(name: str) -> Config:
    path, = ROOT.glob(f'*/{name}.py')
    return Config.fromfile(path)


def put(source: Path, target: Path) -> None:
    """Copy a picture, as JPEG where the name says so."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with Image.open(source) as picture:
        picture.save(target, quality=95)


@pytest.fixture(scope='module')
def roots(synthearth, tmp_path_factory) -> dict[str, Path]:
    """SynthEarth in the layout of each benchmark, by its short name."""
    out = {ds: tmp_path_factory.mktemp(ds) for ds in (*SEG, *CHANGE)}
    for split, source in SPLITS.items():
        source = synthearth / source
        for image in sorted((source / 'semseg' / 'img_dir').iterdir())[:1]:
            label = source / 'semseg' / 'ann_dir' / image.name
            write_seg(out, split, image, label)
        for image in sorted((source / 'change' / 'A').iterdir())[:1]:
            write_change(out, split, image)
    for split in SPLITS:
        folder = out['whucd'] / 'A'
        for root in (out['whucd'] / 'list', out['levircd'] / 'tiles_256/list'):
            root.mkdir(parents=True, exist_ok=True)
            (root / f'{split}.txt').write_text('\n'.join(
                p.name for p in folder.glob(f'{split}_*')))
    return out


def write_seg(out: dict, split: str, image: Path, label: Path) -> None:
    for ds in ('isaid', 'loveda', 'uavid'):
        folders = [split]
        if ds == 'uavid':
            folders.append(f'{split}_tiles')
        name = f'seq1_{image.name}' if ds == 'uavid' else image.name
        for folder in folders:
            put(image, out[ds] / 'img_dir' / folder / name)
            put(label, out[ds] / 'ann_dir' / folder / name)
    full = dict(train='training', val='validation').get(split)
    if full:
        put(image, out['ade20k'] / 'images' / full / f'{image.stem}.jpg')
        put(label, out['ade20k'] / 'annotations' / full / image.name)


def write_change(out: dict, split: str, image: Path) -> None:
    files = dict(zip('ABL', (image.parent.parent / folder / image.name
                             for folder in ('A', 'B', 'label'))))
    name = f'{split}_{image.name}'
    for kind, path in files.items():
        whole = dict(A='A', B='B', L='label')[kind]
        put(path, out['levircd'] / split / whole / name)
        put(path, out['levircd'] / 'tiles_256' / whole / name)
        put(path, out['whucd'] / whole / name)
        put(path, out['s2looking'] / split / dict(
            A='Image1', B='Image2', L='label')[kind] / name)
        put(path, out['svcd'] / split / dict(A='A', B='B', L='OUT')[kind] /
            f'{image.stem}.jpg')


def loaders(cfg: Config, root: Path) -> dict:
    """Point all datasets to a folder; no worker processes."""
    found = {}
    for name in SPLITS:
        loader = cfg[f'{name}_dataloader']
        loader.update(num_workers=0, persistent_workers=False)
        loader.dataset.data_root = str(root)
        found[name] = loader.dataset
    return found


@pytest.mark.parametrize('path', CONFIGS, ids=lambda p: p.stem)
def test_pipelines(path, roots):
    cfg = Config.fromfile(path)
    crop = cfg.crop_size
    change = path.parent.name in CHANGE
    classes = cfg.model.decode_head.num_classes
    np.random.seed(0)
    for split, dataset in loaders(cfg, roots[path.parent.name]).items():
        data = DATASETS.build(dataset)
        assert len(data.metainfo['classes']) == classes
        sample = data[0]
        inputs, gt = sample['inputs'], sample['data_samples']
        assert inputs.shape[0] == 3 * (1 + change)
        assert inputs.dtype == torch.uint8
        if 'gt_sem_seg' not in gt:
            assert split == 'test' and cfg.test_evaluator.format_only
            continue
        label = gt.gt_sem_seg.data
        assert set(label.unique().tolist()) <= {*range(classes), 255}
        if split == 'train':
            assert label.shape[1:] == inputs.shape[1:]
            batch = MODELS.build(dict(cfg.model.data_preprocessor))(
                dict(inputs=[inputs], data_samples=[gt]), training=True)
            assert batch['inputs'].shape[2:] == crop
        else:
            assert label.shape[1:] == (256, 256)  # labels stay as they are


def test_released_configs_differ_where_they_say():
    def dataset(name, split='train'):
        return config(name)[f'{split}_dataloader'].dataset

    name = 'vitp-l_upernet_80k_loveda-512'
    assert dataset(name).splits == ('train', )
    assert dataset(f'{name}-released').splits == ('train', 'val')
    assert dataset(f'{name}-released').pipeline[2].scale == (512, 512)
    assert [t.type for t in dataset(f'{name}-released').pipeline] == [
        t.type for t in dataset(name).pipeline]
    name = 'vitp-l_siamese-upernet_80k_levircd-256'
    assert config(name).model.decode_head.channels == 512
    assert config(f'{name}-released').model.decode_head.channels == 1024
    assert dataset(f'{name}-released', 'val') == dataset(name, 'test')


def rate_of(name: str, block: int) -> float:
    """Learning rate of a block over that of the head."""
    cfg = config(name)
    with torch.device('meta'):
        model = MODELS.build(cfg.model)
    wrapper = build_optim_wrapper(model, cfg.optim_wrapper)
    ids = {id(p) for p in model.backbone.vit.layers[block].parameters()}
    rates = {g['lr'] for g in wrapper.optimizer.param_groups
             for p in g['params'] if id(p) in ids}
    return rates.pop() / cfg.optim_wrapper.optimizer.lr


def test_svcd_counts_layers_of_another_backbone():
    """The fact sheet's numbers, section 4.2."""
    name = 'vitp-l_siamese-upernet_120k_svcd-256'
    assert rate_of(f'{name}-released', 23) == pytest.approx(0.3716, abs=1e-3)
    assert rate_of(f'{name}-released', 0) == pytest.approx(0.0895, abs=1e-3)
    assert rate_of(name, 23) == pytest.approx(0.9)


@pytest.fixture(autouse=True)
def _plain_config_text(monkeypatch):
    # mmengine formats each config several times, for longer than a run takes.
    monkeypatch.setattr(Config, 'pretty_text', property(repr))


ARCH = dict(embed_dims=32, depth=4, num_heads=2, mlp_ratio=2.0)


def shrink(cfg: Config, root: Path, work_dir: Path, crop: int = 64) -> Config:
    """The same config with a tiny ViT and small windows."""
    loaders(cfg, root)
    vit = cfg.model.backbone.vit
    vit.update(arch=ARCH, img_size=crop)
    vit.pop('init_cfg')
    cfg.model.backbone.update(num_heads=2, conv_inplane=8)
    width = 64 if cfg.model.type == 'SiameseEncoderDecoder' else 32
    cfg.model.decode_head.update(in_channels=[width] * 4, channels=16)
    if 'auxiliary_head' in cfg.model:
        cfg.model.auxiliary_head.update(in_channels=32, channels=16)
    cfg.model.data_preprocessor.size = (crop, crop)
    if cfg.model.test_cfg.mode == 'slide':
        cfg.model.test_cfg.update(crop_size=(crop, crop),
                                  stride=(crop // 2, crop // 2))
    for transform in cfg.train_dataloader.dataset.pipeline:
        if 'crop_size' in transform:
            transform.crop_size = (crop, crop)
        if 'scale' in transform:
            transform.scale = (128, 128)
    for split in ('val', 'test'):
        for transform in cfg[f'{split}_dataloader'].dataset.pipeline:
            if 'scale' in transform:
                transform.scale = (128, 128)
    cfg.train_dataloader.batch_size = 2  # SyncBN on one device
    cfg.train_cfg.update(max_iters=2, val_interval=2)
    cfg.default_hooks.checkpoint.interval = 2
    cfg.work_dir = str(work_dir)
    cfg.log_level = 'ERROR'
    cfg.custom_hooks = []
    return cfg


def crop_images(folder: Path, height: int, width: int) -> None:
    """Make the pictures below a folder small and rectangular."""
    for path in folder.rglob('*.*'):
        if path.suffix in ('.png', '.jpg'):
            with Image.open(path) as picture:
                part = picture.crop((0, 0, width, height))
            part.save(path)


@pytest.mark.parametrize('name, ratios, windows', [
    ('vitp-l_upernet_80k_isaid-896-released', (0.75, 1.0, 1.5), True),
    ('vitp-l_siamese-upernet_80k_levircd-256', (0.75, 1.0, 1.25), True),
    ('vitp-l_siamese-upernet_120k_svcd-256-released', (0.75, 1.0, 1.25),
     False)])
def test_train_validate_and_multi_scale_test(name, ratios, windows, roots,
                                             tmp_path, monkeypatch):
    """Rectangular pictures at several scales, which fixed positions (and so
    the released code) cannot take whole."""
    dataset = next(ROOT.glob(f'*/{name}.py')).parent.name
    root = tmp_path / 'data'
    shutil.copytree(roots[dataset], root)
    crop_images(root, 64, 96)
    cfg = shrink(config(name), root, tmp_path / 'run')
    runner = build_runner(copy.deepcopy(cfg))
    runner.train()
    assert runner.iter == 2
    checkpoint = tmp_path / 'run' / 'iter_2.pth'
    shapes, forward = [], ViTAdapter.forward

    def spy(self, x):
        shapes.append(tuple(x.shape[2:]))
        return forward(self, x)

    monkeypatch.setattr(ViTAdapter, 'forward', spy)
    metrics = run_test(cfg, str(checkpoint), tta=True)
    key = 'mIoU' if 'upernet_80k_isaid' in name else 'change/OA'
    assert 0 <= metrics[key] <= 100
    images = len(runner.test_dataloader.dataset)
    if windows:
        assert all(max(shape) <= 64 for shape in shapes)
        assert len(shapes) > images * len(ratios) * 2
    else:  # padded to a multiple of 32, twice each: the flip
        sides = [tuple(32 * -(-round(s * r) // 32) for s in (64, 96))
                 for r in ratios]
        assert shapes == [s for s in sides for _ in range(2)] * images


@pytest.mark.parametrize('dataset', ['loveda', 'uavid'])
def test_predictions_for_the_server(dataset, roots, tmp_path):
    """Test sets without labels: predictions as the server takes them."""
    name, = (p.stem for p in (ROOT / dataset).glob('*.py')
             if 'released' not in p.stem)
    cfg = shrink(config(name), roots[dataset], tmp_path / 'run')
    cfg.test_evaluator.output_dir = str(tmp_path / 'pred')
    assert run_test(cfg, None) == {}
    written = sorted((tmp_path / 'pred').iterdir())
    images = sorted((roots[dataset] / 'img_dir' / 'test').iterdir())
    assert [p.name for p in written] == [p.name for p in images]
    assert np.asarray(Image.open(written[0])).shape == (256, 256)
    out = tmp_path / 'send.zip'
    converter = dict(loveda=loveda, uavid=uavid)[dataset]
    counts = converter.submit(tmp_path / 'pred', out)
    assert next(iter(counts.values())) == len(images)


def test_frozen_vit(roots, tmp_path):
    """No gradient, no change and no randomness in the ViT."""
    cfg = shrink(config('vitp-l-frozen_upernet_160k_ade20k-512'),
                 roots['ade20k'], tmp_path / 'run')
    runner = build_runner(cfg)
    model = runner.model.train()
    vit = model.backbone.vit
    assert not any(module.training for layer in vit.layers
                   for module in layer.modules())
    optim = runner.build_optim_wrapper(cfg.optim_wrapper)
    learned = {id(p) for g in optim.optimizer.param_groups
               for p in g['params']}
    assert not learned & {id(p) for p in vit.parameters()}
    before = copy.deepcopy(model.state_dict())
    batch = next(iter(runner.build_dataloader(cfg.train_dataloader, seed=0)))
    losses = model(**model.data_preprocessor(batch, True), mode='loss')
    model.parse_losses(losses)[0].backward()
    assert all(p.grad is None for p in vit.parameters())
    assert any(p.grad is not None and p.grad.any()
               for p in model.backbone.spm.parameters())
    for group in optim.optimizer.param_groups:
        group['lr'] = 0.1
    optim.step()
    changed = {key for key, value in model.state_dict().items()
               if not torch.equal(value, before[key])}
    assert not any('backbone.vit' in key for key in changed)
    assert any('backbone.interactions' in key for key in changed)
    assert any('decode_head' in key for key in changed)
    assert any('auxiliary_head' in key for key in changed)
    x = torch.randn(1, 3, 64, 64)
    assert torch.equal(vit(x)[0], vit(x)[0])
