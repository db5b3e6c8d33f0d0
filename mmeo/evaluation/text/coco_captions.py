# Copyright (c) mmeo contributors. All rights reserved.
"""BLEU, METEOR, ROUGE-L and CIDEr by pycocoevalcap, the COCO scorers."""

import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, Optional

from mmeo.errors import ConfigError

Pair = tuple[str, Sequence[str]]


def coco_module(name: str) -> ModuleType:
    """A module of pycocoevalcap.

    Args:
        name (str): E.g. 'bleu.bleu'.

    Raises:
        ConfigError: If it is not installed.
    """
    try:
        return import_module(f'pycocoevalcap.{name}')
    except ModuleNotFoundError:
        raise ConfigError('captions are scored by pycocoevalcap: '
                          '`pip install pycocoevalcap`') from None


def package_folder() -> Path:
    """Where pycocoevalcap and its java programs are installed."""
    return Path(coco_module('bleu.bleu').__file__).parents[1]


def has_java() -> bool:
    """Whether there is a ``java`` to run."""
    return shutil.which('java') is not None


class MeteorJar:
    """METEOR 1.5, a java program that runs beside us.

    Attributes:
        absent (str): Why there is no score; '' as long as there is.
    """

    def __init__(self) -> None:
        module = coco_module('meteor.meteor')
        self._scorer: Any = None
        self.absent = ''
        if has_java():
            self._scorer = module.Meteor()
        else:
            self.absent = 'there is no java to run it'

    def score(self, truth: Mapping[int, Sequence[str]],
              said: Mapping[int, Sequence[str]]) -> Optional[float]:
        """Score of a whole set in [0, 1], None if :attr:`absent`."""
        if self.absent:
            return None
        try:
            return self._scorer.compute_score(truth, said)[0]
        except (OSError, ValueError):
            self.absent = f'its java program failed: {self._reason()}'
            return None

    def _reason(self) -> str:
        process = self._scorer.meteor_p
        process.kill()
        with suppress(OSError):
            process.stdin.close()
        # The scorer keeps its lock when it fails, and waits for it in
        # __del__ for ever.
        if self._scorer.lock.locked():
            self._scorer.lock.release()
        words = process.stderr.read().decode('utf-8', 'replace').split()
        return ' '.join(words)[-200:] or 'it said nothing'


def caption_scores(pairs: Sequence[Pair],
                   meteor: Optional[MeteorJar] = None) -> dict[str, float]:
    """Score captions, each against its references.

    Args:
        pairs (Sequence[tuple[str, Sequence[str]]]): Caption and references,
            cut into words that are joined by one space. A caption may be
            empty, a reference not.
        meteor (MeteorJar, optional): Without one, or if it is absent, METEOR
            is not in the result. Defaults to None.

    Returns:
        dict[str, float]: ``BLEU-1`` to ``BLEU-4`` (of the whole set, closest
        reference length), ``METEOR``, ``ROUGE-L`` (beta 1.2) and ``CIDEr``
        (n-grams to 4, sigma 6, inverse document frequencies of these
        references), all times 100. CIDEr of a single pair is 0, for all its
        words are in every document.
    """
    said = {i: [caption] for i, (caption, _) in enumerate(pairs)}
    truth = {i: list(refs) for i, (_, refs) in enumerate(pairs)}
    bleu, _ = coco_module('bleu.bleu').Bleu(4).compute_score(
        truth, said, verbose=0)
    scores = {f'BLEU-{n}': value for n, value in enumerate(bleu, 1)}
    found = meteor and meteor.score(truth, said)
    if found is not None:
        scores['METEOR'] = found
    subsequence = coco_module('rouge.rouge').Rouge()  # codespell:ignore rouge
    scores['ROUGE-L'] = subsequence.compute_score(truth, said)[0]
    scores['CIDEr'] = coco_module('cider.cider').Cider().compute_score(
        truth, said)[0]
    return {name: 100 * float(value) for name, value in scores.items()}
