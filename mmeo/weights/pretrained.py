# Copyright (c) mmeo contributors. All rights reserved.
"""Take the backbone out of a checkpoint of a pretraining."""

import ast
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Union

from torch import Tensor

from mmeo.errors import CheckpointError

from .convert import detect_family
from .io import unwrap
from .metadata import sha256

# Of SkySenseV2Pretrainer; of VITAAlignPretrainer, with the sensors of each.
SIDES = ('teacher', 'student', 'sar', 'optical')
_SENSORS = dict(sar='s1', optical='hr')


def extract_backbone(checkpoint: Mapping,
                     side: str = 'teacher',
                     fusion: bool = False) -> dict[str, Tensor]:
    """Tensors of the pretrained backbone.

    Args:
        checkpoint (Mapping): Of ``SkySenseV2Pretrainer`` or
            ``VITAAlignPretrainer``.
        side (str): Of the first ``'teacher'``, the moving average, which is
            what DINOv2 and its kin hand on, or ``'student'``; of the second
            ``'sar'``, the encoder that learned, or ``'optical'``, the frozen
            one. Defaults to 'teacher'.
        fusion (bool): Take the fusion transformer along, under the names of
            ``MultiModalEncoder``: ``backbone.…`` and ``fusion.…``. Defaults
            to False.

    Returns:
        dict[str, Tensor]: By the names of the backbone, or see ``fusion``.

    Raises:
        CheckpointError: If these are not there.
    """
    state = unwrap(checkpoint)
    parts = ('backbone', 'fusion') if fusion else ('backbone', )
    found = {}
    for part in parts:
        start = f'{side}.{part}.'
        drop = len(side) + 1 if fusion else len(start)
        inside = {key[drop:]: value for key, value in state.items()
                  if key.startswith(start)}
        if not inside:
            tops = sorted({'.'.join(key.split('.')[:2]) for key in state})
            raise CheckpointError(
                f'the checkpoint has no {start}*, but {", ".join(tops[:8])}: '
                'give one that SkySenseV2Pretrainer (sides teacher, student) '
                'or VITAAlignPretrainer (sar, optical) wrote'
                f'{", with a `fusion`" if part == "fusion" else ""}.')
        found.update(inside)
    return found


def describe_backbone(path: Union[str, Path], checkpoint: Mapping,
                      side: str) -> dict[str, str]:
    """What to write beside the tensors, for :func:`read_metadata`.

    Args:
        path (str or Path): The checkpoint's file.
        checkpoint (Mapping): What it holds.
        side (str): See :func:`extract_backbone`.

    Returns:
        dict[str, str]: ``mmeo.source`` (name only), ``mmeo.source_sha256``,
        ``mmeo.family``, ``mmeo.side``, ``mmeo.iterations``, and
        ``mmeo.normalization``: a JSON object by sensor, as
        :func:`mmeo.weights.describe` writes it, of what the run's pipeline
        said, or of the presets where the file tells no pipeline.
    """
    meta = checkpoint.get('meta') or {}
    state = extract_backbone(checkpoint, side)
    family = _family(state)
    bands = {key.split('.')[-3] for key in state
             if key.startswith('tokenizers.')
             and key.endswith('.projection.weight')}
    if family != 'skysense_v2' and side in _SENSORS:
        bands = {_SENSORS[side]}
    settings = _normalize_settings(str(meta.get('cfg', '')))
    about = dict(
        source=Path(path).name, source_sha256=sha256(path),
        family=family, side=side,
        iterations=str(meta.get('iter', 'unknown')),
        normalization=json.dumps(
            {name: _statistics(name, settings) for name in sorted(bands)}))
    return {f'mmeo.{key}': value for key, value in about.items()}


def _family(state: Mapping[str, Tensor]) -> str:
    if any(key.startswith('tokenizers.') for key in state):
        return 'skysense_v2'
    if all(key.startswith('encoder.') for key in state):
        return 'skysense_v1'
    try:
        return detect_family(state)
    except CheckpointError:
        return 'unknown'


def _statistics(name: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """What images of a sensor have to be normalised by."""
    from mmeo.datasets.band_stats import PRESETS
    given = settings.get(name, name)
    given = dict(preset=given) if isinstance(given, str) else dict(given)
    preset = given.pop('preset', None)
    if preset is None:
        return dict(given, source='pipeline of the pretraining')
    if preset not in PRESETS:
        return dict(preset=preset, source='unknown to this version of mmeo')
    stats = PRESETS[preset].select(given.pop('bands', None))
    return dict(bands=stats.bands, unit=stats.unit, mean=stats.mean,
                std=stats.std, source=stats.source, **given)


def _normalize_settings(text: str) -> Mapping[str, Any]:
    """``modalities`` of the run's NormalizeBands.

    The config is read as data and never run: a checkpoint may come from
    anywhere.
    """
    try:
        body = ast.parse(text).body
    except SyntaxError:
        return {}
    for statement in body:
        names = [getattr(target, 'id', '') for target in getattr(
            statement, 'targets', ())]
        if names == ['train_dataloader']:
            found = _find(_literal(statement.value), 'NormalizeBands') or {}
            return found.get('modalities') or {}
    return {}


def _literal(node: ast.AST) -> Any:
    """Value of constants, lists, tuples, dicts and ``dict(...)``."""
    if isinstance(node, (ast.List, ast.Tuple)):
        return [_literal(item) for item in node.elts]
    if isinstance(node, ast.Dict):
        return {_literal(k): _literal(v)
                for k, v in zip(node.keys, node.values)}
    if isinstance(node, ast.Call) and getattr(node.func, 'id', '') == 'dict':
        return {word.arg: _literal(word.value) for word in node.keywords}
    try:
        return ast.literal_eval(node)
    except ValueError:
        return None


def _find(value: Any, kind: str) -> Any:
    """The first dict of a type, depth first."""
    if isinstance(value, dict):
        if value.get('type') == kind:
            return value
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            found = _find(item, kind)
            if found is not None:
                return found
    return None
