# Copyright (c) mmeo contributors. All rights reserved.
"""Which annotation files a check, or a table of shares, is about."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Optional

from mmengine.config import Config

from mmeo.datasets.instruct_index import is_meta
from mmeo.datasets.instruct_meta import (
    InstructSource,
    read_meta,
    resolve_source,
)
from mmeo.datasets.mixture_dataset import mixture_sources
from mmeo.errors import ConfigError, MissingDataError


@dataclass
class CheckTarget:
    """Annotation files, and how a run would read them.

    Attributes:
        sources (list[InstructSource]): The files, with full paths.
        pipeline (list[dict]): Transforms of the config; empty otherwise.
        notes (list[str]): What a check cannot see.
    """

    sources: list[InstructSource]
    pipeline: list[dict] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def transform(self, name: str) -> Optional[dict]:
        """Config of the first transform of a type."""
        for cfg in self.pipeline:
            if isinstance(cfg, Mapping) and \
                    cfg['type'].split('.')[-1] == name:
                return dict(cfg)
        return None


def file_target(path: str, data_root: str = '') -> CheckTarget:
    """A ``.jsonl``, a ``.json`` list or an InternVL meta.

    Args:
        path (str): The file.
        data_root (str): Folder of relative image paths, and of relative
            paths of a meta. Defaults to the folder of the file.

    Returns:
        CheckTarget: One source, or those of the meta.

    Raises:
        MissingDataError: If the file does not exist.
    """
    file = Path(path)
    if not file.is_file():
        raise MissingDataError(f'{path} does not exist: give a .jsonl, a '
                               '.json or a config (.py)')
    if is_meta(file):
        return CheckTarget(_resolved(file, data_root))
    root = data_root or str(file.parent)
    return CheckTarget([InstructSource(file.stem, str(file), root)])


def config_target(cfg: Config, split: str = 'train') -> CheckTarget:
    """The instruction data of a config's dataloader.

    Args:
        cfg (Config): The config.
        split (str): 'train', 'val' or 'test'. Defaults to 'train'.

    Returns:
        CheckTarget: Its sources and pipeline.

    Raises:
        ConfigError: If there is no such dataloader, or it reads something
            else.
    """
    dataset = (cfg.get(f'{split}_dataloader') or {}).get('dataset')
    while dataset and 'dataset' in dataset:
        dataset = dataset['dataset']
    if not dataset:
        raise ConfigError(f'{cfg.filename} has no `{split}_dataloader`')
    parts = dataset.get('datasets', [dataset])
    root = dataset.get('data_root') or ''
    target = CheckTarget([])
    for part, source in zip(parts, mixture_sources(dataset)):
        target.sources += _under_root(part.get('data_root') or root, source)
    pipelines = [dataset.get('pipeline')] + [p.get('pipeline') for p in parts]
    target.pipeline = list(next(filter(None, pipelines), []))
    joined = [s.name for s in target.sources if s.max_rounds]
    if joined:
        target.notes.append(
            f'`max_rounds` joins records of {", ".join(joined)}: samples are '
            'fewer than records, lengths are those of joint samples.')
    return target


def _under_root(root: str, source: InstructSource) -> list[InstructSource]:
    file = Path(root, source.ann_file)
    if file.is_file() and is_meta(file):
        return [replace(s, repeat=s.repeat * source.repeat,
                        max_rounds=source.max_rounds)
                for s in _resolved(file, root)]
    return [replace(source, ann_file=str(file),
                    img_root=str(Path(root, source.img_root)))]


def _resolved(meta: Path, data_root: str) -> list[InstructSource]:
    """Entries with full paths; absent ones keep a path that says where."""
    sources = []
    for source in read_meta(meta, data_root, resolve=False):
        try:
            sources.append(resolve_source(source, meta, data_root))
        except MissingDataError:
            base = Path(data_root) if data_root else meta.parent
            sources.append(replace(
                source, ann_file=str(base / source.ann_file),
                img_root=str(base / source.img_root)))
    return sources


def token_transforms(target: CheckTarget,
                     tokenizer: Optional[str] = None,
                     **overrides: Any) -> Optional[tuple[Any, Any]]:
    """The transforms that decide how long a sample is.

    Args:
        target (CheckTarget): Its pipeline is used where there is one.
        tokenizer (str, optional): Folder; the pipeline's by default.
        **overrides: ``max_seq_len``, ``max_tiles``, ``image_size``,
            ``tokens_per_tile``; None leaves the pipeline's value.

    Returns:
        tuple, optional: ``DynamicTiling`` or ``ImageViews``, and
        ``PackDialogue``; None without a tokenizer.
    """
    from mmeo.registry import TRANSFORMS
    tiling = (target.transform('ImageViews')
              or target.transform('DynamicTiling')
              or dict(type='DynamicTiling'))
    pack = target.transform('PackDialogue') or dict(type='PackDialogue')
    if tokenizer is not None:
        pack['tokenizer'] = tokenizer
    if pack.get('tokenizer') is None:
        return None
    for section, names in ((tiling, ('max_tiles', 'image_size')),
                           (pack, ('max_seq_len', 'tokens_per_tile'))):
        section.update({name: overrides[name] for name in names
                        if overrides.get(name) is not None})
    if 'max_tiles' in tiling and tiling['type'] == 'ImageViews':
        raise ConfigError('`max_tiles` belongs to DynamicTiling; the '
                          "config's ImageViews chooses its views by itself")
    return TRANSFORMS.build(tiling), TRANSFORMS.build(pack)
