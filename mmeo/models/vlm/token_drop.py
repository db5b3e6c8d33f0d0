# Copyright (c) mmeo contributors. All rights reserved.
"""Visual token drop: the Visual Robustness Learning (VRL) of ViTP."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Optional, Union

import torch
from torch import Tensor, nn

from mmeo.errors import ConfigError
from mmeo.registry import MODELS


def kept_tokens(num_tokens: int, drop_ratio: float) -> int:
    """Number of image tokens that survive: ``ceil((1 - r) * n)``.

    The ratio is taken as the decimal number it was written as: in binary
    floating point 0.7 * 10 and 0.29 * 100 land on the wrong side of an
    integer.

    Args:
        num_tokens (int): Image tokens of one sample, n.
        drop_ratio (float): r, from 0 to 1.

    Returns:
        int: From 0 to n (ViTP, section 3.2, equation 4).
    """
    kept = (1 - Fraction(str(drop_ratio))) * num_tokens
    return -(-kept.numerator // kept.denominator)


def draw_keep_mask(
    image_mask: Tensor,
    lengths: list[int],
    drop_ratio: float,
    generator: Union[torch.Generator, Sequence[Optional[torch.Generator]],
                     None] = None
) -> Tensor:
    """Draw which tokens of a packed batch stay.

    Every text token stays. Of the image tokens of each sample (all of its
    images and tiles together) a uniformly drawn subset of exactly
    :func:`kept_tokens` stays, independently of the other samples.

    Args:
        image_mask (Tensor): ``(N,)`` bool, True at image tokens.
        lengths (list[int]): Tokens of each sample; they add up to N.
        drop_ratio (float): Share of image tokens to drop, from 0 to 1.
        generator (torch.Generator or Sequence, optional): Source of
            randomness on the device of ``image_mask``, or one on any device
            for each sample, where None leaves that sample whole; torch's own
            by default.

    Returns:
        Tensor: ``(N,)`` bool, True where the token stays.
    """
    keep = torch.ones_like(image_mask)
    single = generator is None or isinstance(generator, torch.Generator)
    generators = [generator] * len(lengths) if single else generator
    start = 0
    for length, source in zip(lengths, generators):
        if single or source is not None:
            image = image_mask[start:start + length].nonzero().squeeze(1)
            device = image.device if source is None else source.device
            order = torch.randperm(
                len(image), generator=source, device=device).to(image.device)
            dropped = order[kept_tokens(len(image), drop_ratio):]
            keep[start + image[dropped]] = False
        start += length
    return keep


@MODELS.register_module()
class VisualTokenDrop(nn.Module):
    """Drops image tokens between projector and language model.

    The language model has to answer from a part of the image tokens, so each
    of them must carry what its surroundings show. The vision tower still sees
    the whole image. Only in training; order and original position ids of the
    survivors are the caller's to keep (:meth:`PackedSequence.keep` does).

    ViTP, section 3.2. The paper drops in every step. The released code draws
    once per micro-batch, which is one sample, and drops in a quarter of them
    only: ``apply_prob=0.25``.

    Args:
        drop_ratio (float): Share of the image tokens of a sample that is
            dropped, 0 <= r < 1. Defaults to 0.75.
        apply_prob (float): Probability that anything is dropped at all: of
            each sample where the samples have seeds, else of the whole batch.
            Defaults to 1.0.
    """

    def __init__(self,
                 drop_ratio: float = 0.75,
                 apply_prob: float = 1.0) -> None:
        super().__init__()
        if not 0 <= drop_ratio < 1:
            raise ConfigError(f'drop_ratio={drop_ratio}: give 0 <= r < 1')
        if not 0 <= apply_prob <= 1:
            raise ConfigError(f'apply_prob={apply_prob}: give a probability')
        self.drop_ratio = drop_ratio
        self.apply_prob = apply_prob

    def forward(self,
                image_mask: Tensor,
                lengths: list[int],
                seeds: Optional[Sequence[int]] = None) -> Tensor:
        """Draw the mask of a batch.

        Args:
            image_mask (Tensor): ``(N,)`` bool, True at image tokens.
            lengths (list[int]): Tokens of each sample.
            seeds (Sequence[int], optional): One for each sample: its draw
                then depends on this number alone, neither on the other
                samples nor on the device. torch's generator by default.

        Returns:
            Tensor: ``(N,)`` bool, True where the token stays.
        """
        if not self.training or self.drop_ratio == 0:
            return torch.ones_like(image_mask)
        if seeds is not None:
            sources = [torch.Generator().manual_seed(seed) for seed in seeds]
            return draw_keep_mask(
                image_mask, lengths, self.drop_ratio,
                [source if self._applies(source) else None
                 for source in sources])
        if not self._applies():
            return torch.ones_like(image_mask)
        return draw_keep_mask(image_mask, lengths, self.drop_ratio)

    def _applies(self, source: Optional[torch.Generator] = None) -> bool:
        return self.apply_prob == 1 or torch.rand(
            (), generator=source).item() < self.apply_prob

    def extra_repr(self) -> str:
        return f'drop_ratio={self.drop_ratio}, apply_prob={self.apply_prob}'
