# Copyright (c) mmeo contributors. All rights reserved.
"""RSUniVLM's recipes in small: what each stage trains, and on what."""

from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.hooks import Hook
from mmengine.optim import build_optim_wrapper
from rsunivlm_toy import ROOT, small_config, write_toy

import mmeo
from mmeo import weights
from mmeo.apis.checkpoint import read_meta
from mmeo.apis.merging import merge_adapters
from mmeo.apis.training import build_runner
from mmeo.errors import CheckpointError, ConfigError

FOLDER = ROOT / 'configs/rsunivlm/train'
VARIANTS = ['gmoe', 'full', 'moe8', 'moe8-narrow', 'lora']


@pytest.fixture(scope='module')
def data(tmp_path_factory) -> Path:
    return write_toy(tmp_path_factory.mktemp('toy'))


def run(cfg: Config, steps: int) -> tuple[list[float], dict, dict]:
    """Losses by step, and the weights before and after."""
    torch.set_num_threads(1)
    losses, before = [], {}

    class Watch(Hook):

        def before_train_epoch(self, runner) -> None:
            before.update({k: v.clone() for k, v in
                           runner.model.state_dict().items()})

        def after_train_iter(self, runner, **kwargs) -> None:
            losses.append(kwargs['outputs']['loss'].item())

    runner = build_runner(cfg)
    runner.register_hook(Watch())
    runner.train()
    assert len(losses) == steps
    return losses, before, runner.model.state_dict()


@pytest.fixture(scope='module')
def stage1(data, tmp_path_factory) -> Path:
    """A checkpoint of stage 1."""
    folder = tmp_path_factory.mktemp('stage1')
    cfg = small_config('rsunivlm-1b_stage1_1e', data, folder, 2)
    _, before, after = run(cfg, 2)
    for part in ('vision', 'projector', 'llm', 'image_newline'):
        assert any(not torch.equal(before[key], after[key])
                   for key in after if key.startswith(part)), part
    return folder / 'iter_2.pth'


def stage2(variant: str, data: Path, folder: Path, steps: int, stage1: Path,
           **model) -> Config:
    cfg = small_config(f'rsunivlm-1b_stage2-{variant}_1e', data, folder,
                       steps, **model)
    cfg.load_from = str(stage1)
    return cfg


def test_stage_2_changes_experts_only(data, stage1, tmp_path):
    _, before, after = run(stage2('gmoe', data, tmp_path, 1, stage1), 1)
    dense = weights.unwrap(weights.load(stage1))
    changed = {key for key in after if not torch.equal(before[key],
                                                       after[key])}
    experts = {key for key in after if '.mlp.experts.' in key}
    assert changed == experts and len(experts) == 2 * 3 * 3
    for key, value in before.items():
        name = key
        for number in range(3):
            name = name.replace(f'.experts.{number}.', '.')
        assert torch.equal(value, dense[name]), key
    saved = weights.unwrap(weights.load(tmp_path / 'iter_1.pth'))
    for key in set(dense) - {k for k in dense if '.mlp.' in k}:
        assert torch.equal(saved[key], dense[key]), key


def test_an_expert_without_samples_stays_as_it_is(data, stage1, tmp_path):
    """Not even Adam moves it; there is no weight decay."""
    lines = (data / 'toy.jsonl').read_text().splitlines()
    (data / 'no_regions.jsonl').write_text(
        '\n'.join(line for line in lines if '[VG]' not in line))
    cfg = stage2('gmoe', data, tmp_path, 3, stage1)
    cfg.train_dataloader.dataset.datasets[0].ann_file = 'no_regions.jsonl'
    _, before, after = run(cfg, 3)
    changed = {key.split('.experts.')[1][0] for key in after
               if not torch.equal(before[key], after[key])}
    assert changed == {'0', '2'}


