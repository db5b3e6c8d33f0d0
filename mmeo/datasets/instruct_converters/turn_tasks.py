# Copyright (c) mmeo contributors. All rights reserved.
"""Which task a question of a ready-made dialogue is."""

import re

from mmeo.codecs import TASKS

# Tags of GeoChat, VRSBench and FIT-RS, and what they ask for.
_TAGS = {
    'refer': 'VG',
    'grounding': 'VG',
    'detection': 'VG',
    'identify': 'REF',
    'vqa': 'VQA',
    'caption': 'CAP',
}
_TAG = re.compile(r'\s*\[([a-z_ ]+)\]\s*')
# Demands that GeoChat, LLaVA and VRSBench add to questions.
_SHORT = re.compile(
    r'answer (?:the question )?(?:with|using|in) (?:a |one )(?:single )?'
    r'(?:word|short phrase|phrase)', re.IGNORECASE)
_CLASSIFY = re.compile(
    r'classify (?:the|this)(?: given)? image|choose the best cat\w+|'
    r'which category (?:does|fits|describes)', re.IGNORECASE)

CHOICES = ('auto', 'none', *TASKS)


def split_tag(question: str) -> tuple[str, str]:
    """A known tag in front of a question, and the rest.

    Args:
        question (str): Without placeholders, e.g. ``[refer] the ship``.

    Returns:
        tuple[str, str]: The tag ('' without one) and the question.
    """
    match = _TAG.match(question)
    if match and match[1].strip() in _TAGS:
        return match[1].strip(), question[match.end():]
    return '', question


def turn_task(tag: str, question: str, asks_box: bool,
              answers_box: bool) -> str:
    """The task of a turn; the paper does not say how turns were tagged.

    The tag decides where there is one. Otherwise boxes do: in the answer
    they are grounding, in the question alone a region to be described. A
    demand for one word makes a question of VQA, one for a class a
    classification; what is left is free dialogue (our choices).

    Args:
        tag (str): Of :func:`split_tag`.
        question (str): The question.
        asks_box (bool): The question holds a box.
        answers_box (bool): The answer holds a box.

    Returns:
        str: Key of :data:`mmeo.codecs.TASKS`, or ''.
    """
    if tag:
        return _TAGS[tag]
    if answers_box:
        return 'VG'
    if asks_box:
        return 'REF'
    if _CLASSIFY.search(question):
        return 'CLS'
    return 'VQA' if _SHORT.search(question) else ''
