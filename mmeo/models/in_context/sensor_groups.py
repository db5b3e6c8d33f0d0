# Copyright (c) mmeo contributors. All rights reserved.
"""Images of a batch that are grouped by sensor."""

from collections.abc import Mapping, Sequence

from torch import Tensor

from mmeo.errors import DataError
from mmeo.structures import EpisodeBatch, ImageGroup

Groups = Mapping[str, ImageGroup]


def check_sensors(groups: Groups, modalities: Sequence[str]) -> None:
    """Raise a DataError if a model does not know a sensor."""
    unknown = sorted(set(groups) - set(modalities))
    if unknown:
        raise DataError(
            f'images of the sensors {unknown} came to a model of '
            f'{list(modalities)}: correct `modality` of the data, or '
            '`modalities` of the model.')


def sensor_numbers(groups: Groups, modalities: Sequence[str],
                   count: int) -> Tensor:
    """Number of the sensor of each image, ``(count, )`` int64."""
    check_sensors(groups, modalities)
    numbers = next(iter(groups.values())).index.new_zeros(count)
    for name, group in groups.items():
        numbers[group.index] = modalities.index(name)
    return numbers


def gather_maps(groups: Groups, maps: Sequence[Tensor],
                count: int) -> Tensor:
    """Maps of each group ``(n, C, h, w)`` in the places of their images.

    Returns:
        Tensor: ``(count, C, h, w)``, 0 where there is no image.
    """
    out = maps[0].new_zeros(count, *maps[0].shape[1:])
    for group, part in zip(groups.values(), maps):
        out = out.index_copy(0, group.index, part.to(out.dtype))
    return out


def first_prompt(batch: EpisodeBatch) -> EpisodeBatch:
    """The prompts of the first sample, without targets."""
    prompts = {}
    for name, group in batch.prompts.items():
        mine = group.index < batch.num_shots
        if mine.any():
            prompts[name] = ImageGroup(group.images[mine], group.index[mine])
    masks = None if batch.masks is None else batch.masks[:1]
    return EpisodeBatch({}, batch.class_names[:1], batch.class_valid[:1],
                        prompts, masks)
