# Copyright (c) mmeo contributors. All rights reserved.
"""SkySense V1 and SkySense++ compute here what they did there."""

import pytest
import torch
from safetensors.torch import save_file
from skysense_reference import (
    BANDS,
    DEPTHS,
    FUSED,
    HEADS,
    SWIN,
    VIT,
    WIDTH,
    Head,
    SkySense,
    combined,
    learned,
    plus_extras,
    shake,
    swin,
    vit,
)

import mmeo
from mmeo import weights
from mmeo.errors import CheckpointError, ConfigError, DataError
from mmeo.models.backbones import (
    SkySenseV1,
    SkySenseV1Encoders,
    SkySenseV1MultiModal,
)
from mmeo.models.necks import SkySenseV1Fusion
from mmeo.structures import ModalityBatch

OPTIONS = dict(
    hr=dict(arch=dict(SWIN, extra_norm_every=3), window_size=4,
            pad_small_map=True),
    s2=dict(arch=VIT, out_indices=(0, 1, 2, 3)),
    s1=dict(arch=VIT, out_indices=(0, 1, 2, 3)))


def ours(part: str, **kwargs) -> SkySenseV1:
    return SkySenseV1(part, **{**OPTIONS[part], **kwargs}).double().eval()


FUSION = dict(in_channels=dict(hr=WIDTH, s2=32, s1=32), embed_dims=FUSED,
              num_layers=3, num_heads=2)


def fusion(**kwargs) -> SkySenseV1Fusion:
    return SkySenseV1Fusion(**{**FUSION, **kwargs}).double().eval()


def same_maps(a, b) -> None:
    assert len(a) == len(b)
    for x, y in zip(a, b):
        assert y.std() > 0.1
        torch.testing.assert_close(x, y, atol=1e-5, rtol=1e-5)


def same_state(a: dict, b: dict) -> None:
    assert set(a) == set(b)
    for key in b:
        assert torch.equal(a[key], b[key]), key


# -- outputs ---------------------------------------------------------------
@pytest.mark.parametrize('size', [(128, 128), (130, 101)])
def test_swin_computes_the_same(size):
    reference = swin()
    split = {'backbone.' + k: v for k, v in reference.state_dict().items()}
    split['mask_token'] = torch.zeros(1)
    state, report = weights.convert_with_report(split)
    assert (report.family, report.layout) == ('skysense_v1', 'original')
    assert report.missing == [] and report.unexpected == ['mask_token']
    assert report.matched == len(learned(reference.state_dict()))
    assert '24 known and left out: computed' in report.text()
    model = ours('hr')
    model.load_state_dict(state, strict=True)
    x = torch.randn(2, 3, *size, dtype=torch.double)
    with torch.no_grad():
        same_maps(model(x), reference(x))


def test_windows_of_skysense_o_compute_the_same():
    """Stage 4 in windows of 16, its offsets measured in windows of 8."""
    windows = dict(window_size=(4, 4, 4, 8),
                   pretrained_window_sizes=(0, 0, 0, 4))
    reference = swin(windows['window_size'], pretrained_window_sizes=(
        0, 0, 0, 4))
    model = ours('hr', **windows)
    # Its files have the encoder below another prefix.
    state = {'clip.visual.' + k: v for k, v in reference.state_dict().items()}
    model.load_state_dict(weights.convert(state, part='hr'))
    x = torch.randn(1, 3, 288, 320, dtype=torch.double)
    with torch.no_grad():
        same_maps(model(x), reference(x))


@pytest.mark.parametrize('part', ['s2', 's1'])
@pytest.mark.parametrize('with_cls_token', [False, True])
@pytest.mark.parametrize('size', [(64, 64), (50, 33)])
def test_vit_computes_the_same(part, with_cls_token, size):
    reference = vit(BANDS[part], with_cls_token)
    state, report = weights.convert_with_report(
        dict(reference.state_dict(), ctpe=torch.zeros(1, 365, 8)))
    assert not report.missing and not report.unexpected
    assert 'not asked for: calendar (1 tensors)' in report.text()
    model = ours(part, with_cls_token=with_cls_token)
    model.load_state_dict(state, strict=True)
    x = torch.randn(2, BANDS[part], *size, dtype=torch.double)
    with torch.no_grad():
        same_maps(model(x), reference(x))


