# Copyright (c) mmeo contributors. All rights reserved.
"""SkySense V2 that starts from V1, and what a converted file tells of itself.
"""

import json
import runpy
import sys
from collections.abc import Callable

import pytest
import torch
from safetensors.torch import load_file
from skysense_reference import combined, swin, vit

import mmeo
from mmeo import weights
from mmeo.errors import CheckpointError
from mmeo.models.backbones import SkySenseV1, SkySenseV2
from mmeo.models.layers import AdaptivePatchMerging

ARCH = dict(embed_dims=16, depths=(2, 2, 6, 2), head_dim=4)


@pytest.fixture(scope='module')
def source() -> dict:
    return {'backbone.' + k: v.float() for k, v in swin().state_dict().items()}


def v2(**kwargs) -> SkySenseV2:
    torch.manual_seed(1)
    return SkySenseV2(**{**dict(arch=ARCH), **kwargs}).eval()


def test_what_is_copied_is_named(source):
    fresh = v2().state_dict()
    state, report = weights.warm_start_v2(source, fresh)
    assert set(state) == set(fresh)
    copied = {k for k in state if not torch.equal(state[k], fresh[k])}
    assert report.matched == len(state) - len(report.missing)
    assert copied == set(state) - set(report.missing)
    groups = {k.split('.')[0] + '.' + k.split('.')[1] for k in copied}
    assert groups == {'tokenizers.hr', 'stages.0', 'stages.1', 'merges.0',
                      'merges.1', 'merges.2', 'norms.0', 'norms.1'}
    assert not any('cpb_mlp' in k or 'logit_scale' in k for k in copied)
    counts = [int(n.split()[0]) for n in report.notes if 'start anew' in n]
    assert sum(counts) == len(report.missing)
    text = report.text()
    assert "V1's have 1024 channels" in text and 'per head' in text
    for new, old in {
            'tokenizers.hr.projection.weight': 'patch_embed.projection.weight',
            'stages.0.1.attn.qkv.weight':
            'stages.0.blocks.1.attn.w_msa.qkv.weight',
            'stages.1.0.mlp.fc2.bias': 'stages.1.blocks.0.ffn.layers.1.bias',
            'merges.2.reduction.weight':
            'stages.3.downsample.reduction.weight',
            'norms.1.bias': 'norm1.bias'}.items():
        assert torch.equal(state[new], source['backbone.' + old]), new


def test_global_stages_only_on_request(source):
    fresh = v2().state_dict()
    state, report = weights.warm_start_v2(source, fresh, global_stages=True)
    old = source['backbone.stages.2.blocks.3.attn.w_msa.qkv.weight']
    assert torch.equal(state['stages.2.3.attn.qkv.weight'], old)
    bias = state['stages.2.3.attn.qkv.bias'].chunk(3)
    start = 'backbone.stages.2.blocks.3.attn.w_msa.'
    assert torch.equal(bias[0], source[start + 'q_bias'])
    assert torch.equal(bias[2], source[start + 'v_bias'])
    assert not bias[1].any()  # V1's keys have none
    assert torch.equal(state['stages.3.0.norm1.weight'],
                       fresh['stages.3.0.norm1.weight'])
    assert 'stages.3.1.norm2.bias' in report.missing
    plain = weights.warm_start_v2(source, fresh)[0]
    assert not torch.equal(plain['stages.2.3.attn.qkv.weight'], old)


def test_same_heads_and_windows_give_the_same_first_stages(source):
    """What is copied is used as V1 used it, up to what belongs to heads."""
    model = v2(arch=dict(ARCH, head_dim=8), modalities=('hr', ),
               window_size=4, out_indices=(0, ))
    # Give the first stage V1's two heads, scales and position networks.
    reference = SkySenseV1('hr', arch=dict(
        embed_dims=16, depths=(2, 2, 6, 2), num_heads=(2, 4, 8, 16),
        extra_norm_every=3), window_size=4, out_indices=(0, )).eval()
    reference.load_state_dict(reference._fit(weights.convert(source)))
    state = weights.warm_start_v2(source, model.state_dict())[0]
    for key, value in reference.encoder.state_dict().items():
        if key.startswith('stages.0.') and (
                'cpb_mlp' in key or 'logit_scale' in key):
            state[key] = value
    model.load_state_dict(state)
    x = torch.randn(1, 3, 64, 48)
    with torch.no_grad():
        torch.testing.assert_close(model(x)[0], reference(x)[0], atol=1e-5,
                                   rtol=1e-5)


def test_merge_keeps_its_order_of_columns(source):
    """V1's merge on shared weights, by mmpretrain's module."""
    from mmpretrain.models.utils import PatchMerging
    reference = PatchMerging(16, 32, use_post_norm=True).eval()
    start = 'backbone.stages.1.downsample.'
    reference.load_state_dict({k[len(start):]: v for k, v in source.items()
                               if k.startswith(start)})
    state = weights.warm_start_v2(source, v2().state_dict())[0]
    ours = AdaptivePatchMerging(16)
    ours.load_state_dict({k[9:]: v for k, v in state.items()
                          if k.startswith('merges.0.')})
    x = torch.randn(2, 6, 8, 16)
    with torch.no_grad():
        want, size = reference(x.flatten(1, 2), (6, 8))
        torch.testing.assert_close(ours(x, merge=True),
                                   want.unflatten(1, size))


