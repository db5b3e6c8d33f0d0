# Copyright (c) mmeo contributors. All rights reserved.
"""Targets with fixed examples, to measure in-context segmentation."""

import copy
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Optional

import numpy as np
from mmengine.logging import print_log

from mmeo.engine.seeding import derive_seed
from mmeo.errors import ConfigError, DataError
from mmeo.registry import DATASETS
from mmeo.structures import NO_LABEL

from ..transforms.episode import PackEpisode
from .class_names import class_names, key_of
from .episode_sampling import check_kinds
from .example_pool import ExamplePool, Shot
from .exemplars import (
    Exemplars,
    choose_exemplars,
    rank_examples,
    read_exemplars,
    write_exemplars,
)

#: Where the examples of a target come from.
POLICIES = ('shared', 'per_target', 'intra')


@DATASETS.register_module()
class InContextTestDataset:
    """Every image of a data set as target, with examples of all classes.

    The protocol is our choice, as the paper's is not published: each class
    has ``shots`` examples of its own, the same ones for the whole set
    (``exemplar_policy='shared'``), so that they are read and encoded once; or
    other ones for each target (``'per_target'``). Both are drawn from a data
    set of examples by ``seed``, see
    :func:`~mmeo.datasets.in_context.exemplars.rank_examples`. Or each target
    is its own example of all its classes (``'intra'``), as the SAM series
    needs it: this asks how well marks are completed, not how well they are
    carried over, and masks give the answer away. Otherwise an example of
    one class shows no other, whatever else is on its image. Where a pipeline
    crops (``EpisodeCrop``), of some windows that show the class the one with
    most of it is taken. An image that serves as example is no target.

    Pipelines of both data sets end before packing, with ``img`` normalised
    and ``gt_seg_map``. Samples are those of ``PackEpisode``; load them with
    ``collate_fn=dict(type='list_collate')``.

    Args:
        dataset (dict | Dataset): Targets, a ``GeoSegDataset``.
        exemplars (dict | Dataset, optional): Where examples come from. Its
            classes are matched by name; it may be another benchmark or
            another sensor. Defaults to None, the targets.
        shots (int): Examples of each class. Defaults to 1.
        prompt_kind (str): 'mask', 'box' or 'point'. Defaults to 'mask'.
        modality (str): Sensor of the targets. Defaults to 'hr'.
        exemplar_modality (str, optional): Sensor of the examples. Defaults to
            None, that of the targets.
        classes (Sequence[str], optional): Those asked for. Pixels of others
            keep their label: ``InContextMetric(others=...)`` says what they
            count. Defaults to None, all.
        ignore_background (bool): Do not ask for the class 'background', and
            treat its pixels as unlabelled. Defaults to False.
        exemplar_policy (str): 'shared', 'per_target' or 'intra'. Defaults to
            'shared'.
        seed (int): Defaults to 0.
        min_pixels (int): Of a class on an example; fewer only where no image
            has as many, which is reported. Defaults to 1024.
        crop_tries (int): Windows drawn of an example that is cropped.
            Defaults to 8.
        exemplar_file (str, optional): Choice written by
            :meth:`write_exemplars`, instead of one by ``seed``. Defaults to
            None.
        hierarchy (str, optional): JSON tree whose leaves are how classes are
            said, see :func:`~mmeo.datasets.hierarchy.read_hierarchy`.
            Defaults to None, the classes' names.
        cache_dir (str, optional): Where counts of the examples' labels are
            kept. Defaults to None, their ``data_root``.
        workers (int): Threads that count. Defaults to 4.

    Raises:
        ConfigError: If an argument does not fit.
        DataError: If images cannot be told by their names.
    """

    def __init__(self,
                 dataset: Any,
                 exemplars: Any = None,
                 shots: int = 1,
                 prompt_kind: str = 'mask',
                 modality: str = 'hr',
                 exemplar_modality: Optional[str] = None,
                 classes: Optional[Sequence[str]] = None,
                 ignore_background: bool = False,
                 exemplar_policy: str = 'shared',
                 seed: int = 0,
                 min_pixels: int = 1024,
                 crop_tries: int = 8,
                 exemplar_file: Optional[str] = None,
                 hierarchy: Optional[str] = None,
                 cache_dir: Optional[str] = None,
                 workers: int = 4) -> None:
        check_kinds({prompt_kind: 1})
        if shots < 1 or crop_tries < 1:
            raise ConfigError(f'InContextTestDataset: shots={shots}, '
                              f'crop_tries={crop_tries}: give 1 or more')
        if exemplar_policy not in POLICIES:
            raise ConfigError('InContextTestDataset: exemplar_policy='
                              f'{exemplar_policy!r} is none of {POLICIES}')
        if exemplar_policy == 'intra' and (
                exemplars is not None or shots != 1 or
                exemplar_modality not in (None, modality)):
            raise ConfigError(
                "InContextTestDataset: with exemplar_policy='intra' each "
                'target is its own single example: leave out `exemplars`, '
                '`shots` and `exemplar_modality`')
        if exemplar_file and exemplar_policy != 'shared':
            raise ConfigError('InContextTestDataset: `exemplar_file` holds '
                              'shared examples; leave it out with '
                              f'exemplar_policy={exemplar_policy!r}')
        self.dataset = _build(dataset)
        names = tuple(self.dataset.metainfo['classes'])
        self.pool = ExamplePool(
            self.dataset if exemplars is None else _build(exemplars), names,
            exemplar_modality or modality)
        self.shots = shots
        self.prompt_kind = prompt_kind
        self.modality = modality
        self.policy = exemplar_policy
        self.seed = seed
        self.min_pixels = min_pixels
        self.crop_tries = crop_tries
        self.exemplar_file = exemplar_file
        self.counting = dict(cache_dir=cache_dir, workers=workers)
        self.pack = PackEpisode()
        self.names = class_names(names, hierarchy, None)
        self.episode, self.lookup = _asked(names, classes, ignore_background)
        self.chosen: Exemplars = {}
        self._ready = False
        self._shared: Optional[dict] = None

    @property
    def metainfo(self) -> dict:
        """That of the targets."""
        return self.dataset.metainfo

    # examples ---------------------------------------------------------------

    def full_init(self) -> None:
        """Count, choose the examples and report; done once."""
        if self._ready:
            return
        self.shots_of: list[Shot] = []
        if self.policy == 'intra':
            if hasattr(self.dataset, 'full_init'):
                self.dataset.full_init()
            self.indices = list(range(len(self.dataset)))
            self.missing = ()
            self._ready = True
            return
        self.pool.read_index(**self.counting)
        if self.policy == 'shared':
            self.chosen = self._choose()
            self.shots_of = self._locate(self.chosen)
        taken = {shot.path for shot in self.shots_of}
        self.indices = [
            i for i in range(len(self.dataset))
            if self.dataset.get_data_info(i)['img_path'] not in taken]
        if not self.indices:
            raise DataError(
                f'InContextTestDataset: all {len(self.dataset)} images are '
                'examples, and none is left as target: give fewer `shots`, '
                "`exemplars` of another split, or exemplar_policy='per_target'"
                '.')
        self._report()
        self._ready = True

    def _choose(self) -> Exemplars:
        classes = [self.metainfo['classes'][i] for i in self.episode]
        if self.exemplar_file is not None:
            chosen, self.seed = read_exemplars(self.exemplar_file, classes,
                                               self.pool.names)
            return {name: images[:self.shots]
                    for name, images in chosen.items()}
        return choose_exemplars(self.pool.counts[:, self.episode],
                                self.pool.names, classes, self.shots,
                                self.min_pixels, self.seed)

    def _locate(self, chosen: Exemplars) -> list[Shot]:
        """Shots of all classes, the first of each before the second."""
        index = {name: i for i, name in enumerate(self.pool.names)}
        return [Shot(class_id, index[images[k]],
                     self.pool.paths[index[images[k]]])
                for k in range(self.shots)
                for class_id, images in zip(self.episode, chosen.values())
                if k < len(images)]

    def write_exemplars(self, path: str) -> Path:
        """Write which images were chosen, for ``exemplar_file``.

        Args:
            path (str): A JSON file.

        Raises:
            ConfigError: If every target has examples of its own.
        """
        self.full_init()
        if self.policy != 'shared':
            raise ConfigError('InContextTestDataset: only shared examples can '
                              "be written; set exemplar_policy='shared'")
        return write_exemplars(path, self.chosen, self.seed)

    def _report(self) -> None:
        """Say what lacks examples, and what became of targets."""
        classes = self.metainfo['classes']
        pixels = self.pool.counts[:, self.episode].max(0, initial=0)
        without = [classes[i] for i, n in zip(self.episode, pixels) if not n]
        small = [classes[i] for i, n in zip(self.episode, pixels)
                 if 0 < n < self.min_pixels]
        few = [name for name, images in self.chosen.items()
               if 0 < len(images) < self.shots]
        lost = len(self.dataset) - len(self.indices)
        for names, text in (
                (without, 'have no example and cannot be found by example'),
                (small, f'are on no image with {self.min_pixels} pixels; '
                        'their largest examples are taken'),
                (few, f'have fewer examples than the {self.shots} asked for')):
            if names:
                print_log(f'InContextTestDataset: {len(names)} of '
                          f'{len(self.episode)} classes {text}: {names}',
                          'current', level=30)
        if lost:
            print_log(f'InContextTestDataset: {lost} of {len(self.dataset)} '
                      'images are examples and therefore no targets',
                      'current')
        self.missing = tuple(without)

    # samples ----------------------------------------------------------------

    def __len__(self) -> int:
        self.full_init()
        return len(self.indices)

    def get_data_info(self, idx: int) -> dict:
        """Annotation of a target."""
        self.full_init()
        return self.dataset.get_data_info(self.indices[idx])

    def __getitem__(self, idx: int) -> dict:
        """Packed target, examples and what is asked for.

        Args:
            idx (int): Of the target.

        Returns:
            dict: ``inputs`` and ``data_samples``, see ``PackEpisode``.
        """
        self.full_init()
        target = self.dataset.pipeline(self.get_data_info(idx))
        if target is None or target.get('img') is None:
            raise DataError('InContextTestDataset: the pipeline made no image '
                            f'of {self.get_data_info(idx).get("img_path")}')
        if target.get('gt_seg_map') is not None:
            target['gt_seg_map'] = self.lookup[target['gt_seg_map']]
        shots, seed = self.shots_of, self.seed
        if self.policy != 'shared':
            seed = derive_seed(self.seed, idx)
        if self.policy == 'intra':
            return self._own_example(target, seed)
        if self.policy == 'per_target':
            shots = self._draw(idx)
        meta = self._meta(shots, seed)
        if self.policy == 'per_target':
            return self.pack(dict(
                meta, target=target, prompts=[self._view(s) for s in shots]))
        packed = self.pack(dict(meta, target=target, prompts=[]))
        packed['inputs'] = dict(target=packed['inputs']['target'],
                                **self._shared_inputs(target))
        return packed

    def _own_example(self, target: dict, seed: int) -> dict:
        """A target that shows all its classes itself."""
        if target.get('gt_seg_map') is None:
            raise DataError("InContextTestDataset: exemplar_policy='intra' "
                            'marks the target by its label map; put '
                            '`LoadGeoAnnotations` into its pipeline')
        meta = dict(
            self._meta((), seed), prompt_modalities=(self.modality, ),
            shot_classes=(tuple(self.episode), ),
            prompt_kinds=(self.prompt_kind, ),
            prompt_paths=(target.get('img_path'), ))
        return self.pack(dict(meta, target=target, prompts=[target]))

    def _meta(self, shots: Sequence[Shot], seed: int) -> dict:
        count = len(shots)
        return dict(
            modality=self.modality,
            dataset=type(self.dataset).__name__,
            dataset_classes=tuple(self.metainfo['classes']),
            class_paths=self.names.paths,
            synonyms=self.names.synonyms,
            episode=tuple(self.episode),
            prompt_modalities=(self.pool.modality, ) * count,
            shot_classes=tuple((shot.class_id, ) for shot in shots),
            prompt_kinds=(self.prompt_kind, ) * count,
            prompt_paths=tuple(shot.path for shot in shots),
            # The same points for all targets of shared examples.
            seed=seed,
            prompt_key=self._key() if self.policy == 'shared' else None)

    def _key(self) -> str:
        """Says which examples these are, in which form."""
        said = repr((self.shots_of, self.episode, self.prompt_kind, self.seed,
                     self.crop_tries, self.pool.modality, self.names.paths,
                     self.pool.dataset.pipeline))
        return hashlib.sha256(said.encode()).hexdigest()[:16]

    def _shared_inputs(self, target: Mapping) -> dict:
        """Tensors of the shared examples, the same objects each time.

        A worker process hands them on by shared memory, which is filled once.
        """
        if self._shared is None:
            inputs = self.pack(dict(
                target=target,
                prompts=[self._view(s) for s in self.shots_of]))['inputs']
            inputs.pop('target')
            self._shared = inputs
        return self._shared

    def _draw(self, idx: int) -> list[Shot]:
        """Examples for one target, none of them the target itself."""
        own = self.get_data_info(idx)['img_path']
        pool, shots = self.pool, []
        for class_id in self.episode:
            order = rank_examples(
                pool.counts[:, class_id], pool.names, self.min_pixels,
                derive_seed(self.seed, idx, class_id))
            order = [i for i in order if pool.paths[i] != own]
            shots += [Shot(class_id, i, pool.paths[i])
                      for i in order[:self.shots]]
        return shots

    def _view(self, shot: Shot) -> dict:
        return self.pool.view(shot, self.seed, self.crop_tries)


def _build(dataset: Any) -> Any:
    return DATASETS.build(copy.deepcopy(dataset)) if isinstance(
        dataset, Mapping) else dataset


def _asked(names: Sequence[str], wanted: Optional[Sequence[str]],
           ignore_background: bool) -> tuple[list[int], np.ndarray]:
    """Ids asked for, and a table of what becomes of each label."""
    lookup = np.arange(256, dtype=np.uint8)
    keys = {key_of(name): i for i, name in enumerate(names)}
    background = keys.get('background')
    if ignore_background:
        if background is None:
            raise ConfigError('InContextTestDataset: ignore_background=True, '
                              "but no class is called 'background': "
                              f'{list(names)}')
        lookup[background] = NO_LABEL
    unknown = [n for n in wanted or () if key_of(n) not in keys]
    if unknown or (wanted is not None and not wanted):
        raise ConfigError(f'InContextTestDataset: `classes` asks for {unknown}'
                          f'; there are {list(names)}')
    ids = range(len(names)) if wanted is None else dict.fromkeys(
        keys[key_of(name)] for name in wanted)
    return [i for i in ids if lookup[i] != NO_LABEL], lookup
