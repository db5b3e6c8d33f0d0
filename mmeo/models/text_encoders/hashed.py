# Copyright (c) mmeo contributors. All rights reserved.
"""A text encoder that needs no files and knows no language."""

import hashlib
import re
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from mmeo.errors import ConfigError, DataError
from mmeo.registry import MODELS

from .base import TextEncoder

_WORD = re.compile(r'[^\W_]+')


def split_words(name: str) -> list[str]:
    """Lower-case words without the s of a plural.

    Args:
        name (str): E.g. ``'non-residential Buildings'``.

    Returns:
        list[str]: E.g. ``['non', 'residential', 'building']``.
    """
    words = _WORD.findall(name.lower())
    return [word[:-1] if len(word) > 3 and word.endswith('s')
            and not word.endswith('ss') else word for word in words]


def word_vector(word: str, dims: int, seed: int = 0) -> np.ndarray:
    """The vector of a word: signs from a hash, so no machine differs.

    Args:
        word (str): Any.
        dims (int): D.
        seed (int): Defaults to 0.

    Returns:
        ndarray: ``(D, )`` float32 of length 1. Two words are as good as
        orthogonal: their cosine has a deviation of one over the root of D.
    """
    digest = hashlib.shake_256(f'{seed}:{word}'.encode()).digest(
        -(-dims // 8))
    bits = np.unpackbits(np.frombuffer(digest, np.uint8))[:dims]
    return (2 * bits.astype(np.float32) - 1) / np.float32(dims)**0.5


@MODELS.register_module()
class HashedTextEncoder(TextEncoder):
    """The mean of fixed random vectors of a name's words.

    It has no knowledge of language: 'lake' and 'pond' are as far apart as
    'lake' and 'road'. What it does know is which names share words ('dirt
    road', 'paved road', 'roads'), so a model can learn what a word stands
    for and find it again in another name. It is the stand-in for CLIP on a
    CPU, in tests and in the experiments on SynthEarth; take
    :class:`CLIPTextEncoder` for real data. Our choice throughout.

    Args:
        embed_dims (int): D. Defaults to 512, as of CLIP ViT-B/16.
        seed (int): Other seeds give other vectors. Defaults to 0.

    Raises:
        ConfigError: If ``embed_dims`` is less than 8.
    """

    def __init__(self, embed_dims: int = 512, seed: int = 0) -> None:
        super().__init__()
        if embed_dims < 8:
            raise ConfigError('HashedTextEncoder: embed_dims must be at least '
                              f'8, got {embed_dims}.')
        self.embed_dims = embed_dims
        self.seed = seed

    def compute(self, names: Sequence[str]) -> Tensor:
        """Embed names, ``(n, D)``.

        Raises:
            DataError: If a name has no letter or digit.
        """
        return torch.from_numpy(np.stack([self._vector(n) for n in names]))

    def _vector(self, name: str) -> np.ndarray:
        words = split_words(name)
        if not words:
            raise DataError(f'class name {name!r} has no letter or digit: '
                            'give a word.')
        return np.mean([word_vector(word, self.embed_dims, self.seed)
                        for word in words], axis=0)
