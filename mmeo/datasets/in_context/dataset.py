# Copyright (c) mmeo contributors. All rights reserved.
"""Episodes of in-context segmentation out of ordinary data sets."""

from collections.abc import Mapping, Sequence
from typing import Any, Optional, Union

import numpy as np
from mmengine.dataset import Compose

from mmeo.datasets.samplers.seeded_index import seeded_by
from mmeo.errors import ConfigError
from mmeo.registry import DATASETS

from .drawing import PROMPT_SHARES, DrawSettings, EpisodeDrawer
from .episode_sampling import check_shots
from .sources import (
    Pairs,
    build_sources,
    episode_order,
    hold_out,
    read_indices,
)


@DATASETS.register_module()
class InContextDataset:
    """Targets with classes to look for and examples of them.

    An episode: a target; the classes in it, and others that are not, up to
    ``num_classes``; for each shot an image of the same data set and sensor
    that shows at least one class of the target, at times another crop of the
    same image, at times seen by another sensor. Sources: episodes, prompt
    kinds and modes are the paper's (SkySense-VITA), all numbers our choice.

    Everything is drawn from the seed of the index (``SeededIndex`` of
    ``ResumableInfiniteSampler``): an episode depends neither on worker
    processes nor on whether a run was resumed.

    Args:
        datasets (Mapping[str, dict] | Sequence[dict]): Data sets of label
            maps, subclasses of mmseg's ``BaseSegDataset``, by name. Their
            ``pipeline`` loads image and labels, crops (``EpisodeCrop``),
            flips, normalises; nothing is packed. Beside a data set's own
            arguments a config may have ``modality`` ('hr' by default),
            ``paired`` (name of the data set of the same places by another
            sensor, with the same file names and classes), ``hierarchy``,
            ``synonyms`` (class to list), ``others`` (classes that are never
            asked for, their pixels being none of the classes asked for) and
            ``repeat`` (factor of its share).
        num_classes (int): Most classes of an episode. Defaults to 16.
        shots (int | tuple[int, int]): Examples; of (least, most) a number is
            drawn. Defaults to 1.
        prompt_kinds (Mapping[str, float], optional): Shares of 'mask', 'box'
            and 'point' among shots. Defaults to 0.6, 0.2, 0.2.
        same_image_prob (float): Of a shot from the target's own image, or
            place, which needs ``EpisodeCrop`` to be another part of it.
            Defaults to 0.2.
        cross_modal_prob (float): Of a shot by the other sensor, where there
            is one: of another place, or together with ``same_image_prob`` of
            the same. Defaults to 0.2.
        synonym_prob (float): Of another name for a class that has some.
            Defaults to 0.3.
        negatives (bool | str): Classes that are not in the target: True
            fills up to ``num_classes``, 'random' draws how many, False asks
            for none. Defaults to True.
        subset_prob (float): Of asking for some of the target's classes only,
            which teaches that pixels may be none of them. Defaults to 0.25.
        held_out (Sequence[str]): Classes never asked for, nor named.
            Defaults to ().
        held_out_as (str): Their pixels are to 'ignore', neither right nor
            wrong, or 'other', none of the classes asked for. Defaults to
            'ignore'.
        min_pixels (int): That make a crop an example of a class. Defaults to
            16.
        max_overlap (float): Share of the target that an example of the same
            image may cover. Defaults to 0.5.
        prompt_candidates (int): Images drawn for a shot, of which the one
            with the most classes of the target is taken. Defaults to 4.
        num_tries (int): Images opened for a shot until one shows the class;
            after that the shot is left as it is, and counted as
            ``missed_prompts``. Defaults to 8.
        balance (float): See
            :func:`~mmeo.datasets.in_context.sources.episode_order`. Defaults
            to 1.
        pipeline (Sequence): Of the whole episode. Defaults to
            ``PackEpisode``.
        data_root (str, optional): Folder that those of the data sets are
            below.
        cache_dir (str, optional): Folder of class indices. Defaults to the
            ``data_root`` of each data set.
        index_workers (int): Threads that count classes. Defaults to 4.
        seed (int): Of subsets by ``repeat`` and ``balance``. Defaults to 0.
        lazy_init (bool): Count classes when first needed. Defaults to False.

    Raises:
        ConfigError: If arguments do not fit together or with the data.
        MissingDataError: If data are absent.
        DataError: If label maps show nothing to ask for.
    """

    def __init__(self,
                 datasets: Union[Mapping[str, dict], Sequence[dict]],
                 num_classes: int = 16,
                 shots: Union[int, Sequence[int]] = 1,
                 prompt_kinds: Optional[Mapping[str, float]] = None,
                 same_image_prob: float = 0.2,
                 cross_modal_prob: float = 0.2,
                 synonym_prob: float = 0.3,
                 negatives: Union[bool, str] = True,
                 subset_prob: float = 0.25,
                 held_out: Sequence[str] = (),
                 held_out_as: str = 'ignore',
                 min_pixels: int = 16,
                 max_overlap: float = 0.5,
                 prompt_candidates: int = 4,
                 num_tries: int = 8,
                 balance: float = 1.,
                 pipeline: Sequence = (dict(type='PackEpisode'), ),
                 data_root: Optional[str] = None,
                 cache_dir: Optional[str] = None,
                 index_workers: int = 4,
                 seed: int = 0,
                 lazy_init: bool = False) -> None:
        self.sources = build_sources(datasets, data_root)
        self.settings = DrawSettings(
            num_classes=num_classes, shots=check_shots(shots),
            prompt_kinds=dict(prompt_kinds or PROMPT_SHARES),
            same_image_prob=same_image_prob,
            cross_modal_prob=cross_modal_prob, synonym_prob=synonym_prob,
            negatives=negatives, subset_prob=subset_prob,
            min_pixels=min_pixels, max_overlap=max_overlap,
            prompt_candidates=prompt_candidates, num_tries=num_tries)
        self.held_out = tuple(held_out)
        self.balance = balance
        self.cache_dir = cache_dir
        self.index_workers = index_workers
        self.seed = seed
        if held_out_as not in ('ignore', 'other'):
            raise ConfigError(f"held_out_as={held_out_as!r} is neither "
                              "'ignore' nor 'other'")
        self._require_crops()
        hold_out(self.sources, self.held_out, held_out_as == 'other')
        self.drawer = EpisodeDrawer(Pairs(self.sources), self.settings)
        self.pipeline = Compose(list(pipeline))
        self._order: Optional[np.ndarray] = None
        if not lazy_init:
            self.full_init()

    def _require_crops(self) -> None:
        share = self.settings.same_image_prob
        for source in self.sources:
            if share and not source.can_crop:
                raise ConfigError(
                    f'{source.name}: same_image_prob={share} needs '
                    '`EpisodeCrop` in its pipeline, which tells crops apart; '
                    'add it, or set same_image_prob=0')

    def full_init(self) -> None:
        """Count the classes of all label maps; done once."""
        if self._order is None:
            read_indices(self.sources, self.cache_dir, self.index_workers)
            self._order = episode_order(self.sources, self.balance,
                                        self.seed)

    @property
    def metainfo(self) -> dict:
        """``classes``: all that may be asked for, each once; ``held_out``."""
        names = dict.fromkeys(source.names.paths[i][-1]
                              for source in self.sources
                              for i in source.allowed)
        return dict(classes=tuple(names), held_out=self.held_out)

    def __len__(self) -> int:
        self.full_init()
        return len(self._order)

    def get_data_info(self, idx: int) -> dict:
        """What is known of a target without opening it."""
        self.full_init()
        number, image = self._order[idx]
        source = self.sources[number]
        return dict(source.dataset.get_data_info(int(image)),
                    dataset=source.name)

    def __getitem__(self, idx: int) -> Any:
        self.full_init()
        number, image = self._order[idx]
        with seeded_by(idx):
            # Of numpy, as transforms draw from it as well.
            rng = np.random.default_rng(np.random.randint(2**31, size=2))
            return self.pipeline(
                self.drawer.draw(self.sources[number], int(image), rng))
