# Copyright (c) mmeo contributors. All rights reserved.
"""The images of a batch under other prompts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Optional

import torch
from torch import Tensor

from mmeo.codecs import IMAGE_PLACEHOLDER, RenderedDialogue
from mmeo.errors import DataError
from mmeo.structures import DialogueSample, ImageLayout


@dataclass
class PromptImages:
    """What one sample of a packed batch brings along.

    Attributes:
        views (Tensor): ``(T, 3, H, W)`` of all its images, normalised.
        tokens (list[int]): Embeddings of each image.
        input_ids (Tensor): ``(L, )`` of its own prompt.
        image_mask (Tensor): ``(L, )`` bool.
        layouts (list[ImageLayout] or None): Of each image.
    """

    views: Tensor
    tokens: list[int]
    input_ids: Tensor
    image_mask: Tensor
    layouts: Optional[list[ImageLayout]] = None


def split_batch(inputs: Mapping[str, Any],
                samples: Sequence[DialogueSample]) -> list[PromptImages]:
    """Take a packed batch apart.

    Args:
        inputs (Mapping): As ``VLMDataPreprocessor`` returns it.
        samples (Sequence[DialogueSample]): One per sample.

    Returns:
        list[PromptImages]: One per sample.

    Raises:
        DataError: If the tokens of an image cannot be told.
    """
    ids = inputs['input_ids'].split(inputs['lengths'])
    masks = inputs['image_mask'].split(inputs['lengths'])
    tokens = [int(mask.sum()) for mask in masks]
    layouts = [sample.get('image_layouts') for sample in samples]
    views, total = inputs['pixel_values'], sum(tokens)
    counts = [count * len(views) // total if layout is None else
              sum(image.num_views for image in layout)
              for count, layout in zip(tokens, layouts)] if total else [
                  0 for _ in samples]
    if sum(counts) != len(views):
        raise DataError(f'{len(views)} views are shared by samples of '
                        f'{tokens} image tokens: all views must have as many '
                        'tokens, or samples `image_layouts`')
    return [
        PromptImages(part, _tokens(sample, count), row, mask, layout)
        for part, sample, count, row, mask, layout in zip(
            views.split(counts), samples, tokens, ids, masks, layouts)
    ]


def _tokens(sample: DialogueSample, total: int) -> list[int]:
    """Tokens of each image of a sample."""
    if sample.get('image_layouts') is not None:
        return [layout.num_tokens for layout in sample.image_layouts]
    count = sample.question.count(IMAGE_PLACEHOLDER)
    if total % max(count, 1):
        raise DataError(f'{sample.get("source")}: {total} image tokens for '
                        f'{count} images in the question')
    return [total // count] * count if count else []


def join_batch(parts: Sequence[PromptImages],
               prompts: Sequence[Optional[RenderedDialogue]],
               granularity: Sequence[int]) -> dict[str, Any]:
    """A packed batch of the same images with new prompts.

    Args:
        parts (Sequence[PromptImages]): The images.
        prompts (Sequence[RenderedDialogue or None]): A new prompt for each;
            None keeps the sample's own.
        granularity (Sequence[int]): 0, 1 or 2 of each.

    Returns:
        dict: As ``VLMDataPreprocessor`` returns it.
    """
    device = parts[0].input_ids.device
    ids, masks = [], []
    for part, prompt in zip(parts, prompts):
        if prompt is None:
            ids.append(part.input_ids)
            masks.append(part.image_mask)
        else:
            ids.append(torch.tensor(prompt.input_ids, device=device))
            masks.append(torch.tensor(prompt.image_mask, device=device))
    input_ids = torch.cat(ids)
    joined = dict(
        pixel_values=torch.cat([part.views for part in parts]),
        input_ids=input_ids,
        labels=torch.full_like(input_ids, -100),
        image_mask=torch.cat(masks),
        lengths=[len(row) for row in ids],
        granularity=list(granularity))
    if all(part.layouts is not None for part in parts):
        joined['image_layouts'] = [layout for part in parts
                                   for layout in part.layouts]
    return joined