def test_other_widths_and_parts_are_refused(source):
    with pytest.raises(CheckpointError, match='give SkySenseV2 the arch'):
        weights.warm_start_v2(source, v2(arch=dict(
            ARCH, embed_dims=32)).state_dict())
    with pytest.raises(CheckpointError, match="no part 'hr'; it holds s2"):
        weights.warm_start_v2(vit(10).state_dict(), v2().state_dict())
    report = weights.warm_start_v2(
        source, v2(modalities=('s2', )).state_dict())[1]
    assert "no modality 'hr'" in report.text()


# -- the command and what it writes -----------------------------------------
@pytest.fixture
def run(repo_root, monkeypatch, capsys) -> Callable:
    """Run the tool in this process; returns its exit code and its output."""
    tool = str(repo_root / 'tools/model_converters/convert.py')

    def call(*args) -> tuple:
        monkeypatch.setattr(sys, 'argv', [tool, *map(str, args)])
        code = 0
        try:
            runpy.run_path(tool, run_name='__main__')
        except SystemExit as stop:
            code = stop.code
        captured = capsys.readouterr()
        return code, captured.out + captured.err

    return call


def test_command_writes_a_part_with_its_statistics(tmp_path, run):
    source, target = tmp_path / 'all.pth', tmp_path / 's2.safetensors'
    torch.save(combined(), source)
    code, text = run(source, target, '--family', 'skysense_v1', '--part',
                     's2')
    assert code == 0, text
    assert 'skysense_v1 weights, part s2 in original layout' in text
    assert 'not asked for: hr (' in text
    want = weights.convert(combined(), part='s2')
    assert set(load_file(target)) == set(want)
    about = weights.read_metadata(target)
    assert about['source'] == 'all.pth' and about['part'] == 's2'
    assert about['source_sha256'] == weights.sha256(source)
    assert about['patch_size'] == '4' and 'non-commercial' in about['license']
    stats = json.loads(about['normalization'])['s2']
    assert stats['bands'][0] == 'B2' and stats['unit'] == 'dn'
    assert stats['mean'][0] == 884.30 and len(stats['std']) == 10
    code, _ = run(source, tmp_path / 'x.pth', '--part', 'nir')
    assert "part='nir' is unknown" in code
    code, _ = run(source, tmp_path / 'folder', '--part', 's2')
    assert 'a name ending in .safetensors' in code
    assert run(target, tmp_path / 'back.pth', '--to', 'original')[0] == 0
    back = weights.unwrap(weights.load(tmp_path / 'back.pth'))
    same = {k[12:]: v for k, v in combined()['model'].items()
            if k.startswith('backbone_s2.')}
    assert set(back) == set(same)


def test_metadata_of_other_families_and_files(tmp_path):
    state = mmeo.build('InternViT', arch=dict(
        embed_dims=16, depth=1, num_heads=2, mlp_ratio=2.),
        img_size=56).state_dict()
    torch.save(state, tmp_path / 'vit.pth')
    state, report = weights.convert_with_report(state)
    about = weights.describe(tmp_path / 'vit.pth', report, state)
    assert set(about) == {'mmeo.source', 'mmeo.source_sha256', 'mmeo.family'}
    with pytest.raises(CheckpointError, match='no safetensors file'):
        weights.read_metadata(tmp_path / 'vit.pth')
    folder = tmp_path / 'folder'
    folder.mkdir()
    (folder / 'a').write_bytes(b'abc')
    assert weights.sha256(folder) == weights.sha256(folder / 'a') == (
        'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')


def test_command_starts_a_v2(tmp_path, run):
    """With the width of `tiny`, which is what the command can build here."""
    from mmpretrain.models import SwinTransformerV2
    source, target = tmp_path / 'hr.pth', tmp_path / 'v2.safetensors'
    torch.save(SwinTransformerV2(
        arch=dict(embed_dims=96, depths=(2, 2, 6, 2), num_heads=(2, 4, 8, 16),
                  extra_norm_every_n_blocks=6),
        out_indices=(0, 1, 2, 3)).state_dict(), source)
    code, text = run(source, target, '--warm-start-v2', 'tiny')
    assert code == 0, text
    assert 'skysense_v2 weights, part hr in warm start layout' in text
    model = SkySenseV2('tiny', init_cfg=dict(
        type='Pretrained', checkpoint=str(target)))
    model.init_weights()
    want = weights.load(source)['stages.1.blocks.1.ffn.layers.0.0.weight']
    assert torch.equal(model.stages[1][1].mlp.fc1.weight, want)
    again = tmp_path / 'again.safetensors'
    run(source, again, '--warm-start-v2', 'tiny')
    a, b = load_file(target), load_file(again)
    assert all(torch.equal(a[k], b[k]) for k in a)  # seeded
    code, text = run(source, target, '--global-stages')
    assert code == 2 and 'belongs to' in text
