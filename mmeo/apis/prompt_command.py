# Copyright (c) mmeo contributors. All rights reserved.
"""``mmeo.apis.prompt``: the command ``mmeo prompt``."""

import json
import sys
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Optional, Union

import mmcv

from mmeo.errors import ConfigError, DataError

from .prompt_inferencer import PromptInferencer

Entry = tuple[str, Any]


def prompt(targets: Sequence[str],
           out: str,
           model: str,
           weights: str,
           shots: Optional[Sequence[Entry]] = None,
           text: Optional[Sequence[str]] = None,
           values: Optional[Mapping[str, int]] = None,
           mode: Optional[str] = None,
           modality: str = 'hr',
           example_modality: Optional[str] = None,
           bands: Optional[Sequence[Union[int, str]]] = None,
           example_bands: Optional[Sequence[Union[int, str]]] = None,
           nodata: Union[float, str, None] = 'file',
           background: Union[float, str, None] = None,
           picture: Optional[str] = None,
           overwrite: bool = False,
           as_json: bool = False,
           device: Optional[str] = None,
           crop_size: Optional[int] = None,
           stride: Optional[int] = None,
           cfg_options: Optional[dict] = None,
           trust_checkpoint: bool = False) -> list[dict[str, Any]]:
    """Segment files as asked, and print what was found.

    Args:
        targets (Sequence[str]): Files.
        out (str): GeoTIFF; with several targets a folder.
        model (str): Config.
        weights (str): Checkpoint.
        shots (Sequence[tuple[str, Any]], optional): In the order of the
            command line ``('example', file)``, followed by its marks:
            ``('mask', file)``, ``('box', (name, (x1, y1, x2, y2)))``,
            ``('point', (name, (x, y)))``.
        picture (str, optional): PNG; with several targets a folder.
        as_json (bool): Print JSON. Defaults to False.
        others: See :class:`PromptInferencer`.

    Returns:
        list[dict]: Of each target what is printed as JSON.
    """
    examples, masks, boxes, points = group_shots(shots or ())
    inferencer = PromptInferencer(
        model, weights, device, crop_size=crop_size, stride=stride,
        trust_checkpoint=trust_checkpoint, cfg_options=cfg_options)
    _check_picture(picture, len(targets), overwrite)
    with warnings.catch_warnings(record=True) as notes:
        warnings.simplefilter('always', UserWarning)
        results = inferencer(
            list(targets), example=examples or None, mask=masks, boxes=boxes,
            points=points, text=text, mode=mode, modality=modality,
            example_modality=example_modality, background=background,
            out=out, return_vis=picture is not None, values=values,
            bands=bands, example_bands=example_bands, nodata=nodata,
            overwrite=overwrite, return_labels=False)
    for note in notes:
        print(f'warning: {note.message}', file=sys.stderr)
    if picture is not None:
        _write_pictures(picture, targets, results['visualization'])
    reports = [report(one) for one in results['predictions']]
    if as_json:
        print(json.dumps(reports, indent=2, ensure_ascii=False))
    else:
        print('\n'.join(map(as_text, reports)))
    return reports


def group_shots(entries: Sequence[Entry]) -> tuple[
        list[str], Optional[list], Optional[list], Optional[list]]:
    """Examples, and of each its mask, boxes and points.

    Args:
        entries (Sequence[tuple[str, Any]]): See :func:`prompt`. With a single
            example its marks may come before it.

    Raises:
        ConfigError: If a mark stands before the first of several examples, or
            an example has two masks.
    """
    examples = [value for kind, value in entries if kind == 'example']
    shots: list[dict[str, Any]] = [
        dict(mask=None, box={}, point={}) for _ in examples]
    at = 0 if len(examples) == 1 else -1
    for kind, value in entries:
        if kind == 'example':
            at += len(examples) > 1
        elif not examples:
            raise DataError(f'--{kind} was given without the --example that '
                            'it lies on.')
        elif at < 0:
            raise ConfigError(f'--{kind} stands before the first of several '
                              '--example: marks follow their example.')
        elif kind == 'mask':
            if shots[at]['mask'] is not None:
                raise ConfigError(f'{examples[at]} has two --mask: draw one '
                                  'label map, or repeat --example.')
            shots[at]['mask'] = value
        else:
            name, numbers = value
            shots[at][kind].setdefault(name, []).append(numbers)
    columns = [[shot[kind] or None for shot in shots]
               for kind in ('mask', 'box', 'point')]
    return (examples, *(column if any(column) else None
                        for column in columns))


def report(prediction: Mapping[str, Any]) -> dict[str, Any]:
    """What is said of a map: outputs, classes, pixels."""
    none, *counts = prediction['counts']
    total = max(1, none + sum(counts))
    crs = prediction['crs']
    return dict(
        target=prediction['path'], out=prediction['out'],
        mode=prediction['mode'], crs=crs and crs.to_string(),
        classes=[dict(value=value, name=name, pixels=pixels,
                      share=pixels / total)
                 for value, (name, pixels) in enumerate(
                     zip(prediction['classes'], counts), 1)],
        none=dict(value=0, pixels=none, share=none / total))


def as_text(found: Mapping[str, Any]) -> str:
    """The same for a person."""
    width = max(len(one['name']) for one in found['classes'])
    width = max(width, len('none or no data'))
    lines = [f'{found["out"]}: {found["mode"]} mode']
    for one in (*found['classes'], dict(found['none'],
                                        name='none or no data')):
        lines.append(f'  {one["value"]:3d}  {one["name"]:{width}s}  '
                     f'{one["share"]:6.1%}  {one["pixels"]} pixels')
    return '\n'.join(lines)


def _check_picture(picture: Optional[str], count: int,
                   overwrite: bool) -> None:
    if picture is None:
        return
    path = Path(picture)
    is_file = path.suffix.lower() in ('.png', '.jpg', '.jpeg')
    if is_file != (count == 1):
        raise ConfigError(f'picture {picture}: with one target a .png, with '
                          f'several a folder; there are {count} target(s).')
    if is_file and path.exists() and not overwrite:
        raise DataError(f'picture {picture} exists. Choose another name, or '
                        'replace it with --overwrite.')


def _write_pictures(picture: str, targets: Sequence[str],
                    pictures: Sequence) -> None:
    paths = [picture] if len(targets) == 1 else [
        str(Path(picture) / f'{Path(target).stem}.png') for target in targets]
    for path, image in zip(paths, pictures):
        mmcv.imwrite(image[..., ::-1], path)
