# Copyright (c) mmeo contributors. All rights reserved.
"""Installed segmentation data sets as one, in the structure of Sky-VT-300k.

The paper's data set has 176 leaf classes over seven platforms, optical and
SAR, with masks, exemplars and names; neither it nor its class list is public.
Tree and maps are our construction.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Union

from mmengine.config import Config

from mmeo.datasets.in_context.class_index import load_class_index
from mmeo.datasets.in_context.source import EpisodeSource
from mmeo.datasets.in_context.sources import build_sources
from mmeo.errors import ConfigError

from .sky_vt_index import IndexedSource, make_index
from .unified_classes import UnifiedClasses, read_unified

PathLike = Union[str, Path]
#: What a data set's config says for the index alone.
OWN_KEYS = ('platform', 'unified')


def convert(config: PathLike, out: PathLike, exemplars: int = 16,
            min_pixels: int = 64, workers: int = 4) -> dict[str, Any]:
    """Index the data sets of a config.

    Writes the index, and beside it ``<name>.py``, a config of an
    ``InContextDataset`` on the same data (variable ``sky_vt``), whose class
    trees and counts lie in the folder ``<name>_parts``.

    Args:
        config: A config (``.py``, ``.json``, ``.yaml``) with ``datasets`` as
            ``InContextDataset`` takes them, by name, each with ``platform``
            and, unless its ``hierarchy`` is one that mmeo brings,
            ``unified``: class -> node of the tree, or None.
        out: File of the index, ``.json``.
        exemplars: Images listed for each class of a data set.
        min_pixels: That make an image an example of a class.
        workers: Threads that read label maps.

    Returns:
        dict: ``statistics`` of the index.

    Raises:
        ConfigError: If the config lacks something.
        MissingDataError: If data are absent.
        DataError: What is wrong with a label map.
    """
    out = Path(out)
    if out.suffix != '.json':
        raise ConfigError(f'{out}: the index is a .json file; name it so')
    datasets = _read(config)
    parts = out.with_name(f'{out.stem}_parts')
    unified = read_unified()
    own = {name: {key: cfg[key] for key in OWN_KEYS if key in cfg}
           for name, cfg in datasets.items()}
    plain = {name: {k: v for k, v in cfg.items() if k not in OWN_KEYS}
             for name, cfg in datasets.items()}
    parts.mkdir(parents=True, exist_ok=True)
    items = [
        _item(source, own[source.name],
              datasets[source.name].get('hierarchy'), unified, parts, workers)
        for source in build_sources(plain, None)]
    index = make_index(items, unified, exemplars, min_pixels)
    for item in items:
        tree = _write_tree(item, unified, parts)
        index['datasets'][item.source.name]['tree'] = str(tree)
        plain[item.source.name]['hierarchy'] = str(tree)
    out.write_text(_dump(index), encoding='utf-8')
    Config(dict(sky_vt=dict(
        type='InContextDataset', datasets=plain, cache_dir=str(parts)))
           ).dump(out.with_suffix('.py'))
    return index['statistics']


def _read(config: PathLike) -> dict[str, dict]:
    if not Path(config).is_file():
        raise ConfigError(f'{config} does not exist; write a config with '
                          '`datasets`')
    datasets = Config.fromfile(config).to_dict().get('datasets')
    if not isinstance(datasets, Mapping) or not datasets:
        raise ConfigError(
            f'{config}: `datasets` is a dict of names to data sets, each as '
            "dict(type='LoveDADataset', data_root=..., pipeline=[...], "
            "hierarchy='loveda', platform='Google Earth')")
    for name, cfg in datasets.items():
        if not isinstance(cfg.get('platform'), str) or not cfg['platform']:
            raise ConfigError(f"{config}: `datasets['{name}']` has no "
                              "`platform`; say what took its images, as "
                              "'Gaofen-2' or 'aircraft'")
    return dict(datasets)


def _item(source: EpisodeSource, own: Mapping, hierarchy: Any,
          unified: UnifiedClasses, parts: Path, workers: int
          ) -> IndexedSource:
    given = own.get('unified', hierarchy)
    classes = unified.class_map(given, source.classes, source.name)
    return IndexedSource(
        source, own['platform'], classes,
        load_class_index(source.dataset, source.name, str(parts), workers))


def _write_tree(item: IndexedSource, unified: UnifiedClasses,
                folder: Path) -> Path:
    source = item.source
    tree = unified.own_tree(
        item.classes, {name: path[-1] for name, path in zip(
            source.classes, source.names.paths)},
        source.names.synonyms, f'unified classes of {source.name}')
    path = folder / f'{source.name}.json'
    path.write_text(json.dumps(tree, indent=1) + '\n', encoding='utf-8')
    return path


def _dump(index: dict[str, Any]) -> str:
    """JSON with one record a line, so that large ones can be looked at."""
    head = {k: v for k, v in index.items() if k != 'records'}
    rows = ',\n'.join(json.dumps(r, ensure_ascii=False)
                      for r in index['records'])
    text = json.dumps(head, indent=1, ensure_ascii=False)
    return f'{text[:-2]},\n "records": [\n{rows}\n]}}\n'


def format_statistics(statistics: dict[str, Any]) -> str:
    """What was found, for people."""
    lines = [f'{statistics["records"]:>9,} images']
    for title in ('modalities', 'platforms'):
        lines += [f'{count:>9,} {name}'
                  for name, count in statistics[title].items()]
    classes = statistics['classes']
    lines += [f'{classes["leaves"]:>9} of {classes["of"]} leaf classes have '
              'images',
              f'{classes["coarser"]:>9} classes of coarser levels have '
              'images']
    if classes['without_images']:
        lines.append('without images: '
                     + ', '.join(classes['without_images']))
    return '\n'.join(lines)