@pytest.mark.parametrize('variant', VARIANTS)
def test_every_variant_trains(variant, data, stage1, tmp_path):
    if variant == 'lora':
        pytest.importorskip('peft')
    cfg = stage2(variant, data, tmp_path, 20, stage1)
    cfg.optim_wrapper.optimizer.lr = 3e-3
    losses, before, after = run(cfg, 20)
    assert sum(losses[-4:]) < sum(losses[:4]) - 4 * 0.5
    changed = {key for key in after
               if not torch.equal(before[key], after[key])}
    trained = {'gmoe': ('.experts.', ),
               'moe8': ('.experts.', '.mlp.gate.'),
               'moe8-narrow': ('.experts.', '.mlp.gate.'),
               'lora': ('.lora_A.', '.lora_B.', 'projector.')}.get(variant)
    assert changed == {key for key in after if trained is None
                       or any(word in key for word in trained)}


def test_merged_adapters_are_a_dense_checkpoint(data, stage1, tmp_path):
    pytest.importorskip('peft')
    cfg = stage2('lora', data, tmp_path, 3, stage1)
    cfg.optim_wrapper.optimizer.lr = 3e-3
    cfg.dump(tmp_path / 'config.py')
    run(cfg, 3)
    trained, out = tmp_path / 'iter_3.pth', tmp_path / 'merged.pth'
    assert merge_adapters(tmp_path / 'config.py', trained, out) == 14
    assert read_meta(str(out))['vlm'] == read_meta(str(trained))['vlm']
    dense = stage2('full', data, tmp_path / 'dense', 1, stage1)
    with pytest.raises(ConfigError, match='no LoRA'):
        merge_adapters(dense, stage1, tmp_path / 'other.pth')
    # The next loss of either is the same.
    losses = []
    for start, config in ((trained, cfg), (out, dense)):
        config.load_from, config.work_dir = str(start), str(tmp_path / 'on')
        config.train_cfg.max_iters = 1
        config.experiment_name += '-on'
        config.model.llm.get('lora', {}).update(lora_dropout=0.)
        losses.append(run(config, 1)[0][0])
    assert losses[0] == pytest.approx(losses[1], abs=1e-5)


def test_stage_2_starts_where_stage_1_ended(data, stage1, tmp_path):
    """The first loss of all dense starts is the same number."""
    found = {}
    for variant in ('gmoe', 'full', 'moe8'):
        cfg = stage2(variant, data, tmp_path / variant, 1, stage1)
        found[variant] = run(cfg, 1)[0][0]
    assert found['gmoe'] == pytest.approx(found['full'], abs=1e-5)
    assert found['moe8'] == pytest.approx(found['full'], abs=1e-5)


@pytest.mark.parametrize('packing', [True, False])
def test_activation_checkpointing_of_a_mixed_batch(packing, data, tmp_path):
    found = []
    for saving in (False, True):
        cfg = small_config('rsunivlm-1b_stage2-gmoe_1e', data, tmp_path, 1,
                           llm=dict(gradient_checkpointing=saving),
                           packing=packing)
        torch.manual_seed(0)
        model = mmeo.build(cfg.model).train()
        dataset = mmeo.build(cfg.train_dataloader.dataset)
        batch = model.data_preprocessor(
            pseudo_collate([dataset[i] for i in (3, 0, 2, 1)]), True)
        model(**batch, mode='loss')['loss'].backward()
        found.append({name: p.grad for name, p in model.named_parameters()
                      if p.requires_grad})
        layer = model.llm.layers[0]
        assert layer.gradient_checkpointing is saving and layer.training
    assert len(found[0]) == 18
    for name, grad in found[0].items():
        assert grad.abs().max() > 0, name
        torch.testing.assert_close(grad, found[1][name], rtol=1e-5,
                                   atol=1e-8)


def test_checkpoint_says_what_it_is(stage1):
    found = read_meta(str(stage1))['vlm']
    assert found['stage'] == 'stage1' and found['moe'] == ''
    assert found['images']['mode'] == 'single'
    assert found['images']['image_size'] == 56
    assert found['template']['name'] == 'qwen_1_5'
    assert [part['name'] for part in found['mixture']] == ['toy.jsonl']