@pytest.mark.parametrize('source', ['backbone_gep', 'backbone_hr'])
def test_whole_model_computes_the_same(source, tmp_path):
    reference = SkySense(source)
    path = tmp_path / 'all.pth'
    torch.save(dict(model=reference.state_dict()), path)
    model = SkySenseV1MultiModal(
        encoders=OPTIONS, fusion=FUSION,
        init_cfg=dict(type='Pretrained', checkpoint=str(path))).double()
    model.init_weights()
    model.eval()
    hr = torch.randn(2, 3, 256, 128, dtype=torch.double)
    s2 = torch.randn(2, 3, 10, 8, 4, dtype=torch.double)
    s1 = torch.randn(2, 2, 2, 8, 4, dtype=torch.double)
    days = torch.randint(0, 365, (2, 3))
    batches = dict(hr=ModalityBatch.of(hr[:, None]), s2=ModalityBatch.of(s2),
                   s1=ModalityBatch.of(s1))
    undated = dict(batches)
    batches['s2'] = ModalityBatch(s2, batches['s2'].valid, days)
    with torch.no_grad():
        outs = model(batches)
        same_maps(outs[:4], getattr(reference, source)(hr))
        same_maps(outs[4:], [reference(hr, s2, s1, days)])
        assert (model(undated)[4] - outs[4]).abs().max() > 1e-3
    assert [x.shape[1] for x in outs] == model.out_channels
    # The joint file of mmeo is a state dict of this model.
    other = SkySenseV1MultiModal(encoders=OPTIONS, fusion=FUSION).double()
    other.load_state_dict(weights.convert(weights.load(path)), strict=True)
    same_state(other.state_dict(), model.state_dict())
    with pytest.raises(DataError, match="takes 'hr' and some of"):
        model(dict(s2=batches['s2']))


def test_invalid_frames_are_zero_and_not_read():
    model = SkySenseV1Encoders(('s1', ), s1=OPTIONS['s1']).eval()
    x = torch.randn(2, 3, 2, 16, 16)
    valid = torch.tensor([[True, False, True], [False, True, False]])
    x[~valid] = float('nan')
    with torch.no_grad():
        out = model(x, 's1', valid)[-1]
    assert out.isfinite().all() and (out[~valid] == 0).all()
    torch.testing.assert_close(out[0, 2], model(x[:1, 2], 's1')[-1][0])
    with pytest.raises(ConfigError, match='this backbone has s1'):
        model(x, 'hr')


# -- round trips -----------------------------------------------------------
@pytest.mark.parametrize('source', ['backbone_gep', 'backbone_hr'])
def test_round_trip_of_a_combined_file(source):
    state = combined(source)
    middle, report = weights.convert_with_report(state)
    plus = source == 'backbone_hr'
    assert report.family == ('skysense_pp' if plus else 'skysense_v1')
    assert not report.missing and report.unexpected == ['mask_token']
    assert {key.split('.')[0] for key in middle} == {'encoders', 'fusion'}
    back = weights.convert(middle, to='original', family=report.family)
    same_state(back, learned(state['model']))


@pytest.mark.parametrize('part', ['hr', 's2', 's1', 'fusion', 'head_s2',
                                  'head_s1'])
def test_round_trip_of_a_split_file(part):
    model = SkySense()
    name = 'backbone_gep' if part == 'hr' else (
        f'backbone_{part}' if part in ('s2', 's1') else part)
    prefix = 'backbone.' if part == 'hr' else ''
    state = {prefix + k: v
             for k, v in getattr(model, name).state_dict().items()}
    middle = weights.convert(state, family='skysense_v1', part=part)
    back = weights.convert(middle, to='original', family='skysense_v1',
                           part=part)
    same_state(back, learned(state))
    again = weights.convert(middle, family='skysense_v1', part=part)
    same_state(again, middle)


