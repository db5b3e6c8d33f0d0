# Copyright (c) mmeo contributors. All rights reserved.
"""Change detection: one encoder for both dates, fusion, one decoder."""

from collections.abc import Callable, Sequence
from typing import Any, Optional

import torch
from mmseg.models import EncoderDecoder
from torch import Tensor

from mmeo.errors import ConfigError, DataError
from mmeo.registry import MODELS

#: Fusion of the features of date A and date B at one level, each
#: ``(B, C, H, W)``. 'concat' (ViTP, section 5) doubles the channels.
FUSIONS: dict[str, Callable[[Tensor, Tensor], Tensor]] = dict(
    concat=lambda a, b: torch.cat((a, b), dim=1),
    abs_diff=lambda a, b: (b - a).abs(),
    diff=lambda a, b: b - a,
    sum=lambda a, b: a + b,
)


@MODELS.register_module()
class SiameseEncoderDecoder(EncoderDecoder):
    """Segment the change between two dates.

    Both dates pass the backbone (and the neck) in one forward pass of twice
    the batch size; their maps are fused level by level and go to an ordinary
    decode head. Losses, whole and slide inference are those of mmseg's
    ``EncoderDecoder``.

    Args:
        backbone (dict): Backbone of one date.
        decode_head (dict): Any mmseg decode head. With ``fusion='concat'``
            its ``in_channels`` are twice those of the backbone or neck.
        fusion (str): 'concat', 'abs_diff', 'diff' (B - A) or 'sum'.
            Defaults to 'concat'.
        freeze_backbone (bool): Train neck and head only: the backbone stays
            in evaluation mode and gets no gradient. Defaults to False.
        **kwargs: As for ``EncoderDecoder``: ``neck``, ``auxiliary_head``,
            ``data_preprocessor``, ``train_cfg``, ``test_cfg``, ``init_cfg``.

    Raises:
        ConfigError: If ``fusion`` is unknown.
    """

    def __init__(self,
                 backbone: dict,
                 decode_head: dict,
                 fusion: str = 'concat',
                 freeze_backbone: bool = False,
                 **kwargs: Any) -> None:
        if fusion not in FUSIONS:
            raise ConfigError(f'SiameseEncoderDecoder: `fusion` is one of '
                              f'{sorted(FUSIONS)}, got {fusion!r}')
        super().__init__(backbone=backbone, decode_head=decode_head, **kwargs)
        self.fusion = fusion
        self.freeze_backbone = freeze_backbone
        if freeze_backbone:
            self.backbone.requires_grad_(False)
            self.backbone.eval()

    def train(self, mode: bool = True) -> 'SiameseEncoderDecoder':
        """Set the mode of all parts but a frozen backbone."""
        super().train(mode)
        if self.freeze_backbone:
            self.backbone.eval()
        return self

    def fuse(self, first: Tensor, second: Tensor) -> Tensor:
        """Fuse one level of both dates, each ``(B, C, H, W)``."""
        return FUSIONS[self.fusion](first, second)

    def extract_feat(self, inputs: Tensor) -> list[Tensor]:
        """Features of a pair.

        Args:
            inputs (Tensor): ``(B, 2 * C, H, W)``, date A in the first half of
                the channels, or ``(B, 2, C, H, W)``.

        Returns:
            list[Tensor]: Fused maps, ``(B, C', H', W')`` per level.
        """
        first, second = _stack(inputs).chunk(2, dim=1)  # (B, C, H, W) each
        dates = torch.cat((first, second))  # (2 * B, C, H, W)
        with torch.set_grad_enabled(torch.is_grad_enabled()
                                    and not self.freeze_backbone):
            maps: Sequence[Tensor] = self.backbone(dates)
        if self.with_neck:
            maps = self.neck(maps)
        return [self.fuse(*level.chunk(2)) for level in maps]

    def predict(self, inputs: Tensor,
                data_samples: Optional[list] = None) -> list:
        """As mmseg; also takes ``(B, 2, C, H, W)``."""
        return super().predict(_stack(inputs), data_samples)


def _stack(inputs: Tensor) -> Tensor:
    """Bring a batch of pairs to ``(B, 2 * C, H, W)``.

    Raises:
        DataError: If the channels cannot be halved.
    """
    if inputs.dim() == 5:
        inputs = inputs.flatten(1, 2)
    if inputs.dim() != 4 or inputs.shape[1] % 2:
        raise DataError(
            'a change pair has the shape (B, 2 * C, H, W) or (B, 2, C, H, '
            f'W), got {tuple(inputs.shape)}. Load it with `LoadChangePair`.')
    return inputs
