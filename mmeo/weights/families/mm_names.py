# Copyright (c) mmeo contributors. All rights reserved.
"""Names of OpenMMLab's own encoders, and of mmeo's, both ways.

SkySense was trained with mmcls' Swin V2 and mmseg's ViT, so its checkpoints
carry their names. Every table is written once; keys that are no part of the
module come back as None.
"""

import re
from collections.abc import Callable, Iterable
from typing import Optional

PAIR = ('weight', 'bias')
Rename = Callable[[str], Optional[str]]
Complete = Callable[[Iterable[str]], set[str]]

# Inside a layer: mm name -> mmeo name.
_SWIN_LAYER = {
    'attn.w_msa.logit_scale': 'attn.logit_scale',
    'attn.w_msa.q_bias': 'attn.q_bias',
    'attn.w_msa.v_bias': 'attn.v_bias',
    'attn.w_msa.cpb_mlp.0.weight': 'attn.cpb_mlp.0.weight',
    'attn.w_msa.cpb_mlp.0.bias': 'attn.cpb_mlp.0.bias',
    'attn.w_msa.cpb_mlp.2.weight': 'attn.cpb_mlp.2.weight',
    'attn.w_msa.qkv.weight': 'attn.qkv.weight',
    **{f'{old}.{kind}': f'{new}.{kind}' for old, new in (
        ('attn.w_msa.proj', 'attn.proj'), ('norm1', 'norm1'),
        ('norm2', 'norm2'), ('norm3', 'norm3'),
        ('ffn.layers.0.0', 'mlp.fc1'), ('ffn.layers.1', 'mlp.fc2'))
       for kind in PAIR},
}
_VIT_LAYER = {
    'attn.attn.in_proj_weight': 'attn.qkv.weight',
    'attn.attn.in_proj_bias': 'attn.qkv.bias',
    **{f'{old}.{kind}': f'{new}.{kind}' for old, new in (
        ('ln1', 'norm1'), ('ln2', 'norm2'),
        ('attn.attn.out_proj', 'attn.proj'),
        ('ffn.layers.0.0', 'mlp.fc1'), ('ffn.layers.1', 'mlp.fc2'))
       for kind in PAIR},
}
_VIT_STEM = {
    'cls_token': 'cls_token',
    'pos_embed': 'pos_embed',
    'patch_embed.projection.weight': 'patch_embed.weight',
    'patch_embed.projection.bias': 'patch_embed.bias',
}
# Other spellings of the same: flash attention in SkySense++, and the classes
# of a port to transformers.
_ALIASES = (
    (re.compile(r'\.Wqkv\.'), '.in_proj_'),
    (re.compile(r'^(layers\.\d+\.attn\.)(in_proj_|out_proj\.)'),
     r'\1attn.\2'),
    (re.compile(r'^(layers\.\d+\.)norm([12])\.'), r'\1ln\2.'),
    (re.compile(r'^(layers\.\d+\.ffn\.layers\.)0\.(weight|bias)$'),
     r'\g<1>0.0.\2'),
    (re.compile(r'^(layers\.\d+\.ffn\.layers\.)3\.'), r'\g<1>1.'),
)
# Computed from the window size, not learned.
BUFFERS = ('relative_coords_table', 'relative_position_index')


def _flip(table: dict[str, str]) -> dict[str, str]:
    return {new: old for old, new in table.items()}


def swin_to_mmeo(key: str) -> Optional[str]:
    """Rename a key of mmpretrain's ``SwinTransformerV2``."""
    match = re.fullmatch(r'patch_embed\.(projection|norm)\.(\w+)', key)
    if match:
        return f'tokenizer.{match[1]}.{match[2]}'
    match = re.fullmatch(
        r'stages\.(\d+)\.downsample\.(reduction\.weight|norm\.\w+)', key)
    if match:
        return f'merges.{int(match[1]) - 1}.{match[2]}'
    match = re.fullmatch(r'stages\.(\d+)\.blocks\.(\d+)\.(.+)', key)
    if match and match[3] in _SWIN_LAYER:
        return f'stages.{match[1]}.{match[2]}.{_SWIN_LAYER[match[3]]}'
    match = re.fullmatch(r'norm(\d)\.(\w+)', key)
    return f'norms.{match[1]}.{match[2]}' if match else None


