# Copyright (c) mmeo contributors. All rights reserved.
"""Fine-tuned checkpoints of ViTP compute here what they did there."""

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import MODELS
from mmengine.runner.checkpoint import load_checkpoint
from vitp_reference import ViTPBackbone

from mmeo import weights
from mmeo.errors import CheckpointError, ConfigError
from mmeo.models.backbones import ViTAdapter

ARCH = dict(embed_dims=32, depth=4, num_heads=4, mlp_ratio=2.0)
OPTIONS = {
    'compiled': dict(deform_ratio=0.25, extractor_residual='raw'),
    'mmcv': dict(deform_ratio=1.0, extractor_residual='normalised',
                 attn_dropout=0.1),
}
FAMILIES = list(OPTIONS)


def ours(family, **kwargs) -> ViTAdapter:
    vit = dict(arch=ARCH, img_size=64)
    return ViTAdapter(**{**dict(
        vit=vit, num_heads=4, conv_inplane=8, **OPTIONS[family]), **kwargs})


def theirs(family) -> ViTPBackbone:
    torch.manual_seed(3)
    model = ViTPBackbone(family).eval()
    with torch.no_grad():
        for param in model.parameters():
            param.add_(torch.randn_like(param) * 0.1)
    return model


def as_detector(model) -> dict:
    """A checkpoint as mm 1.x writes it: prefix, neck, meta."""
    state = {'backbone.' + k: v for k, v in model.state_dict().items()}
    state['neck.lateral_convs.0.conv.weight'] = torch.ones(1)
    return dict(state_dict=state, meta=dict(epoch=12))


@pytest.mark.parametrize('family', FAMILIES)
def test_same_outputs_after_conversion(family):
    reference = theirs(family)
    state, report = weights.convert_with_report(as_detector(reference))
    assert report.family == 'vitp_finetuned'
    assert not report.missing and not report.unexpected
    assert report.matched == len(reference.state_dict()) + 1
    assert 'row of the CLS token dropped, 4 x 4' in report.resized[0]
    assert repr(OPTIONS[family]['extractor_residual']) in report.text()
    model = ours(family).eval()
    model.load_state_dict({k[9:]: v for k, v in state.items()
                           if k.startswith('backbone.')}, strict=True)
    x = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        for a, b in zip(model(x), reference(x)):
            assert b.std() > 0.1
            torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-5)


def test_the_two_adapters_differ():
    """Else the test above could not tell them apart."""
    reference = theirs('mmcv')
    model = ours('mmcv', extractor_residual='raw').eval()
    state = weights.convert(as_detector(reference))
    model.load_state_dict({k[9:]: v for k, v in state.items()
                           if k.startswith('backbone.')})
    x = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        assert (model(x)[1] - reference(x)[1]).abs().max() > 0.1


@pytest.mark.parametrize('family', FAMILIES)
def test_unconverted_file_loads_as_it_is(family, tmp_path):
    """``load_from`` and ``tools/test.py`` take the authors' file."""
    reference = theirs(family)
    torch.save(as_detector(reference), tmp_path / 'epoch_12.pth')
    model = torch.nn.Module()
    model.backbone = ours(family)
    load_checkpoint(model, str(tmp_path / 'epoch_12.pth'),
                    map_location='cpu')
    model.eval()
    x = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        for a, b in zip(model.backbone(x), reference(x)):
            torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-5)
    # Positions are resized at run time, which the authors' code cannot.
    assert model.backbone(torch.randn(1, 3, 96, 64))[0].shape[2:] == (24, 16)


@pytest.mark.parametrize('family', FAMILIES)
def test_wrong_adapter_is_refused(family):
    other = FAMILIES[1 - FAMILIES.index(family)]
    with pytest.raises(CheckpointError) as error:
        ours(other).load_state_dict(theirs(family).state_dict())
    for key, value in OPTIONS[family].items():
        assert f'{key}={value!r}' in str(error.value)


@pytest.mark.parametrize('family', FAMILIES)
def test_round_trip(family):
    state = as_detector(theirs(family))['state_dict']
    table = state['backbone.embeddings.position_embedding']
    table[:, 0] = 0  # no use was made of this row
    back = weights.convert(weights.convert(state), to='original')
    assert set(back) == set(state)
    for key, value in state.items():
        assert torch.equal(back[key], value), key


