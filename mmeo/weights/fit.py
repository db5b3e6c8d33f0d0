# Copyright (c) mmeo contributors. All rights reserved.
"""Make the tensors of a stored ViT fit a model of another size."""

from collections.abc import Mapping, Sequence
from typing import Union

import torch
from torch import Tensor

from mmeo.errors import CheckpointError

from .resize import fit_position_table, resize_patch_kernel

BandInit = Union[str, Sequence[int], None]


def fit_bands(weight: Tensor,
              bands: int,
              band_init: BandInit,
              rescale: bool = True) -> Tensor:
    """Spread a patch kernel over another number of bands.

    By default the result is scaled by ``stored bands / bands``, which keeps
    the size of the embedding when all bands show the same image.

    Args:
        weight (Tensor): ``(C, stored bands, p, p)``.
        bands (int): Bands of the model.
        band_init (str or Sequence[int], optional): ``'mean'`` gives each band
            the mean kernel. A sequence names for each band the stored band
            that it starts from, -1 for the mean: ``(2, 1, 0, -1)`` for
            blue, green, red, near infrared. None refuses.
        rescale (bool): Scale the result. Defaults to True.

    Returns:
        Tensor: ``(C, bands, p, p)``.

    Raises:
        CheckpointError: If ``band_init`` is None or does not fit.
    """
    stored = weight.shape[1]
    if stored == bands:
        return weight
    if band_init is None:
        raise CheckpointError(
            f'the stored patch kernel sees {stored} bands and the model '
            f"{bands}: set band_init='mean', or name a stored band for each "
            'band, e.g. band_init=(2, 1, 0, -1).')
    picks = [-1] * bands if band_init == 'mean' else list(band_init)
    if len(picks) != bands or any(
            not isinstance(p, int) or not -1 <= p < stored for p in picks):
        raise CheckpointError(
            f"band_init={band_init!r} is neither 'mean' nor {bands} numbers "
            f'from -1 to {stored - 1}.')
    mean = weight.mean(dim=1)
    kernels = [mean if p == -1 else weight[:, p] for p in picks]
    spread = torch.stack(kernels, dim=1)
    return spread * (stored / bands) if rescale else spread


def fit_vit(state: Mapping[str, Tensor],
            shapes: Mapping[str, Sequence[int]],
            source: str,
            prefix: str = '',
            kernel_resize: str = 'bicubic',
            band_init: BandInit = None) -> dict[str, Tensor]:
    """Resize position table and patch kernel, then check every shape.

    Args:
        state (Mapping[str, Tensor]): Tensors under the model's key names.
        shapes (Mapping[str, Sequence[int]]): Shapes of the model by key,
            without ``prefix``.
        source (str): File name for messages.
        prefix (str): In front of the keys of ``state``. Defaults to ``''``.
        kernel_resize (str): See :func:`resize_patch_kernel`. Defaults to
            ``'bicubic'``.
        band_init (str or Sequence[int], optional): See :func:`fit_bands`.

    Returns:
        dict[str, Tensor]: The tensors whose keys the model has.

    Raises:
        CheckpointError: If a shape cannot be made to fit.
    """
    out = {}
    for name, shape in shapes.items():
        key = prefix + name
        if key not in state:
            continue
        value, shape = state[key], tuple(shape)
        try:
            if name == 'pos_embed' and value.ndim == 3:
                value = fit_position_table(value, shape[1])
            elif name == 'patch_embed.weight' and value.ndim == 4:
                value = fit_bands(value, shape[1], band_init)
                value = resize_patch_kernel(value, shape[-1], kernel_resize)
        except CheckpointError as error:
            raise CheckpointError(
                f'{source}: {key} {tuple(state[key].shape)} does not fit '
                f'{shape}: {error}') from error
        if tuple(value.shape) != shape:
            raise CheckpointError(
                f'{source}: {key} has shape {tuple(state[key].shape)}, the '
                f'model needs {shape}: set `arch` (embed_dims, depth, '
                'num_heads, mlp_ratio) to that of the checkpoint, or choose '
                'the checkpoint of this model.')
        out[key] = value
    return out