def swin_to_mm(key: str) -> Optional[str]:
    """Undo :func:`swin_to_mmeo`."""
    kind, _, rest = key.partition('.')
    if kind == 'tokenizer':
        return f'patch_embed.{rest}'
    if kind == 'merges':
        stage, rest = rest.split('.', 1)
        return f'stages.{int(stage) + 1}.downsample.{rest}'
    if kind == 'norms':
        return f'norm{rest}'
    match = re.fullmatch(r'stages\.(\d+)\.(\d+)\.(.+)', key)
    inner = _flip(_SWIN_LAYER).get(match[3]) if match else None
    return f'stages.{match[1]}.blocks.{match[2]}.{inner}' if inner else None


def vit_to_mmeo(key: str) -> Optional[str]:
    """Rename a key of mmseg's ``VisionTransformer``."""
    for pattern, new in _ALIASES:
        key = pattern.sub(new, key)
    match = re.fullmatch(r'layers\.(\d+)\.(.+)', key)
    if match:
        inner = _VIT_LAYER.get(match[2])
        return f'layers.{match[1]}.{inner}' if inner else None
    return _VIT_STEM.get(key)


def vit_to_mm(key: str) -> Optional[str]:
    """Undo :func:`vit_to_mmeo`."""
    match = re.fullmatch(r'layers\.(\d+)\.(.+)', key)
    if match:
        inner = _flip(_VIT_LAYER).get(match[2])
        return f'layers.{match[1]}.{inner}' if inner else None
    return _flip(_VIT_STEM).get(key)


def fusion_to_mmeo(key: str) -> Optional[str]:
    """Rename a key of SkySense's fusion transformer, misspelling included."""
    if key.startswith('porj_linear.'):
        return key.replace('porj_linear.', 'input_proj.')
    name = vit_to_mmeo(key)
    return name if name and name.startswith(('layers.', 'cls_token')) else None


def fusion_to_mm(key: str) -> Optional[str]:
    """Undo :func:`fusion_to_mmeo`."""
    if key.startswith('input_proj.'):
        return key.replace('input_proj.', 'porj_linear.')
    name = vit_to_mm(key)
    return name if name and name.startswith(('layers.', 'cls_token')) else None


def head_to_mmeo(key: str) -> Optional[str]:
    """Rename a key of SkySense's head, a convolution and a pixel shuffle."""
    match = re.fullmatch(r'decoder\.0\.(weight|bias)', key)
    return match[1] if match else None


def head_to_mm(key: str) -> Optional[str]:
    """Undo :func:`head_to_mmeo`."""
    return f'decoder.0.{key}' if key in PAIR else None


def layer_keys(keys: Iterable[str]) -> set[str]:
    """Keys of plain layers, as many as the highest number shows."""
    numbers = [int(key.split('.')[1]) for key in keys
               if key.startswith('layers.')]
    return {f'layers.{i}.{name}' for i in range(max(numbers, default=-1) + 1)
            for name in _VIT_LAYER.values()}


def vit_keys(keys: Iterable[str]) -> set[str]:
    """What a complete ViT holds, CLS token left open, in mmeo's names."""
    stem = set(_VIT_STEM.values()) - {'cls_token'}
    return stem | layer_keys(keys)


def fusion_keys(keys: Iterable[str]) -> set[str]:
    """What a complete fusion transformer holds, in mmeo's names."""
    return {'cls_token', 'input_proj.weight', 'input_proj.bias'
            } | layer_keys(keys)


def head_keys(_: Iterable[str]) -> set[str]:
    """What a complete head holds, in mmeo's names."""
    return set(PAIR)


def swin_keys(keys: Iterable[str]) -> set[str]:
    """What a complete Swin V2 holds, norms of maps left open."""
    keys = set(keys)
    wanted = {f'tokenizer.{name}.{kind}' for name in ('projection', 'norm')
              for kind in PAIR}
    blocks = {tuple(map(int, key.split('.')[1:3])) for key in keys
              if key.startswith('stages.')}
    for stage in range(max((s for s, _ in blocks), default=-1) + 1):
        depth = max((j for s, j in blocks if s == stage), default=0) + 1
        wanted |= {f'stages.{stage}.{j}.{name}' for j in range(depth)
                   for name in _SWIN_LAYER.values()
                   if not name.startswith('norm3')}
        if stage:
            wanted |= {f'merges.{stage - 1}.{name}' for name in (
                'reduction.weight', 'norm.weight', 'norm.bias')}
    return wanted | _extra_norms(keys, blocks)


def _extra_norms(keys: set[str], blocks: set[tuple]) -> set[str]:
    """One more norm each n blocks, n told by the first that has one."""
    having = [j + 1 for s, j in blocks if f'stages.{s}.{j}.norm3.weight' in
              keys]
    if not having:
        return set()
    return {f'stages.{s}.{j}.norm3.{kind}' for s, j in blocks
            for kind in PAIR if (j + 1) % min(having) == 0}
