# Copyright (c) mmeo contributors. All rights reserved.
"""Draw episodes: a target, what is asked for, and examples of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Optional, Union

import numpy as np

from mmeo.datasets.transforms.episode.crop import overlap
from mmeo.errors import ConfigError, DataError
from mmeo.structures import NO_LABEL

from .episode_sampling import (
    check_kinds,
    draw_classes,
    draw_image,
    order_wanted,
)
from .source import EpisodeSource, View
from .sources import Pairs

# Windows of the target's own image that are looked at before another image
# is taken.
_SAME_TRIES = 3
#: Shares of prompt kinds (our choice).
PROMPT_SHARES = dict(mask=0.6, box=0.2, point=0.2)


@dataclass(frozen=True)
class DrawSettings:
    """Numbers of :class:`InContextDataset`, which says what each is.

    Raises:
        ConfigError: If one is out of its range.
    """

    num_classes: int
    shots: tuple[int, int]
    prompt_kinds: Mapping[str, float]
    same_image_prob: float
    cross_modal_prob: float
    synonym_prob: float
    negatives: Union[bool, str]
    subset_prob: float
    min_pixels: int
    max_overlap: float
    prompt_candidates: int
    num_tries: int

    def __post_init__(self) -> None:
        if self.negatives not in (True, False, 'random'):
            raise ConfigError(f'negatives={self.negatives!r} is none of True, '
                              "False, 'random'")
        for name in ('same_image_prob', 'cross_modal_prob', 'synonym_prob',
                     'subset_prob', 'max_overlap'):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f'{name}={getattr(self, name)} is not in 0 '
                                  'to 1')
        for name in ('num_classes', 'min_pixels', 'prompt_candidates',
                     'num_tries'):
            if getattr(self, name) < 1:
                raise ConfigError(f'{name}={getattr(self, name)}: give 1 or '
                                  'more')


class Shot(NamedTuple):
    """An example that was drawn.

    Args:
        view (View): Image and labels.
        source (EpisodeSource): Where it is from.
        same (bool): Whether it is another part of the target's place.
        missed (bool): Whether it shows no class that was looked for.
    """

    view: View
    source: EpisodeSource
    same: bool
    missed: bool


class EpisodeDrawer:
    """Draws everything that an episode consists of.

    Args:
        pairs (Pairs): Which data sets show the same places.
        settings (DrawSettings): Numbers.
    """

    def __init__(self, pairs: Pairs, settings: DrawSettings) -> None:
        self.pairs = pairs
        self.settings = settings
        self.kinds, self.kind_shares = check_kinds(settings.prompt_kinds)
        self._opened = 0

    def draw(self, source: EpisodeSource, image: int,
             rng: np.random.Generator) -> dict:
        """Draw the episode of a target, as ``PackEpisode`` takes it.

        Args:
            source (EpisodeSource): Data set of the target.
            image (int): Its index there.
            rng (np.random.Generator): Source of what is not drawn by
                transforms.
        """
        cfg, self._opened = self.settings, 0
        target, image = self._target(source, image, rng)
        present = target.shown()
        episode = draw_classes(
            present, source.allowed, cfg.num_classes, cfg.negatives,
            cfg.subset_prob, rng)
        positives = [i for i in present if i in set(episode)]
        shots: list[Shot] = []
        for _ in range(int(rng.integers(*cfg.shots, endpoint=True))):
            covered = {i for shot in shots
                       for i in shot.view.shown(cfg.min_pixels)}
            shots.append(self._shot(source, image, target,
                                    order_wanted(positives, covered, rng),
                                    rng))
        return dict(
            target=target.results,
            prompts=[shot.view.results for shot in shots],
            dataset=source.name,
            modality=source.modality,
            dataset_classes=source.classes,
            class_paths=source.names.paths,
            synonyms={name: source.names.synonyms[name]
                      for i in episode for name in source.names.paths[i]
                      if name in source.names.synonyms},
            synonym_prob=cfg.synonym_prob,
            episode=episode,
            prompt_modalities=tuple(s.source.modality for s in shots),
            shot_classes=tuple(tuple(s.view.shown(cfg.min_pixels))
                               for s in shots),
            prompt_kinds=tuple(
                str(kind) for kind in rng.choice(
                    self.kinds, len(shots), p=self.kind_shares)),
            prompt_paths=tuple(s.view.results.get('img_path')
                               for s in shots),
            same_image=tuple(shot.same for shot in shots),
            # The images that are needed are not opened in vain.
            redraws=self._opened - 1 - len(shots),
            missed_prompts=sum(s.missed for s in shots),
            seed=int(rng.integers(2**31)))

    def _view(self, source: EpisodeSource, *args: Any) -> View:
        self._opened += 1
        return source.view(*args)

    def _target(self, source: EpisodeSource, image: int,
                rng: np.random.Generator) -> tuple[View, int]:
        """A crop with a class to ask for: of this image, else of others."""
        cfg = self.settings
        for attempt in range(cfg.num_tries):
            # A large image may show its classes in few places.
            if attempt >= cfg.num_tries // 2:
                image = int(rng.choice(source.targets))
            shows = np.flatnonzero(source.counts[image])
            wanted = int(rng.choice(shows)) if attempt else None
            view = self._view(source, image, wanted)
            if view.shown():
                return view, image
        raise DataError(
            f'{source.name}: {cfg.num_tries} crops show no class that may be '
            'asked for, though their label maps do: is `crop_size` very '
            'small, or does the pipeline cut labels off?')

    def _shot(self, source: EpisodeSource, image: int, target: View,
              wanted: Sequence[int], rng: np.random.Generator) -> Shot:
        """An example of one of the classes in the target."""
        cfg = self.settings
        other = self.pairs.partner.get(source.name)
        # Always drawn, so that what follows depends on no outcome.
        cross, same = rng.random(2) < (cfg.cross_modal_prob,
                                       cfg.same_image_prob)
        where = other if cross and other is not None else source
        place = image if where is source else \
            self.pairs.same_place[source.name].get(image)
        for attempt in range(cfg.num_tries):
            class_id = wanted[attempt % len(wanted)]
            chosen = self._choose(where, place, class_id, wanted,
                                  same and attempt < _SAME_TRIES, rng)
            avoid = _window(target) if chosen == place else None
            view = self._view(where, chosen, class_id, avoid)
            apart = avoid is None or overlap(
                _window(view), avoid) <= cfg.max_overlap
            if apart and set(wanted) & set(view.shown(cfg.min_pixels)):
                return Shot(view, where, chosen == place, False)
        return Shot(view if apart else _blank(view), where, chosen == place,
                    True)

    def _choose(self, where: EpisodeSource, place: Optional[int],
                class_id: int, wanted: Sequence[int], same: bool,
                rng: np.random.Generator) -> int:
        """Index of the image of a shot."""
        cfg = self.settings
        if same and place is not None:
            return place
        showing = where.showing(class_id, cfg.min_pixels)
        found = draw_image(showing[showing != place], where.counts, wanted,
                           cfg.min_pixels, cfg.prompt_candidates, rng)
        if found is not None:
            return found
        if place is not None and where.can_crop:
            return place  # no other image shows the class
        return int(rng.choice(where.targets))


def _window(view: View) -> tuple[float, ...]:
    """Window of a view; the whole image where nothing was cut."""
    return view.results.get('crop_window', (0., 0., 1., 1.))


def _blank(view: View) -> View:
    """An image that is an example of nothing: it shows the target."""
    view.results['gt_seg_map'] = np.full_like(
        view.results['gt_seg_map'], NO_LABEL)
    return View(view.results, np.zeros_like(view.pixels))


