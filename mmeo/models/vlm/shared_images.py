# Copyright (c) mmeo contributors. All rights reserved.
"""Several questions about the same images: one pass over these (ours).

A benchmark often asks many questions about an image, and nearly all tokens of
a prompt are the image's. What stands before the question is the same for all
of them, so the vision tower and the language model read it once, and each
question continues from the keys and values it left.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Optional

import torch
from torch import Tensor, nn

from mmeo.models.vlm.packing import (
    PackedSequence,
    SharedPrefix,
    sample_positions,
)
from mmeo.structures import DialogueSample


@dataclass
class Prompt:
    """The inputs of one sample.

    Attributes:
        ids (Tensor): ``(L,)`` token ids.
        labels (Tensor): ``(L,)``.
        mask (Tensor): ``(L,)``, True at image positions.
        views (Tensor): ``(T, 3, H, W)``, normalised.
        layouts (list): Of its images.
        granularity (list[int]): Its one, or empty.
        head (int): Tokens up to and including the last image.
        name (Hashable): Equal names may share: images, granularity, and the
            text of the head.
    """

    ids: Tensor
    labels: Tensor
    mask: Tensor
    views: Tensor
    layouts: list
    granularity: list[int]
    head: int
    name: Hashable


def pack_shared(model: nn.Module, inputs: dict,
                samples: Sequence[DialogueSample]
                ) -> Optional[PackedSequence]:
    """Prompts behind what they share.

    Two prompts share when they show the same image files, to the same pixels,
    behind the same text, and go to the same expert. Answers are those of
    whole prompts, up to rounding.

    Args:
        model (InstructVLM): Embeds.
        inputs (dict): As ``VLMDataPreprocessor`` returns it.
        samples (Sequence[DialogueSample]): B of them.

    Returns:
        PackedSequence or None: What stands behind the images of each prompt,
        with ``prefix``; None where no two share, a prompt has no image, the
        layouts of images are unknown, or beams are searched.
    """
    if model.answers.generation.get('num_beams', 1) > 1 or any(
            options.get('num_beams', 1) > 1
            for options in model.answers.task_generation.values()):
        return None
    if len(samples) < 2 or 'image_layouts' not in inputs or not all(
            sample.get('img_paths') for sample in samples):
        return None
    prompts = split_prompts(inputs, samples)
    rows, heads = find_shared(prompts)
    if len(heads) == len(prompts):
        return None
    prefix = SharedPrefix(model.pack(join_heads(heads)), rows)
    tails = [prompt.ids[prompt.head:] for prompt in prompts]
    lengths = [len(tail) for tail in tails]
    offsets = torch.cat([torch.full_like(tail, prompt.head)
                         for tail, prompt in zip(tails, prompts)])
    return PackedSequence(
        model.llm.embed(torch.cat(tails)),
        sample_positions(lengths, offsets.device) + offsets,
        torch.cat([prompt.labels[prompt.head:] for prompt in prompts]),
        lengths, sum((prompt.granularity for prompt in prompts), []), prefix)


def split_prompts(inputs: dict,
                  samples: Sequence[DialogueSample]) -> list[Prompt]:
    """A batch as its samples."""
    lengths = inputs['lengths']
    views = [sum(layout.num_views for layout in sample.image_layouts)
             for sample in samples]
    levels = inputs.get('granularity')
    prompts = []
    for i, (ids, labels, mask, pixels) in enumerate(zip(
            inputs['input_ids'].split(lengths),
            inputs['labels'].split(lengths),
            inputs['image_mask'].split(lengths),
            inputs['pixel_values'].split(views))):
        head = int(mask.nonzero().max()) + 1 if mask.any() else 0
        granularity = [] if levels is None else [levels[i]]
        prompts.append(Prompt(
            ids, labels, mask, pixels, list(samples[i].image_layouts),
            granularity, head,
            (*samples[i].img_paths, *granularity, *ids[:head].tolist())))
    return prompts


def find_shared(prompts: Sequence[Prompt]
                ) -> tuple[list[int], list[Prompt]]:
    """Which prompts begin alike.

    Returns:
        tuple[list[int], list[Prompt]]: For each prompt the number of its
        head, and one prompt for each head.
    """
    known: dict[Any, list[int]] = {}
    rows, heads = [], []
    for prompt in prompts:
        same = [i for i in known.setdefault(prompt.name, [])
                if torch.equal(heads[i].views, prompt.views)]
        if not same:
            known[prompt.name].append(len(heads))
            same = [len(heads)]
            heads.append(prompt)
        rows.append(same[0])
    return rows, heads


def join_heads(prompts: Sequence[Prompt]) -> dict:
    """Inputs of :meth:`InstructVLM.pack` that end with the images."""
    heads = [replace(prompt, ids=prompt.ids[:prompt.head],
                     labels=prompt.labels[:prompt.head],
                     mask=prompt.mask[:prompt.head]) for prompt in prompts]
    inputs = dict(
        input_ids=torch.cat([head.ids for head in heads]),
        labels=torch.cat([head.labels for head in heads]),
        image_mask=torch.cat([head.mask for head in heads]),
        pixel_values=torch.cat([head.views for head in heads]),
        lengths=[head.head for head in heads],
        image_layouts=sum((head.layouts for head in heads), []))
    if heads[0].granularity:
        inputs['granularity'] = [head.granularity[0] for head in heads]
    return inputs
