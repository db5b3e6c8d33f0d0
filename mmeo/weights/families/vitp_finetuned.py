# Copyright (c) mmeo contributors. All rights reserved.
"""Key layouts of ViTP's fine-tuned detectors and segmentors.

``original``
    What ``epoch_*.pth`` of the authors hold: the ViT's keys directly below
    the backbone, without ``encoder.``, and a row for a CLS token that is not
    there.
``mmeo``
    A model around :class:`mmeo.models.backbones.ViTAdapter`.

Necks and heads of mmdet 2, mmrotate 0.3, mmseg 0.27 and open-cd 1 have the
names that their successors still use, so they pass through.

The authors' code holds two adapters. In its detectors and segmentors a
compiled op projects the values to a quarter of the channels and the extractor
adds to the raw query; in its change detectors mmcv's module keeps all
channels and the extractor adds to the normalised query.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from mmeo.errors import CheckpointError

from ..report import Report
from ..resize import split_prefix
from . import internvit

LAYOUTS = ('mmeo', 'original')

_SPM = 'spm.stem.0.weight'
_VIT = {
    'original': 'layers.0.attn.qkv.weight',
    'mmeo': 'vit.layers.0.attn.qkv.weight',
}
_VALUE = 'interactions.0.injector.attn.value_proj.weight'
_TABLE = 'vit.pos_embed'
_STEM = {old: new for new, old in internvit.STEM['original'].items()}


def layout_at(state: Mapping[str, Tensor], prefix: str) -> str:
    """Layout of the adapter below ``prefix``, ``''`` if there is none."""
    if prefix + _SPM in state:
        for layout, key in _VIT.items():
            if prefix + key in state:
                return layout
    return ''


def find(state: Mapping[str, Tensor]) -> list[tuple[str, str]]:
    """Find every adapter in a state dict.

    Returns:
        list[tuple[str, str]]: ``(prefix, layout)`` of each.
    """
    prefixes = [key[:-len(_SPM)] for key in state if key.endswith(_SPM)]
    found = [(prefix, layout_at(state, prefix)) for prefix in prefixes
             if not prefix or prefix.endswith('.')]
    return [(prefix, layout) for prefix, layout in found if layout]


def adapter_options(state: Mapping[str, Tensor], prefix: str) -> dict:
    """Options of ``ViTAdapter`` for a checkpoint of the authors.

    Told by the shape of the value projection: all channels are mmcv's module,
    fewer the compiled op.

    Args:
        state (Mapping[str, Tensor]): Names to tensors.
        prefix (str): In front of the backbone's keys.

    Returns:
        dict: ``deform_ratio``, ``extractor_residual`` and ``attn_dropout``.

    Raises:
        CheckpointError: If the value projection is absent.
    """
    if prefix + _VALUE not in state:
        raise CheckpointError(f'the checkpoint holds an adapter but no '
                              f'{prefix}{_VALUE}: it is not complete.')
    values, channels = state[prefix + _VALUE].shape
    whole = values == channels
    return dict(
        deform_ratio=values / channels,
        extractor_residual='normalised' if whole else 'raw',
        attn_dropout=0.1 if whole else 0.0)


def require_adapter(stored: Mapping, built: Mapping) -> None:
    """Stop if a checkpoint of the authors does not belong to an adapter.

    Args:
        stored (Mapping): What :func:`adapter_options` returned.
        built (Mapping): The same options of the model, or some of them.

    Raises:
        CheckpointError: If one differs.
    """
    wrong = [key for key in built if built[key] != stored[key]]
    if wrong:
        options = ', '.join(f'{k}={v!r}' for k, v in stored.items())
        raise CheckpointError(
            f'this checkpoint of ViTP was trained with another adapter '
            f'({wrong[0]}={stored[wrong[0]]!r}, the model has '
            f'{built[wrong[0]]!r}): set {options} in `model.backbone`.')


def to_mmeo_key(key: str) -> str:
    """Rename one of the authors' keys, without the backbone's prefix."""
    if key in _STEM:
        return 'vit.' + _STEM[key]
    if key.startswith('layers.'):
        return 'vit.' + key
    return key.replace('.dwconv.dwconv.', '.dwconv.')


def _to_original_key(key: str) -> str:
    if not key.startswith('vit.'):
        return key.replace('.dwconv.', '.dwconv.dwconv.')
    key = key[len('vit.'):]
    return internvit.STEM['original'].get(key, key)


def _adapter_keys(interactions: int) -> set[str]:
    """Keys of a complete adapter, without its ViT."""
    pair = ('weight', 'bias')
    keys = {'level_embed'}
    stem = [f'spm.stem.{i}' for i in (1, 4, 7)]
    rest = [f'spm.conv{i}.1' for i in (2, 3, 4)]
    rest += [f'spm.fc{i}' for i in (1, 2, 3, 4)]
    for name in [*stem, *rest, 'up', *(f'norm{i}' for i in (1, 2, 3, 4))]:
        keys |= {f'{name}.{kind}' for kind in pair}
    keys |= {f'spm.stem.{i}.weight' for i in (0, 3, 6)}
    keys |= {f'spm.conv{i}.0.weight' for i in (2, 3, 4)}
    for i in range(interactions):
        keys |= _interaction_keys(f'interactions.{i}.', i == interactions - 1)
    return keys


def _interaction_keys(prefix: str, last: bool) -> set[str]:
    shared = ['query_norm', 'feat_norm'] + [
        f'attn.{part}' for part in ('sampling_offsets', 'attention_weights',
                                    'value_proj', 'output_proj')]
    extract = [*shared, 'ffn.fc1', 'ffn.dwconv', 'ffn.fc2', 'ffn_norm']
    extractors = ['extractor.']
    if last:
        extractors += ['extra_extractors.0.', 'extra_extractors.1.']
    names = ['injector.' + name for name in shared]
    names += [start + name for start in extractors for name in extract]
    return {f'{prefix}injector.gamma'} | {
        f'{prefix}{name}.{kind}' for name in names
        for kind in ('weight', 'bias')}


def _account(inside: Mapping[str, Tensor]) -> tuple[list[str], list[str]]:
    """Missing and unexpected keys of one of the authors' backbones."""
    vit = {key[4:]: value for key, value in inside.items()
           if key.startswith('vit.')}
    missing = {'vit.' + key for key in internvit.missing_keys(vit)}
    groups = {key.split('.')[1] for key in inside
              if key.startswith('interactions.')}
    adapter = _adapter_keys(len(groups))
    missing |= adapter - set(inside)
    unexpected = {'vit.' + key for key in internvit.unknown_keys(vit)}
    unexpected |= {key for key in inside if key not in adapter
                   and not key.startswith('vit.')}
    return sorted(missing - {'vit.cls_token'}), sorted(unexpected)