def test_stage_2_in_another_image_mode(data, stage1, tmp_path):
    cfg = stage2('gmoe', data, tmp_path, 1, stage1)
    for transform in cfg.train_dataloader.dataset.pipeline:
        if transform.type == 'ImageViews':
            transform.mode = 'pad'
    cfg.model.image_mode = 'pad'
    with pytest.raises(CheckpointError, match="images.mode: 'single' in the "
                       "checkpoint, 'pad' here"):
        run(cfg.copy(), 1)
    cfg.experiment_name += '-meant'
    cfg.custom_hooks[-1].on_mismatch = 'warn'
    run(cfg, 1)


def test_stage_2_without_stage_1(data, tmp_path):
    cfg = stage2('gmoe', data, tmp_path, 1, tmp_path / 'iter_95750.pth')
    with pytest.raises(CheckpointError, match='iter_95750.pth'):
        run(cfg, 1)


@pytest.mark.parametrize('path', sorted(FOLDER.glob('*.py')),
                         ids=lambda path: path.stem)
def test_one_pass_over_the_mixture(path):
    """Steps follow from the mixture; so do the file names of stage 2."""
    cfg = Config.fromfile(path)
    total = sum(part.samples for part in
                cfg.train_dataloader.dataset.datasets)
    batch = cfg.train_cfg.global_batch_size
    assert (cfg.train_cfg.max_iters - 1) * batch < total <= \
        cfg.train_cfg.max_iters * batch
    warmup, cosine = cfg.param_scheduler
    assert warmup.end == cosine.begin == -(-3 * cfg.max_iters // 100)
    assert cosine.end == cfg.train_cfg.max_iters == cfg.max_iters
    assert cfg.optim_wrapper.optimizer.weight_decay == 0
    rate = 5e-5 if 'lr5e-5' in path.stem else 1e-5
    assert cfg.optim_wrapper.optimizer.lr == rate
    assert batch == (4 if path.stem.endswith('gb4') else 16)
    if 'stage2' in path.stem:
        folder, name = cfg.load_from.split('/')[1:]
        if path.stem.startswith('rsunivlm-1b_stage2-gmoe'):
            assert folder == path.stem.replace('stage2-gmoe', 'stage1')
        stage1 = Config.fromfile(FOLDER / f'{folder}.py')
        assert name == f'iter_{stage1.max_iters}.pth'


def test_slower_vision_tower():
    cfg = Config.fromfile(
        FOLDER / 'rsunivlm-1b_stage1_1e-vision-lr2e-6.py')
    cfg.model.pop('tokenizer')
    with torch.device('meta'):
        model = mmeo.build(cfg.model)
    groups = build_optim_wrapper(
        model, cfg.optim_wrapper).optimizer.param_groups
    names = {id(p): name for name, p in model.named_parameters()}
    rates = {names[id(p)]: group['lr'] for group in groups
             for p in group['params']}
    assert len(rates) == len(names)
    for name, rate in rates.items():
        assert rate == pytest.approx(
            2e-6 if name.startswith('vision.') else 1e-5), name


def test_sizes_of_table_8():
    """What each row trains; 2 of 8 experts work at a time."""
    found = {}
    for variant in VARIANTS:
        if variant == 'lora':
            pytest.importorskip('peft')
        cfg = Config.fromfile(
            FOLDER / f'rsunivlm-1b_stage2-{variant}_1e.py')
        cfg.model.pop('tokenizer')
        with torch.device('meta'):
            model = mmeo.build(cfg.model)
        found[variant] = sum(p.numel() for p in model.parameters()
                             if p.requires_grad)
    assert found == {
        'gmoe': 941_359_104, 'full': 893_615_904,
        'moe8': 2_510_462_976, 'moe8-narrow': 792_895_488,
        'lora': 72_222_464}
