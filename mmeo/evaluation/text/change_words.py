# Copyright (c) mmeo contributors. All rights reserved.
"""Words and stock sentences of LEVIR-CC / LEVIR-MCI."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Optional, Union

from mmeo.errors import DataError, MissingDataError

from .tokens import levir_tokens

#: The annotators of LEVIR-CC describe an unchanged pair with one of these,
#: and a changed pair never.
NO_CHANGE = ('the scene is the same as before', 'there is no difference',
             'the two scenes seem identical', 'no change has occurred',
             'almost nothing has changed')
SPECIAL = ('<NULL>', '<UNK>', '<START>', '<END>')
MIN_COUNT = 5


def says_no_change(caption: str) -> bool:
    """Whether a caption is one of :data:`NO_CHANGE`; case and full stops
    aside."""
    return ' '.join(levir_tokens(caption)) in NO_CHANGE


def count_words(captions: Iterable[str],
                min_count: int = MIN_COUNT) -> dict[str, int]:
    """The vocabulary of the official preparation.

    Args:
        captions (Iterable[str]): Of all splits.
        min_count (int): Words must occur more often. Defaults to 5.

    Returns:
        dict[str, int]: Word to index; the four of :data:`SPECIAL` first,
        then the words in order. 468 entries for LEVIR-CC.
    """
    counts = Counter(word for caption in captions
                     for word in levir_tokens(caption))
    kept = sorted(word for word, count in counts.items() if count > min_count)
    return {word: index for index, word in enumerate((*SPECIAL, *kept))}


class WordIndex:
    """Captions as the numbers of their words, written in digits.

    The official scorer works on these, so that METEOR finds no stems and no
    synonyms, and words outside the vocabulary are all the same word.

    Args:
        index (Mapping[str, int]): Word to number; needs '<UNK>'.
    """

    def __init__(self, index: Mapping[str, int]) -> None:
        if '<UNK>' not in index:
            raise DataError('a vocabulary needs the word <UNK>')
        self.index = dict(index)

    def __contains__(self, word: str) -> bool:
        return word in self.index and word not in SPECIAL

    def digits(self, words: str) -> str:
        """Numbers of words that are joined by one space."""
        unknown = self.index['<UNK>']
        return ' '.join(str(self.index[word] if word in self else unknown)
                        for word in words.split())


def read_word_index(path: Union[str, Path]) -> WordIndex:
    """Read ``vocab.json`` of the authors, or count the words of
    ``LevirCCcaptions.json``.

    Raises:
        MissingDataError: If the file is absent.
        DataError: If it is neither.
    """
    path = Path(path)
    if not path.is_file():
        raise MissingDataError(f'no vocabulary at {path}')
    try:
        content = json.loads(path.read_text(encoding='utf-8'))
    except ValueError as error:
        raise DataError(f'{path}: not JSON ({error})') from None
    captions = _captions(content)
    if captions is not None:
        return WordIndex(count_words(captions))
    if not isinstance(content, dict) or '<UNK>' not in content or not all(
            isinstance(value, int) for value in content.values()):
        raise DataError(f'{path}: neither a vocabulary (word to number, with '
                        '<UNK>) nor a file of captions (`images`, each with '
                        '`sentences`)')
    return WordIndex(content)


def _captions(content: Any) -> Optional[Sequence[str]]:
    """All sentences of a caption file, None if it is none."""
    try:
        return [sentence['raw'] if isinstance(sentence, dict) else sentence
                for image in content['images']
                for sentence in image['sentences']]
    except (KeyError, TypeError):
        return None