def test_a_part_of_a_combined_file():
    state = combined()
    got, report = weights.convert_with_report(state, part='s1')
    same_state(got, weights.convert(
        {k[12:]: v for k, v in state['model'].items()
         if k.startswith('backbone_s1.')}))
    text = report.text()
    assert 'not asked for: hr (' in text and 'below backbone_gep.)' in text
    assert 'not asked for: fusion (' in text
    assert not report.missing and report.unexpected == ['mask_token']
    whole = weights.convert(state, part='fusion')
    assert {'input_proj.weight', 'up_heads.s2.weight', 'up_heads.s1.bias',
            'dates.position_embedding'} <= set(whole)
    fusion().load_state_dict(whole, strict=True)


# -- SkySense++ ------------------------------------------------------------
def test_extras_of_skysense_pp_are_known(tmp_path):
    reference = swin()
    state = {'module.backbone_hr.' + k: v
             for k, v in reference.state_dict().items()}
    state.update({'module.' + k: v for k, v in plus_extras().items()})
    path = tmp_path / 'pp.pth'
    torch.save(dict(model=state, epoch=3), path)
    out, report = weights.convert_with_report(weights.load(path))
    assert report.family == 'skysense_pp' and not report.missing
    assert len(report.unexpected) == len(plus_extras())
    explained = [note for note in report.notes if 'known and left out' in note]
    assert sum(int(note.split()[0]) for note in explained) == len(
        plus_extras()) + 24
    model = ours('hr')
    model.load_pretrained(str(path))
    same_state(model.state_dict(), out)


def test_flash_names_and_position_table_without_cls(tmp_path):
    """Another grid, no row for the CLS token, `Wqkv` for `in_proj_`."""
    state = dict(vit(10).state_dict())
    table = torch.randn(1, 16, 32, dtype=torch.double)
    state['pos_embed'] = table
    state = {k.replace('in_proj_', 'Wqkv.'): v for k, v in state.items()}
    assert any('Wqkv.weight' in key for key in state)
    torch.save(state, tmp_path / 's2.pth')
    model = ours('s2')
    model.load_pretrained(str(tmp_path / 's2.pth'))
    got = model.encoder.pos_embed
    assert got.shape == (1, 256, 32)
    grid = table.reshape(1, 4, 4, 32).permute(0, 3, 1, 2).float()
    wide = torch.nn.functional.interpolate(
        grid, (16, 16), mode='bicubic', align_corners=False)
    torch.testing.assert_close(
        got[0].detach(), wide[0].flatten(1).t().double(), atol=1e-6, rtol=0)
    with pytest.raises(CheckpointError, match='no row for the CLS token'):
        ours('s2', with_cls_token=True).load_pretrained(
            str(tmp_path / 's2.pth'))


def test_names_of_the_transformers_port():
    original = dict(vit(2).state_dict())
    port = {}
    for key, value in original.items():
        key = key.replace('.attn.attn.', '.attn.')
        key = key.replace('.ln1.', '.norm1.').replace('.ln2.', '.norm2.')
        key = key.replace('.ffn.layers.1.', '.ffn.layers.3.')
        key = key.replace('.ffn.layers.0.0.', '.ffn.layers.0.')
        port[key] = value
    assert set(port) != set(original)
    same_state(weights.convert(port), weights.convert(original))


# -- loading and its errors ------------------------------------------------
def test_near_infrared_starts_as_red(tmp_path):
    torch.save(swin().state_dict(), tmp_path / 'hr.pth')
    path = str(tmp_path / 'hr.pth')
    model = ours('hr', in_channels=4, band_init=(0, 1, 2, 0))
    model.load_pretrained(path)
    kernel = model.encoder.tokenizer.projection.weight
    stored = weights.load(path)['patch_embed.projection.weight']
    assert torch.equal(kernel[:, :3], stored)
    assert torch.equal(kernel[:, 3], stored[:, 0])
    model = ours('hr', in_channels=4, band_init=(0, 1, 2, 0),
                 band_rescale=True)
    model.load_pretrained(path)
    torch.testing.assert_close(
        model.encoder.tokenizer.projection.weight[:, 3], stored[:, 0] * .75)
    with pytest.raises(CheckpointError, match='band_init'):
        ours('hr', in_channels=4).load_pretrained(path)


