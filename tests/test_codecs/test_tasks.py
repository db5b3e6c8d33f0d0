# Copyright (c) mmeo contributors. All rights reserved.
import pytest

from mmeo.codecs import granularity_of, route_dialogue, task_of, task_token
from mmeo.errors import DataError


@pytest.mark.parametrize('prompt, task, level', [
    ('<image>\n[VQA] How many ships?', 'VQA', 0),
    ('<image><image>\n[CCD] What has changed?', 'CCD', 0),
    ('<image> <image>\n[SEG] Please segment the road area.', 'SEG', 2),
    ('[VG] Where is the windmill?', 'VG', 1),
    ('[REF] what is [1, 20, 9, 30]?', 'REF', 1),
    ('Describe the image.', '', 0),
    # The authors' rule: a token counts wherever it stands, the finest first.
    ('Now [CAP] this, then [SEG] water', 'SEG', 2),
    ('[REF] where [VG] is', 'REF', 1),
    ('what is [1, 20, 9, 30]?', '', 0),
    ('a list [a] of [b]', '', 0),
])
def test_the_prompt_decides(prompt: str, task: str, level: int) -> None:
    assert task_of(prompt) == task
    assert granularity_of(prompt) == level


def test_unknown_tokens_are_refused_at_the_opening_only() -> None:
    with pytest.raises(DataError, match=r'unknown task token \[SGE\]'):
        task_of('<image>\n[SGE] water')
    assert task_of('<image>\n[SGE] water', strict=False) == ''
    assert task_of('see the sign [STOP] there') == ''
    with pytest.raises(DataError, match="task 'SGE' is unknown"):
        task_token('SGE')
    assert task_token('SEG') == '[SEG]'


def turns(*questions: str) -> list[dict]:
    return [turn for q in questions for turn in (
        {'from': 'human', 'value': q}, {'from': 'gpt', 'value': 'x'})]


def test_the_last_question_routes_a_dialogue() -> None:
    talk = turns('[CCD] What has changed?', '[SEG] Segment it.')
    assert route_dialogue(talk) == ('SEG', 2)
    with pytest.raises(DataError, match=r"\['image', 'pixel'\]"):
        route_dialogue(talk, same=True)
    assert route_dialogue(turns('[VG] a', '[REF] b'), same=True) == ('REF', 1)
    with pytest.raises(DataError, match='no turn of the user'):
        route_dialogue([{'from': 'gpt', 'value': 'x'}])