def locate(state: Mapping[str, Tensor]) -> tuple[str, str]:
    """Find the one adapter in a state dict.

    Raises:
        CheckpointError: If there is none, or more than one.
    """
    found = find(state)
    if len(found) == 1:
        return found[0]
    what = ', '.join(repr(prefix) for prefix, _ in found) or 'none'
    raise CheckpointError(
        f'expected one ViT-Adapter among the keys, found {what}: give a '
        'fine-tuned checkpoint of ViTP, or another family.')


def to_mmeo(state: dict[str, Tensor]) -> tuple[dict[str, Tensor], Report]:
    """Bring a fine-tuned model to ``mmeo`` keys, neck and head included.

    Args:
        state (dict[str, Tensor]): Names to tensors.

    Returns:
        tuple[dict[str, Tensor], Report]: Renamed tensors and what became of
        the keys; its notes say which adapter to build.

    Raises:
        CheckpointError: If there is not exactly one adapter.
    """
    prefix, layout = locate(state)
    out, inside = {}, {}
    for key, value in state.items():
        if not key.startswith(prefix):
            out[key] = value
            continue
        name = key[len(prefix):]
        name = to_mmeo_key(name) if layout == 'original' else name
        inside[name] = value
    report = Report('vitp_finetuned', layout, len(state))
    if layout == 'original':
        _finish(report, inside, prefix, adapter_options(state, prefix))
    out.update({prefix + key: value for key, value in inside.items()})
    return out, report


def _finish(report: Report, inside: dict[str, Tensor], prefix: str,
            options: dict) -> None:
    """Drop the row that the authors keep for no token, fill the report."""
    missing, unexpected = _account(inside)
    report.missing = [prefix + key for key in missing]
    report.unexpected = [prefix + key for key in unexpected]
    report.matched -= len(unexpected)
    for key in unexpected:
        del inside[key]
    table = inside.get(_TABLE)
    if table is not None and 'vit.cls_token' not in inside:
        front, side = split_prefix(table.shape[1])
        inside[_TABLE] = table[:, front:]
        if front:
            report.resized.append(
                f'{prefix}{_TABLE}: row of the CLS token dropped, {side} x '
                f'{side} patches stay')
    report.notes.append('build ViTAdapter with ' + ', '.join(
        f'{k}={v!r}' for k, v in options.items()))


def from_mmeo(state: dict[str, Tensor], to: str) -> dict[str, Tensor]:
    """Bring ``mmeo`` keys to the authors' names.

    Their position table has a row for the CLS token, so one of zeros is put
    in front where the model has none.

    Args:
        state (dict[str, Tensor]): What :func:`to_mmeo` returned.
        to (str): ``'original'`` or ``'mmeo'``.

    Returns:
        dict[str, Tensor]: Renamed tensors.
    """
    if to == 'mmeo':
        return dict(state)
    prefix, _ = locate(state)
    out = {}
    for key, value in state.items():
        if not key.startswith(prefix):
            out[key] = value
            continue
        name = key[len(prefix):]
        if name == _TABLE and prefix + 'vit.cls_token' not in state:
            value = torch.cat((value.new_zeros(1, 1, value.shape[-1]), value),
                              dim=1)
        out[prefix + _to_original_key(name)] = value
    return out
