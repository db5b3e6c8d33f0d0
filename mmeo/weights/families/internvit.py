# Copyright (c) mmeo contributors. All rights reserved.
"""Key layouts of InternViT.

``original``
    OpenGVLab's remote code, alone or below ``vision_model.``; the released
    ViTP weights; fine-tuned ViTP detectors, which leave out ``encoder.``.
``hf``
    transformers' ``InternVLVisionModel``: q, k and v apart.
``mmeo``
    :class:`mmeo.models.backbones.InternViT`.
"""

import re

import torch
from torch import Tensor

from mmeo.errors import CheckpointError

from ..report import Report

LAYOUTS = ('mmeo', 'hf', 'original')

# A layout is there if both of its anchors are, below the same prefix.
_ANCHORS = {
    'mmeo': ('patch_embed.weight', 'layers.0.attn.qkv.weight'),
    'hf': ('embeddings.patch_embeddings.projection.weight',
           'encoder.layer.0.attention.q_proj.weight'),
    'original': ('embeddings.patch_embedding.weight',
                 'encoder.layers.0.attn.qkv.weight'),
    'original (fine-tuned)': ('embeddings.patch_embedding.weight',
                              'layers.0.attn.qkv.weight'),
    'original (fine-tuned, proj)':
    ('embeddings.patch_embedding.proj.weight', 'layers.0.attn.qkv.weight'),
    'original (proj)': ('embeddings.patch_embedding.proj.weight',
                        'encoder.layers.0.attn.qkv.weight'),
}

# mmeo name -> name in the other layout, outside the layers.
STEM = {
    'original': {
        'cls_token': 'embeddings.class_embedding',
        'pos_embed': 'embeddings.position_embedding',
        'patch_embed.weight': 'embeddings.patch_embedding.weight',
        'patch_embed.bias': 'embeddings.patch_embedding.bias',
    },
    'hf': {
        'cls_token': 'embeddings.cls_token',
        'pos_embed': 'embeddings.position_embeddings',
        'patch_embed.weight': 'embeddings.patch_embeddings.projection.weight',
        'patch_embed.bias': 'embeddings.patch_embeddings.projection.bias',
    },
}

# mmeo name -> transformers' name inside a layer.
_HF_LAYER = {
    'norm1.weight': 'layernorm_before.weight',
    'norm1.bias': 'layernorm_before.bias',
    'norm2.weight': 'layernorm_after.weight',
    'norm2.bias': 'layernorm_after.bias',
    'ls1': 'lambda_1',
    'ls2': 'lambda_2',
    'attn.proj.weight': 'attention.projection_layer.weight',
    'attn.proj.bias': 'attention.projection_layer.bias',
    'attn.q_norm.weight': 'attention.q_norm.weight',
    'attn.k_norm.weight': 'attention.k_norm.weight',
    'mlp.fc1.weight': 'mlp.fc1.weight',
    'mlp.fc1.bias': 'mlp.fc1.bias',
    'mlp.fc2.weight': 'mlp.fc2.weight',
    'mlp.fc2.bias': 'mlp.fc2.bias',
}
_QKV = ('attn.qkv.weight', 'attn.qkv.bias')
_OPTIONAL = {'attn.qkv.bias', 'attn.q_norm.weight', 'attn.k_norm.weight'}
_LAYER_KEYS = (set(_HF_LAYER) | set(_QKV))
_STEM_KEYS = set(STEM['hf'])


def find(state: dict[str, Tensor]) -> list[tuple[str, str]]:
    """Find every InternViT in a state dict.

    Args:
        state (dict[str, Tensor]): Names to tensors.

    Returns:
        list[tuple[str, str]]: ``(prefix, layout)`` of each.
    """
    found = []
    for layout, (stem, layer) in _ANCHORS.items():
        for key in state:
            prefix = key[:-len(stem)] if key.endswith(stem) else None
            if prefix is None or (prefix and prefix[-1] != '.'):
                continue
            if prefix + layer in state:
                found.append((prefix, layout))
    return found


def locate(state: dict[str, Tensor]) -> tuple[str, str]:
    """Find the one InternViT in a state dict.

    Raises:
        CheckpointError: If there is none, or more than one.
    """
    found = find(state)
    if len(found) == 1:
        return found[0]
    if found:
        names = ', '.join(repr(prefix) for prefix, _ in found)
        raise CheckpointError(
            f'the checkpoint holds {len(found)} vision encoders, below '
            f'{names}: choose one, e.g. with `prefix` in init_cfg.')
    keys = ', '.join(list(state)[:3])
    raise CheckpointError(
        'no InternViT among the keys of the checkpoint (layouts looked for: '
        f'{", ".join(LAYOUTS)}); it holds {len(state)} tensors such as '
        f'{keys}.')


