# Copyright (c) mmeo contributors. All rights reserved.
"""What a dialogue model was trained on, written into its checkpoints."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from inspect import signature
from typing import Any, Optional

from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmeo.codecs import TASKS, get_template
from mmeo.errors import CheckpointError, ConfigError
from mmeo.registry import HOOKS, TRANSFORMS

_KEY = 'vlm'
# Of these a model cannot know another value than the one it was trained with.
_BINDING = ('images', 'template', 'router')
_LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')


@HOOKS.register_module()
class VLMManifestHook(Hook):
    """Records how a dialogue model was trained, and compares.

    Users of such models mix up checkpoints: stage 1 with stage 2, one view of
    384 pixels with many, one prompt form with another; nothing fails then,
    answers are only worse. Each checkpoint gets ``meta['vlm']`` (our choice):

    - ``stage`` and ``moe``, the kind of experts;
    - ``mixture``: name, and samples or repeat, of each part of the data;
    - ``images``: how pictures become views, all arguments of
      ``ImageViews`` (None with another transform);
    - ``template``: its name, system prompt and a digest of its words;
    - ``supervise``: which tokens are learned;
    - ``router``: the rule from task tokens to granularities, as a digest.

    A checkpoint that is loaded or resumed is compared with the config's data
    for training, validation and testing in ``images``, ``template`` and
    ``router``; one without a record (converted weights) is not. Add the hook
    to ``custom_hooks`` of configs for testing too.

    Args:
        stage (str): Recorded as it is, e.g. 'stage1'; not used for testing.
            Defaults to ''.
        on_mismatch (str): 'error' stops, 'warn' goes on, for those who mean
            it. Defaults to 'error'.

    Raises:
        ConfigError: If ``on_mismatch`` is another word.
    """

    def __init__(self, stage: str = '', on_mismatch: str = 'error') -> None:
        if on_mismatch not in ('error', 'warn'):
            raise ConfigError(f'VLMManifestHook: on_mismatch={on_mismatch!r} '
                              "must be 'error' or 'warn'")
        self.stage = stage
        self.on_mismatch = on_mismatch

    def before_save_checkpoint(self, runner: Runner,
                               checkpoint: dict) -> None:
        """Put the record into the checkpoint."""
        checkpoint.setdefault('meta', {})[_KEY] = dict(
            make_manifest(runner.cfg), stage=self.stage)

    def after_load_checkpoint(self, runner: Runner,
                              checkpoint: dict) -> None:
        """Compare what is loaded with what runs."""
        found = read_manifest(checkpoint)
        if found is None:
            return
        problems = list(dict.fromkeys(
            line for loader in _LOADERS if runner.cfg.get(loader)
            for line in differences(found, make_manifest(runner.cfg, loader))
        ))
        if not problems:
            return
        text = ('the checkpoint was trained otherwise than this config runs '
                'it:\n' + '\n'.join(f'  {line}' for line in problems) +
                '\nSet the same in `pipeline` of the config; where the '
                'difference is meant, give VLMManifestHook '
                "`on_mismatch='warn'`.")
        if self.on_mismatch == 'error':
            raise CheckpointError(text)
        runner.logger.warning(text)


def read_manifest(checkpoint: Mapping) -> Optional[dict]:
    """The record of a checkpoint, as :class:`VLMManifestHook` describes it.

    Args:
        checkpoint (Mapping): As :func:`mmeo.apis.checkpoint.read_checkpoint`
            returns it.

    Returns:
        dict, optional: None where there is none.
    """
    meta = checkpoint.get('meta')
    return meta.get(_KEY) if isinstance(meta, Mapping) else None


def make_manifest(cfg: Mapping,
                  loader: str = 'train_dataloader') -> dict[str, Any]:
    """The record of a config, but for ``stage``.

    Args:
        cfg (Mapping): Config of a run.
        loader (str): Field with the data. Defaults to 'train_dataloader'.

    Returns:
        dict: Plain data.
    """
    dataset = (cfg.get(loader) or {}).get('dataset') or {}
    pack = _transform(dataset, 'PackDialogue') or {}
    moe = (cfg.get('model') or {}).get('moe') or {}
    return dict(
        moe=_name(moe.get('type', '')),
        mixture=_mixture(dataset),
        images=_views(dataset),
        template=_template(pack),
        supervise=pack.get('supervise', 'answers'),
        router=_digest({task: level for task, (_, level) in TASKS.items()}))


def differences(found: Mapping, wanted: Mapping) -> list[str]:
    """One line for each binding field in which two records differ.

    Args:
        found (Mapping): Of the checkpoint.
        wanted (Mapping): Of the config.
    """
    lines = []
    for field in _BINDING:
        theirs, ours = found.get(field), wanted.get(field)
        if theirs == ours or theirs is None or ours is None:
            continue
        if isinstance(theirs, Mapping) and isinstance(ours, Mapping):
            keys = [key for key in sorted({*theirs, *ours})
                    if theirs.get(key) != ours.get(key)]
        else:
            theirs, ours, keys = {'': theirs}, {'': ours}, ['']
        lines += [f'{f"{field}.{key}".rstrip(".")}: {theirs.get(key)!r} in '
                  f'the checkpoint, {ours.get(key)!r} here' for key in keys]
    return lines


def _transform(node: Any, name: str) -> Optional[Mapping]:
    """The first config of a transform below ``node``."""
    for found in _dicts(node):
        if _name(found.get('type', '')) == name:
            return found
    return None


def _dicts(node: Any) -> Iterator[Mapping]:
    if isinstance(node, Mapping):
        yield node
        node = list(node.values())
    if isinstance(node, (list, tuple)):
        for child in node:
            yield from _dicts(child)


def _mixture(dataset: Mapping) -> list[dict]:
    return [
        dict(name=part.get('name') or part['ann_file'],
             samples=part.get('samples'), repeat=part.get('repeat'))
        for part in _dicts(dataset)
        if _name(part.get('type', '')) == 'InstructDataset'
        and part.get('ann_file')
    ]


def _views(dataset: Mapping) -> Optional[dict]:
    given = _transform(dataset, 'ImageViews')
    if given is None:
        return None
    # Whether an argument was left out or written down is no difference.
    views = TRANSFORMS.build(dict(given, type='mmeo.ImageViews'))
    names = signature(type(views)).parameters
    return {name: getattr(views, name) for name in names
            if hasattr(views, name)}


def _template(pack: Mapping) -> Optional[dict]:
    if not pack:
        return None
    template = get_template(
        pack.get('template', 'internvl2_5'), pack.get('system'))
    return dict(name=template.name, system=template.system,
                digest=_digest(vars(template)))


def _name(kind: Any) -> str:
    kind = kind if isinstance(kind, str) else getattr(kind, '__name__', '')
    return kind.rsplit('.', 1)[-1]


def _digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:12]