def test_split_files_of_the_fusion(tmp_path):
    model = SkySense()
    files = {}
    for part in ('fusion', 'head_s2', 'head_s1'):
        files[part] = str(tmp_path / f'{part}.pth')
        torch.save(getattr(model, part).state_dict(), files[part])
    files['calendar'] = str(tmp_path / 's2.pth')
    torch.save(dict(model.backbone_s2.state_dict(), ctpe=model.ctpe.data),
               files['calendar'])
    neck = fusion(init_cfg=dict(type='Pretrained', checkpoint=files))
    neck.init_weights()
    same_state(neck.state_dict(), weights.convert(
        dict(model.state_dict()), part='fusion'))
    with pytest.raises(CheckpointError, match='lacks dates.position'):
        fusion().load_pretrained({k: v for k, v in files.items()
                                  if k != 'calendar'})
    fusion(with_calendar=False).load_pretrained(files)
    with pytest.raises(CheckpointError, match='num_layers'):
        fusion(num_layers=2).load_pretrained(files)
    with pytest.raises(CheckpointError, match="no part 'head_s2'"):
        fusion().load_pretrained(dict(files, head_s2=files['calendar']))


def write(path, state):
    torch.save(state, path)
    return str(path)


def test_wrong_files_say_what_they_are(tmp_path):
    s2 = write(tmp_path / 's2.pth', vit(10).state_dict())
    with pytest.raises(CheckpointError, match=(
            r"s2.pth: the checkpoint has no part 'hr'; it holds s2")):
        ours('hr').load_pretrained(s2)
    with pytest.raises(CheckpointError, match="no part 's1'; it holds s2"):
        ours('s1').load_pretrained(s2)
    intern = mmeo.build('InternViT', arch=dict(
        embed_dims=16, depth=1, num_heads=2, mlp_ratio=2.), img_size=56)
    path = write(tmp_path / 'vit.pth', intern.state_dict())
    with pytest.raises(CheckpointError, match='These are weights of internvi'):
        ours('s2').load_pretrained(path)
    path = write(tmp_path / 'x.pth', {'a': torch.ones(1)})
    with pytest.raises(CheckpointError, match='no module of SkySense'):
        ours('hr').load_pretrained(path)
    path = write(tmp_path / 'four.pth', vit(4).state_dict())
    with pytest.raises(CheckpointError, match='sees 4 bands'):
        weights.convert(weights.load(path))
    with pytest.raises(CheckpointError, match="give part='head_s2'"):
        weights.convert(shake(Head()).state_dict(), family='skysense_v1')
    twice = {p + k: v for k, v in vit(2).state_dict().items()
             for p in ('student.', 'teacher.')}
    with pytest.raises(CheckpointError, match="'s1' more than once"):
        weights.convert(twice)
    twice = write(tmp_path / 'twice.pth', twice)
    with pytest.raises(CheckpointError, match="'s1' more than once"):
        ours('s1').load_pretrained(twice)
    ours('s1').load_pretrained(twice, prefix='teacher.')


