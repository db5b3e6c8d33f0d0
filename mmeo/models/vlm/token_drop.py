# Copyright (c) mmeo contributors. All rights reserved.
"""Visual token drop: the Visual Robustness Learning (VRL) of ViTP."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Optional

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
        drop_ratios: Sequence[float],
        generators: Optional[Sequence[torch.Generator]] = None) -> Tensor:
    """Draw which tokens of a packed batch stay.

    Every text token stays. Of the image tokens of each sample (all of its
    images and tiles together) a uniformly drawn subset of exactly
    :func:`kept_tokens` stays, independently of the other samples.

    Args:
        image_mask (Tensor): ``(N,)`` bool, True at image tokens.
        lengths (list[int]): Tokens of each sample; they add up to N.
        drop_ratios (Sequence[float]): Share of image tokens to drop of each
            sample, from 0 to 1.
        generators (Sequence[torch.Generator], optional): Source of
            randomness of each sample, on any device; torch's own by default.

    Returns:
        Tensor: ``(N,)`` bool, True where the token stays.
    """
    keep = torch.ones_like(image_mask)
    sources = generators or [None] * len(lengths)
    start = 0
    for length, ratio, source in zip(lengths, drop_ratios, sources):
        image = image_mask[start:start + length].nonzero().squeeze(1)
        device = image.device if source is None else source.device
        order = torch.randperm(
            len(image), generator=source, device=device).to(image.device)
        keep[start + image[order[kept_tokens(len(image), ratio):]]] = False
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
    once in each forward pass, which is one sample there (its drop fails with
    two), and drops in a quarter of them only: ``apply_prob=0.25``. Here every
    sample has a draw of its own, whatever the size of a micro-batch; the
    released code seeds all of its processes alike, so that their samples
    probably lost tokens together.

    Args:
        drop_ratio (float): Share of the image tokens of a sample that is
            dropped, 0 <= r < 1. Defaults to 0.75.
        apply_prob (float): Probability that a sample loses any token.
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
        sources = seeds and [torch.Generator().manual_seed(seed)
                             for seed in seeds]
        ratios = [self._draw_ratio(source)
                  for source in sources or [None] * len(lengths)]
        return draw_keep_mask(image_mask, lengths, ratios, sources)

    def _draw_ratio(self, source: Optional[torch.Generator]) -> float:
        applies = self.apply_prob == 1 or torch.rand(
            (), generator=source).item() < self.apply_prob
        return self.drop_ratio if applies else 0

    def extra_repr(self) -> str:
        return f'drop_ratio={self.drop_ratio}, apply_prob={self.apply_prob}'
