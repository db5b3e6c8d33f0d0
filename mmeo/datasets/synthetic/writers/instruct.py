# Copyright (c) mmeo contributors. All rights reserved.
"""Conversations as LLaVA and InternVL read them."""

import json
from random import Random

import numpy as np

from mmeo.datasets.synthetic import text
from mmeo.datasets.synthetic.annotations import Instance

CAPTION_PROMPTS = ('Describe the image in detail.',
                   'Write a caption for this aerial image.',
                   'What can be seen in this remote sensing image?')


def record(name: str, image: str | list[str], size: int,
           turns: list[tuple[str, str]]) -> dict:
    """One conversation; the image comes before its first question."""
    if isinstance(image, str):
        head, extra = '<image>\n', {}
    else:
        head = ''.join(f'Image-{i}: <image>\n'
                       for i in range(1, len(image) + 1))
        extra = dict(width_list=[size] * len(image),
                     height_list=[size] * len(image))
    conversations = []
    for number, (question, answer) in enumerate(turns):
        value = question if number else head + question
        conversations += [{'from': 'human', 'value': value},
                          {'from': 'gpt', 'value': answer}]
    return dict(id=name, image=image, width=size, height=size, **extra,
                conversations=conversations)


def conversations(rng: Random, stem: str, theme: str, size: int,
                  instances: list[Instance], later: list[Instance],
                  leaves: np.ndarray, legend: np.ndarray) -> list[dict]:
    """All conversations of a scene.

    Args:
        rng (Random): Random source.
        stem (str): Name of the scene's files.
        theme (str): Theme of the scene.
        size (int): Image side in pixels.
        instances (list[Instance]): Objects of the first date.
        later (list[Instance]): Objects of the second date.
        leaves (ndarray): Leaf ids of the first date.
        legend (ndarray): The same in the LoveDA legend.

    Returns:
        list[dict]: Ten to fourteen records.
    """
    image = f'dota/images/{stem}.png'
    asked = text.questions(rng, instances, leaves, legend)
    grounded = text.grounding(rng, instances, size)
    # The label map in words, a caption, a dialogue of several turns, then
    # single questions.
    lines = [('grid', image, [text.cover_grid(legend)]),
             ('caption', image, [(rng.choice(CAPTION_PROMPTS), text.caption(
                 rng, theme, instances, legend))]),
             ('dialogue', image, asked[:3])]
    lines += [(f'qa{i}', image, [pair])
              for i, pair in enumerate(asked[3:], start=1)]
    lines += [(f'ground{i}', image, [pair])
              for i, pair in enumerate(grounded, start=1)]
    before = {i.thing for i in instances if i.name == 'building'}
    after = {i.thing for i in later if i.name == 'building'}
    added = [i for i in later if i.thing in after - before]
    removed = [i for i in instances if i.thing in before - after]
    pair = [f'change/A/{stem}.png', f'change/B/{stem}.png']
    lines.append(('change', pair, [(
        'Which buildings have changed between the two images?',
        text.change_caption(added, removed, size))]))
    return [record(f'{stem}_{kind}', paths, size, turns)
            for kind, paths, turns in lines]


def jsonl(records: list[dict]) -> str:
    """One JSON object a line."""
    return ''.join(json.dumps(r, ensure_ascii=False) + '\n' for r in records)


def meta(length: int) -> dict:
    """InternVL's list of data sets; paths start at the meta file."""
    return dict(synthearth=dict(
        root='..', annotation='instruct.jsonl', data_augment=False,
        repeat_time=1, length=length))
