# Copyright (c) mmeo contributors. All rights reserved.
"""Key layouts of SigLIP's vision tower.

``hf``
    transformers' ``SiglipVisionModel`` and the public files, with or without
    ``vision_model.``, alone or inside a larger model; LLaVA keeps these names.
``mmeo``
    :class:`mmeo.models.backbones.SigLIPViT`: q, k and v together, no norm at
    the end.
"""

import re

import torch
from torch import Tensor

from mmeo.errors import CheckpointError

from ..report import Report

LAYOUTS = ('mmeo', 'hf')

# A layout is there if both of its anchors are, below the same prefix.
_ANCHORS = {
    'mmeo': ('patch_embed.weight', 'layers.0.attn.qkv.weight'),
    'hf': ('embeddings.patch_embedding.weight',
           'encoder.layers.0.self_attn.q_proj.weight'),
}
_STEM = {
    'patch_embed.weight': 'embeddings.patch_embedding.weight',
    'patch_embed.bias': 'embeddings.patch_embedding.bias',
    'pos_embed': 'embeddings.position_embedding.weight',
}
# mmeo name -> transformers' name inside a layer.
_LAYER = {
    f'{ours}.{kind}': f'{theirs}.{kind}'
    for ours, theirs in (('norm1', 'layer_norm1'), ('norm2', 'layer_norm2'),
                         ('attn.proj', 'self_attn.out_proj'),
                         ('mlp.fc1', 'mlp.fc1'), ('mlp.fc2', 'mlp.fc2'))
    for kind in ('weight', 'bias')
}
_QKV = ('attn.qkv.weight', 'attn.qkv.bias')
_UNUSED = 'post_layernorm.'


def find(state: dict[str, Tensor]) -> list[tuple[str, str]]:
    """``(prefix, layout)`` of every tower in a state dict.

    Towers with a CLS token or layer scale are of other families.
    """
    found = []
    for layout, (stem, layer) in _ANCHORS.items():
        for key in state:
            prefix = key[:-len(stem)] if key.endswith(stem) else None
            if prefix is None or (prefix and prefix[-1] != '.'):
                continue
            foreign = any(prefix + name in state for name in (
                'cls_token', 'layers.0.ls1', 'embeddings.class_embedding'))
            if prefix + layer in state and not foreign:
                found.append((prefix, layout))
    return found


def to_mmeo(state: dict[str, Tensor]) -> tuple[dict[str, Tensor], Report]:
    """Bring a tower in any layout to ``mmeo`` keys.

    A tower with its pooling head is complete: its last block, which
    LLaVA-OneVision and RSUniVLM do not use, is left out.

    Args:
        state (dict[str, Tensor]): Names to tensors; other parts of a larger
            model may be among them.

    Returns:
        tuple[dict[str, Tensor], Report]: The tower's tensors, and what became
        of the keys.

    Raises:
        CheckpointError: If there is not exactly one tower.
    """
    places = find(state)
    if len(places) != 1:
        raise CheckpointError(
            f'{len(places)} SigLIP towers among the {len(state)} keys of the '
            f'checkpoint, such as {", ".join(list(state)[:3])}: one is '
            'needed; choose it with `prefix` in init_cfg.')
    (prefix, layout), = places
    inside = {k[len(prefix):]: v for k, v in state.items()
              if k.startswith(prefix)}
    report = Report('siglip', layout)
    report.unexpected = [k for k in state if not k.startswith(prefix)]
    if layout == 'hf':
        inside = _used(inside, prefix, report)
        out, unknown = _rename(inside)
    else:
        known = [k for k in inside if k in _STEM or _inner(k) in _LAYER
                 or _inner(k) in _QKV]
        out = {k: inside[k] for k in known}
        unknown = sorted(set(inside) - set(known))
    report.unexpected += [prefix + key for key in unknown]
    report.matched = len(inside) - len(unknown)
    report.missing = missing_keys(out)
    return out, report


def _inner(key: str) -> str:
    match = re.fullmatch(r'layers\.\d+\.(.+)', key)
    return match[1] if match else ''


def _depth(keys: list[str], start: str) -> int:
    numbers = [int(k[len(start):].split('.')[0]) for k in keys
               if k.startswith(start)]
    return 1 + max(numbers, default=-1)


def _used(inside: dict[str, Tensor], prefix: str,
          report: Report) -> dict[str, Tensor]:
    """Leave out the pooling head, the block before it and the last norm."""
    dropped = [_UNUSED]
    if any(key.startswith('head.') for key in inside):
        last = _depth(list(inside), 'encoder.layers.') - 1
        dropped += ['head.', f'encoder.layers.{last}.']
        report.notes.append(f'a complete tower: block {last} and the pooling '
                            'head are not used')
    kept = {k: v for k, v in inside.items()
            if not k.startswith(tuple(dropped))}
    if any(key.startswith(_UNUSED) for key in inside):
        report.notes.append(f'{prefix}{_UNUSED[:-1]} is not used')
    return kept


def _rename(state: dict[str, Tensor]
            ) -> tuple[dict[str, Tensor], list[str]]:
    stem = {v: k for k, v in _STEM.items()}
    inner = {v: k for k, v in _LAYER.items()}
    out, unknown = {}, []
    for key, value in state.items():
        match = re.fullmatch(r'encoder\.layers\.(\d+)\.(.+)', key)
        qkv = match and re.fullmatch(r'self_attn\.([qkv])_proj\.(\w+)',
                                     match[2])
        if key in stem:
            name = stem[key]
            out[name] = value[None] if name == 'pos_embed' else value
        elif qkv:
            names = [f'encoder.layers.{match[1]}.self_attn.{p}_proj.{qkv[2]}'
                     for p in 'qkv']
            if not all(name in state for name in names):
                unknown.append(key)
            elif qkv[1] == 'q':
                out[f'layers.{match[1]}.attn.qkv.{qkv[2]}'] = torch.cat(
                    [state[name] for name in names])
        elif match and match[2] in inner:
            out[f'layers.{match[1]}.{inner[match[2]]}'] = value
        else:
            unknown.append(key)
    return out, unknown


def missing_keys(state: dict[str, Tensor]) -> list[str]:
    """Name what a complete ``mmeo`` state dict would also hold."""
    wanted = set(_STEM) | {
        f'layers.{i}.{name}' for i in range(_depth(list(state), 'layers.'))
        for name in (*_LAYER, *_QKV)}
    return sorted(wanted - set(state))


def from_mmeo(state: dict[str, Tensor], to: str) -> dict[str, Tensor]:
    """Bring ``mmeo`` keys to another layout, without a prefix.

    transformers wants a last norm, though nothing reads it: ones and zeros.

    Args:
        state (dict[str, Tensor]): What :func:`to_mmeo` returned.
        to (str): ``'hf'`` or ``'mmeo'``.

    Returns:
        dict[str, Tensor]: Renamed tensors.
    """
    if to == 'mmeo':
        return dict(state)
    out = {}
    for key, value in state.items():
        if key in _STEM:
            out[_STEM[key]] = value[0] if key == 'pos_embed' else value
            continue
        _, number, name = key.split('.', 2)
        layer = f'encoder.layers.{number}.'
        if name in _QKV:
            kind = name.rsplit('.', 1)[1]
            for letter, part in zip('qkv', value.chunk(3)):
                out[f'{layer}self_attn.{letter}_proj.{kind}'] = part.clone()
        else:
            out[layer + _LAYER[name]] = value
    bias = state['patch_embed.bias']
    out[_UNUSED + 'weight'] = torch.ones_like(bias)
    out[_UNUSED + 'bias'] = torch.zeros_like(bias)
    return out