def test_report_of_a_broken_file():
    state = as_detector(theirs('compiled'))['state_dict']
    del state['backbone.interactions.3.extra_extractors.1.ffn.fc2.bias']
    del state['backbone.layers.2.ls1']
    state['backbone.layers.2.attn.rel_pos_h'] = torch.ones(1)
    out, report = weights.convert_with_report(state)
    assert report.missing == [
        'backbone.interactions.3.extra_extractors.1.ffn.fc2.bias',
        'backbone.vit.layers.2.ls1']
    assert report.unexpected == ['backbone.vit.layers.2.attn.rel_pos_h']
    assert report.matched == len(out) == len(state) - 1
    with pytest.raises(CheckpointError, match='value_proj.*not complete'):
        del state['backbone.interactions.0.injector.attn.value_proj.weight']
        weights.convert(state)
    with pytest.raises(CheckpointError, match='one ViT-Adapter.*none'):
        weights.convert({'a.b': torch.ones(1)}, family='vitp_finetuned')
    with pytest.raises(ConfigError, match='choose mmeo, original'):
        weights.convert(as_detector(theirs('mmcv')), to='hf')
    with pytest.raises(ConfigError, match='extractor_residual'):
        ours('mmcv', extractor_residual='cooked')


def test_vision_encoder_comes_out_of_it():
    reference = theirs('compiled')
    vit = weights.extract_vision(as_detector(reference))
    assert torch.equal(vit['layers.3.mlp.fc2.bias'],
                       reference.layers[3].mlp.fc2.bias)
    assert not any('spm' in key for key in vit)


# The backbone's names are the reference's; neck and heads keep the names that
# mmdet 2, mmrotate 0.3, mmseg 0.27 and open-cd 1 give them.
HEADS = {
    'cascade': {
        'neck.lateral_convs.0.conv.weight', 'neck.lateral_convs.3.ln.bias',
        'neck.fpn_convs.2.ln.weight', 'rpn_head.rpn_conv.weight',
        'rpn_head.rpn_cls.bias', 'rpn_head.rpn_reg.weight',
        'roi_head.bbox_head.0.shared_fcs.1.weight',
        'roi_head.bbox_head.2.fc_cls.weight',
        'roi_head.bbox_head.1.fc_reg.bias'
    },
    'oriented': {
        'neck.lateral_convs.0.conv.weight', 'neck.fpn_convs.3.ln.bias',
        'rpn_head.rpn_conv.bias', 'rpn_head.rpn_reg.weight',
        'roi_head.bbox_head.shared_fcs.0.weight',
        'roi_head.bbox_head.fc_cls.bias', 'roi_head.bbox_head.fc_reg.weight'
    },
    'mask': {
        'neck.lateral_convs.0.conv.bias', 'neck.fpn_convs.3.conv.weight',
        'rpn_head.rpn_conv.bias', 'roi_head.bbox_head.fc_reg.weight',
        'roi_head.mask_head.convs.3.conv.weight',
        'roi_head.mask_head.upsample.bias',
        'roi_head.mask_head.conv_logits.weight'
    },
    'upernet': {
        'decode_head.conv_seg.weight', 'decode_head.psp_modules.3.1.bn.bias',
        'decode_head.bottleneck.bn.running_var',
        'decode_head.lateral_convs.0.conv.weight',
        'decode_head.fpn_convs.2.bn.num_batches_tracked',
        'decode_head.fpn_bottleneck.conv.weight'
    },
}
HEADS['change'] = HEADS['upernet']
BASE = {
    'cascade': 'cascade-rcnn_vit-adapter-l.py',
    'oriented': 'oriented-rcnn_vit-adapter-l.py',
    'mask': 'mask-rcnn_vit-adapter-l.py',
    'upernet': 'upernet_vit-adapter-l.py',
    'change': 'siamese-upernet_vit-adapter-l.py',
}


def shrink(cfg: dict) -> dict:
    """The same model with a backbone of 32 channels."""
    cfg['backbone'].update(num_heads=4, conv_inplane=8)
    cfg['backbone']['vit'].update(arch=ARCH, img_size=64, drop_path_rate=0.0)
    if 'neck' in cfg:
        cfg['neck']['in_channels'] = [32] * 4
    else:
        head = cfg['decode_head']
        head['in_channels'] = [c // 32 for c in head['in_channels']]
        head.update(channels=16, norm_cfg=dict(type='BN'))
    return cfg


@pytest.mark.parametrize('kind', list(BASE))
def test_whole_models_by_the_authors_names(kind, repo_root):
    path = repo_root / 'configs/_base_/models' / BASE[kind]
    cfg = shrink(Config.fromfile(path).model)
    family = 'mmcv' if kind == 'change' else 'compiled'
    cfg['backbone'].update(OPTIONS[family])
    model = MODELS.build(cfg)
    # Their file: the reference's backbone, our neck and heads.
    state = as_detector(theirs(family))['state_dict']
    del state['neck.lateral_convs.0.conv.weight']
    rest = {k: torch.randn_like(v) if v.is_floating_point() else v
            for k, v in model.state_dict().items()
            if not k.startswith('backbone.')}
    assert HEADS[kind] <= set(rest)
    state.update(rest)
    ours_, report = weights.convert_with_report(state)
    assert not report.missing and not report.unexpected
    model.load_state_dict(ours_, strict=True)
    # And without conversion.
    model.load_state_dict(state, strict=True)
    assert torch.equal(model.state_dict()['backbone.vit.layers.1.ls1'],
                       state['backbone.layers.1.ls1'])
