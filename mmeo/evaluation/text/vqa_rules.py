# Copyright (c) mmeo contributors. All rights reserved.
"""When an answer to a question counts as right: five rules in use.

A rule takes the answer and the annotated one and returns True, False, or None
where the benchmark leaves the decision to a language model, which is not
asked here.
"""

import re
import unicodedata
from collections.abc import Callable, Collection
from functools import cache
from typing import Any, Optional

_TOKEN = re.compile(r'\d+(?:\.\d+)?[^\W_]*|[^\W_]+')
_THOUSANDS = re.compile(r'(?<=\d),(?=\d{3}(?!\d))')
_ARTICLES = ('a', 'an', 'the')
_NUMBERS = {word: str(value) for value, word in enumerate(
    ('zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight',
     'nine', 'ten'))} | {'none': '0'}
YES_NO = ('yes', 'no')
# What VRSBench's script compares as a whole.
_STRICT = {*YES_NO, *map(str, range(100))}

Rule = Callable[[str, str], Optional[bool]]


def normalize(text: str) -> str:
    """Words and numbers alone, in lower case.

    Articles and punctuation go, thousands lose their comma, number words up
    to ten become digits. Our choice, near the normalisation of VQA v2.

    Args:
        text (str): Anything.

    Returns:
        str: Words separated by one space; '' if there is none.
    """
    text = _THOUSANDS.sub('', unicodedata.normalize('NFKC', text).lower())
    words = _TOKEN.findall(text)
    words = [word for word in words if word not in _ARTICLES] or words
    return ' '.join(_NUMBERS.get(word, word) for word in words)


def is_parsed(answer: str, reference: str,
              closed: Collection[str] = ()) -> bool:
    """Whether an answer is of the kind that was asked for.

    Args:
        answer (str): Of the model.
        reference (str): Annotated. 'yes' and 'no' ask for either, a number
            for a number.
        closed (Collection[str]): All possible answers to questions of this
            type; () if they are not listed.
    """
    said, truth = normalize(answer), normalize(reference)
    if truth in YES_NO:
        return said.split(' ')[0] in YES_NO
    if truth in closed:
        return said in closed
    if truth[:1].isdigit():
        return any(char.isdigit() for char in said)
    return bool(said)


def match_normalized(answer: str, reference: str) -> bool:
    """Equal after :func:`normalize`; for yes and no the first word counts."""
    said, truth = normalize(answer), normalize(reference)
    if truth in YES_NO:
        return said.split(' ')[0] == truth
    return said == truth


def match_geochat(answer: str, reference: str) -> bool:
    """Equal in lower case without spaces and full stops, as for GeoChat."""
    def bare(text: str) -> str:
        return ''.join(text.lower().replace('.', '').split())
    return bare(answer) == bare(reference)


@cache
def _vqa() -> Any:
    from mmpretrain.evaluation.metrics.vqa import VQAAcc
    return VQAAcc()


def normalize_vqa(text: str) -> str:
    """The normalisation of VQA v2 (mmpretrain's)."""
    return _vqa()._process_answer(text)


def match_vqa(answer: str, reference: str) -> bool:
    """Equal after the normalisation of VQA v2, one annotated answer."""
    return normalize_vqa(answer) == normalize_vqa(reference)


def match_lhrs(answer: str, reference: str) -> bool:
    """LHRS-Bot's rule: the normalised answer is part of the annotated one.

    An empty answer is part of every string and is right.
    """
    text = answer.lower().replace(',', '').replace('?', '')
    return normalize_vqa(text.replace("'s", " 's").strip()) in reference


def match_vrsbench(answer: str, reference: str) -> Optional[bool]:
    """VRSBench: yes, no and numbers must be equal, else contained or None."""
    said, truth = answer.lower().strip(), reference.lower().strip()
    if truth in _STRICT:
        return said.rstrip('.') == truth
    return True if truth in said else None


def match_vrsbench_script(answer: str, reference: str) -> Optional[bool]:
    """The order of VRSBench's script: containment is asked first.

    So '10' answers a question for 1, and 'none' one for no.
    """
    said, truth = answer.lower(), reference.lower()
    if truth in said:
        return True
    return False if truth in _STRICT else None


RULES: dict[str, Rule] = {
    'normalized': match_normalized,
    'geochat': match_geochat,
    'vqa_v2': match_vqa,
    'lhrs': match_lhrs,
    'vrsbench': match_vrsbench,
    'vrsbench_script': match_vrsbench_script,
}