def test_broken_files(tmp_path):
    state = dict(swin().state_dict())
    path = tmp_path / 'hr.pth'
    torch.save(state, path)
    whole = path.read_bytes()
    path.write_bytes(whole[:len(whole) // 2])
    with pytest.raises(CheckpointError, match='truncated'):
        ours('hr').load_pretrained(str(path))
    save_file({k: v.clone() for k, v in state.items()},
              tmp_path / 'hr.safetensors')
    ours('hr').load_pretrained(str(tmp_path / 'hr.safetensors'))
    whole = (tmp_path / 'hr.safetensors').read_bytes()
    (tmp_path / 'hr.safetensors').write_bytes(whole[:-100])
    with pytest.raises(CheckpointError, match='truncated'):
        ours('hr').load_pretrained(str(tmp_path / 'hr.safetensors'))
    torch.save(dict(model=state, hook=print), path)
    with pytest.raises(CheckpointError, match='trust=True'):
        ours('hr').load_pretrained(str(path))


def test_missing_blocks_are_named(tmp_path):
    state = dict(swin().state_dict())
    lost = 'stages.2.blocks.5.norm3.weight'
    del state[lost], state['stages.1.downsample.norm.bias']
    _, report = weights.convert_with_report(state)
    assert report.missing == ['encoder.merges.0.norm.bias',
                              'encoder.stages.2.5.norm3.weight']
    path = write(tmp_path / 'hr.pth', state)
    with pytest.raises(CheckpointError, match='lacks 2 tensors'):
        ours('hr').load_pretrained(path)
    path = write(tmp_path / 'hr.pth', swin().state_dict())
    with pytest.raises(CheckpointError, match='more than this model'):
        ours('hr', arch=dict(SWIN, depths=(2, 2, 4, 2), extra_norm_every=3)
             ).load_pretrained(path)
    with pytest.raises(CheckpointError, match='has shape .* set `arch`'):
        ours('hr', arch=dict(SWIN, num_heads=(1, 4, 8, 16),
                             extra_norm_every=3)).load_pretrained(path)


def test_fine_tuned_model_of_mmeo_gives_its_encoder(tmp_path):
    trained = ours('s2')
    state = {'backbone.' + k: v for k, v in trained.state_dict().items()}
    state['decode_head.conv_seg.weight'] = torch.ones(2, 4, 1, 1)
    path = write(tmp_path / 'iter_10.pth', dict(state_dict=state, meta={}))
    model = ours('s2')
    model.load_pretrained(path)
    same_state(model.state_dict(), trained.state_dict())


def test_arguments_of_convert():
    state = vit(10).state_dict()
    with pytest.raises(ConfigError, match="part='nir' is unknown"):
        weights.convert(state, part='nir')
    with pytest.raises(ConfigError, match="to='hf' is unknown for skysense"):
        weights.convert(state, to='hf')
    intern = mmeo.build('InternViT', arch=dict(
        embed_dims=16, depth=1, num_heads=2, mlp_ratio=2.), img_size=56)
    with pytest.raises(ConfigError, match='internvit has no parts'):
        weights.convert(intern.state_dict(), part='hr')


# -- the released sizes ----------------------------------------------------
def released_swin() -> dict:
    """Names from mmpretrain at full depth, shapes from the release's list."""
    small = swin_of_released_depth().state_dict()
    heads = (8, 16, 32, 64)
    state = {}
    for key, value in learned(small).items():
        stage = int(key.split('.')[1]) if key.startswith('stages.') else 0
        if key.startswith('norm'):
            stage = int(key[4])
        scale = {16 * 2**stage * k: 352 * 2**stage * k
                 for k in (1, 2, 3, 4)}
        shape = [scale.get(n, n) for n in value.shape]
        if 'cpb_mlp' in key or 'logit_scale' in key:
            shape = list(value.shape)
            assert heads[stage] in shape or 'cpb_mlp.0' in key
        if key == 'patch_embed.projection.weight':
            shape = [352, 3, 4, 4]
        state[key] = torch.empty(shape, device='meta')
    return state


def swin_of_released_depth():
    from mmpretrain.models import SwinTransformerV2
    return SwinTransformerV2(
        arch=dict(embed_dims=16, depths=(2, 2, 18, 2),
                  num_heads=(8, 16, 32, 64), extra_norm_every_n_blocks=6),
        out_indices=(0, 1, 2, 3))


def test_released_swin_fits():
    state = released_swin()
    # Rows of a published listing of the checkpoint.
    for key, shape in {
            'patch_embed.projection.weight': (352, 3, 4, 4),
            'patch_embed.norm.bias': (352, ),
            'stages.0.blocks.0.attn.w_msa.logit_scale': (8, 1, 1),
            'stages.0.blocks.1.attn.w_msa.cpb_mlp.2.weight': (8, 512),
            'stages.1.blocks.0.attn.w_msa.qkv.weight': (2112, 704),
            'stages.1.downsample.reduction.weight': (704, 1408),
            'stages.1.downsample.norm.weight': (704, ),
            'stages.2.blocks.0.ffn.layers.0.0.weight': (5632, 1408),
            'stages.2.blocks.5.norm3.weight': (1408, ),
            'stages.2.blocks.3.attn.w_msa.cpb_mlp.0.weight': (512, 2),
            'norm3.weight': (2816, )}.items():
        assert tuple(state[key].shape) == shape, key
    assert sum(v.numel() for v in state.values()) == 655_079_632
    with torch.device('meta'):
        model = SkySenseV1('hr')
    converted, report = weights.convert_with_report(state)
    assert not report.missing and not report.unexpected
    model.load_state_dict(converted, strict=True, assign=True)


def test_released_vit_and_fusion_fit():
    layer = {'ln1.weight': (1024, ), 'ln1.bias': (1024, ),
             'attn.attn.in_proj_weight': (3072, 1024),
             'attn.attn.in_proj_bias': (3072, ),
             'attn.attn.out_proj.weight': (1024, 1024),
             'attn.attn.out_proj.bias': (1024, ),
             'ln2.weight': (1024, ), 'ln2.bias': (1024, ),
             'ffn.layers.0.0.weight': (4096, 1024),
             'ffn.layers.0.0.bias': (4096, ),
             'ffn.layers.1.weight': (1024, 4096),
             'ffn.layers.1.bias': (1024, )}
    # The listing is that of mmseg's module, below 'layers.N.'.
    assert set(layer) == {k.split('.', 2)[2] for k in vit(2).state_dict()
                          if k.startswith('layers.')}
    layers = {f'layers.{i}.{k}': v for i in range(24)
              for k, v in layer.items()}
    shapes = {'ctpe': (1, 365, 2816)}
    for part, bands in BANDS.items():
        own = {'cls_token': (1, 1, 1024), 'pos_embed': (1, 257, 1024),
               'patch_embed.projection.weight': (1024, bands, 4, 4),
               'patch_embed.projection.bias': (1024, ), **layers}
        shapes.update({f'backbone_{part}.{k}': v for k, v in own.items()})
        shapes[f'head_{part}.decoder.0.weight'] = (45056, 1024, 1, 1)
        shapes[f'head_{part}.decoder.0.bias'] = (45056, )
    own = {'porj_linear.weight': (1024, 2816), 'porj_linear.bias': (1024, ),
           'cls_token': (1, 1, 1024), **layers}
    shapes.update({f'fusion.{k}': v for k, v in own.items()})
    state = {k: torch.empty(v, device='meta') for k, v in shapes.items()}
    with torch.device('meta'):
        modules = dict(s2=SkySenseV1('s2', with_cls_token=True),
                       s1=SkySenseV1('s1', with_cls_token=True),
                       fusion=SkySenseV1Fusion())
    for part, module in modules.items():
        got = weights.convert(state, part=part)
        module.load_state_dict(got, strict=True, assign=True)


def test_reference_has_the_release_layout():
    """Names of the small reference, against the published description."""
    state = set(SkySense().state_dict())
    assert {'ctpe', 'fusion.porj_linear.weight', 'fusion.cls_token',
            'backbone_s2.pos_embed', 'head_s1.decoder.0.bias',
            'backbone_s1.layers.3.attn.attn.in_proj_weight',
            'backbone_gep.stages.2.blocks.5.norm3.bias',
            'backbone_gep.stages.3.downsample.reduction.weight',
            'backbone_gep.stages.0.blocks.1.ffn.layers.1.bias',
            'backbone_gep.norm0.weight'} <= state
    assert len(DEPTHS) == len(HEADS) == 4