def _to_mmeo_key(key: str, layout: str) -> str:
    """Rename one key; an unknown one comes back with a leading ``?``."""
    if layout == 'hf':
        stem = {v: k for k, v in STEM['hf'].items()}
        inner = {v: k for k, v in _HF_LAYER.items()}
        match = re.fullmatch(r'encoder\.layer\.(\d+)\.(.+)', key)
    else:
        stem = {v: k for k, v in STEM['original'].items()}
        inner = {name: name for name in _LAYER_KEYS}
        key = key.replace('patch_embedding.proj.', 'patch_embedding.')
        match = re.fullmatch(r'(?:encoder\.)?layers\.(\d+)\.(.+)', key)
    if layout == 'mmeo':
        stem = {name: name for name in _STEM_KEYS}
    if match and match[2] in inner:
        return f'layers.{match[1]}.{inner[match[2]]}'
    return stem.get(key, '?' + key)


def _fuse_qkv(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Join the q, k and v projections of the ``hf`` layout."""
    out = {}
    for key, value in state.items():
        match = re.fullmatch(
            r'(encoder\.layer\.\d+\.)attention\.([qkv])_proj\.(\w+)', key)
        if not match:
            out[key] = value
        elif match[2] == 'q':
            layer, kind = match[1], match[3]
            names = [f'{layer}attention.{p}_proj.{kind}' for p in 'qkv']
            if all(name in state for name in names):
                joined = torch.cat([state[name] for name in names])
                number = layer.split('.')[2]
                out[f'layers.{number}.attn.qkv.{kind}'] = joined
    return out


def missing_keys(state: dict[str, Tensor]) -> list[str]:
    """Name what a complete ``mmeo`` state dict would also hold."""
    layers = [int(key.split('.')[1]) for key in state
              if key.startswith('layers.')]
    used = {key.split('.', 2)[2] for key in state if key.startswith('layers.')}
    inner = (_LAYER_KEYS - _OPTIONAL) | (used & _OPTIONAL)
    wanted = _STEM_KEYS | {
        f'layers.{i}.{name}'
        for i in range(max(layers, default=-1) + 1) for name in inner
    }
    return sorted(wanted - set(state))


def unknown_keys(state: dict[str, Tensor]) -> list[str]:
    """Name what no ``InternViT`` has among ``mmeo`` keys."""
    known = _STEM_KEYS | {
        f'layers.{i}.{name}'
        for i in {key.split('.')[1] for key in state
                  if key.startswith('layers.')} for name in _LAYER_KEYS
    }
    return sorted(set(state) - known)


def to_mmeo(state: dict[str, Tensor]) -> tuple[dict[str, Tensor], Report]:
    """Bring an InternViT in any layout to ``mmeo`` keys.

    Args:
        state (dict[str, Tensor]): Names to tensors; other parts of a larger
            model may be among them.

    Returns:
        tuple[dict[str, Tensor], Report]: The encoder's tensors, and what
        became of the keys.

    Raises:
        CheckpointError: If there is not exactly one InternViT.
    """
    prefix, layout = locate(state)
    inside = {k[len(prefix):]: v for k, v in state.items()
              if k.startswith(prefix)}
    unexpected = [k for k in state if not k.startswith(prefix)]
    if layout == 'hf':
        fused = _fuse_qkv(inside)
    else:
        fused = inside
    out = {}
    for key, value in fused.items():
        done = re.fullmatch(r'layers\.\d+\.(.+)', key)
        name = key if done and done[1] in _QKV else _to_mmeo_key(key, layout)
        if name.startswith('?'):
            unexpected.append(prefix + name[1:])
        else:
            out[name] = value
    used = len(state) - len(unexpected)
    report = Report('internvit', layout, used, missing_keys(out), unexpected)
    return out, report


def from_mmeo(state: dict[str, Tensor], to: str) -> dict[str, Tensor]:
    """Bring ``mmeo`` keys to another layout, without a prefix.

    Args:
        state (dict[str, Tensor]): What :func:`to_mmeo` returned.
        to (str): ``'hf'``, ``'original'`` or ``'mmeo'``.

    Returns:
        dict[str, Tensor]: Renamed tensors.
    """
    if to == 'mmeo':
        return dict(state)
    out = {}
    for key, value in state.items():
        if key in STEM[to]:
            out[STEM[to][key]] = value
            continue
        _, number, name = key.split('.', 2)
        if to == 'original':
            out[f'encoder.{key}'] = value
        elif name in _QKV:
            kind = name.rsplit('.', 1)[1]
            for letter, part in zip('qkv', value.chunk(3)):
                out[f'encoder.layer.{number}.attention.{letter}_proj.'
                    f'{kind}'] = part.clone()
        else:
            out[f'encoder.layer.{number}.{_HF_LAYER[name]}'] = value
    return out
