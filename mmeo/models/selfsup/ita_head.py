# Copyright (c) mmeo contributors. All rights reserved.
"""Dense alignment of pixels with the names of what is there."""

from collections.abc import Sequence
from typing import Optional, Union

import torch
import torch.nn.functional as F
from mmengine.dist import all_reduce
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmeo.errors import ConfigError, DataError
from mmeo.registry import MODELS
from mmeo.structures.modality import NO_LABEL

from ..layers import no_autocast
from ..losses import mean_over_ranks
from .text_embeddings import load_table, read_class_names

MAX_SCALE = 100.0


@MODELS.register_module()
class ITAHead(BaseModule):
    """``-log softmax_k(F_i . text_k / tau)`` of each labelled pixel's class.

    Source: SkySense V2, image-text alignment with OpenStreetMap labels.
    Bounds of tau, class weights, and the grid on which labels and features
    meet are our choice.

    Args:
        in_channels (int): Channels C of the maps.
        class_names (str or Sequence[str]): K names by label, see
            :func:`read_class_names`. Defaults to 'osm'.
        text_dims (int): D. Defaults to 768, of CLIP ViT-L/14.
        text_embeddings (str, optional): File of
            ``tools/dataset_converters/embed_class_names.py``, read by
            ``init_weights``. Defaults to None: the table is in the
            checkpoint that will be loaded.
        temperature (float): First tau; learned, and never below 0.01.
            Defaults to 0.07.
        upsample (int): The grid is this much finer than the map: stride 8 for
            the stride 32 of the last stage. Finer labels are read at the
            centres of its cells. Defaults to 4.
        class_weights (str, optional): ``'sqrt_freq'``: a pixel weighs one
            over the root of its class's share of the batch. None: all weigh
            the same. Defaults to 'sqrt_freq'.
        kinds (Sequence[str]): Crops whose labels count. Defaults to all.
        init_cfg (dict, optional): Of mmengine.
    """

    def __init__(self,
                 in_channels: int,
                 class_names: Union[str, Sequence[str]] = 'osm',
                 text_dims: int = 768,
                 text_embeddings: Optional[str] = None,
                 temperature: float = 0.07,
                 upsample: int = 4,
                 class_weights: Optional[str] = 'sqrt_freq',
                 kinds: Sequence[str] = ('global', 'local'),
                 init_cfg: Optional[dict] = None) -> None:
        super().__init__(init_cfg)
        if class_weights not in ('sqrt_freq', None):
            raise ConfigError(f"class_weights={class_weights!r} must be "
                              "'sqrt_freq' or None.")
        self.class_names = read_class_names(class_names)
        self.text_embeddings = text_embeddings
        self.upsample = upsample
        self.class_weights = class_weights
        self.kinds = tuple(kinds)
        self.project = nn.Linear(in_channels, text_dims)
        # One number, but no scalar: FSDP takes none.
        self.log_scale = nn.Parameter(torch.tensor([1 / temperature]).log())
        self.register_buffer(
            'text', torch.zeros(len(self.class_names), text_dims))

    def init_weights(self) -> None:
        """Read the text embeddings."""
        super().init_weights()
        if self.text_embeddings is not None:
            table = load_table(self.text_embeddings, self.class_names)
            if table.shape != self.text.shape:
                raise ConfigError(
                    f'{self.text_embeddings} has {table.shape[1]} dimensions: '
                    f'set ita.text_dims={table.shape[1]}.')
            self.text.copy_(table)

    def check_classes(self, classes: Optional[Sequence[str]]) -> None:
        """Compare the labels of a dataset with the names embedded here.

        Args:
            classes (Sequence[str], optional): ``metainfo['classes']``.

        Raises:
            ConfigError: If there are none, or others: every label would be
                aligned with the name of another class.
        """
        if classes is None:
            raise ConfigError('ITA needs labels: set `legend` of the dataset, '
                              'or model.ita=None.')
        names = self.class_names
        if list(classes) == names:
            return
        odd = next((f'class {i} is {a!r} and {b!r}' for i, (a, b)
                    in enumerate(zip(classes, names)) if a != b),
                   f'{len(classes)} and {len(names)} classes')
        raise ConfigError(
            f'the legend of the dataset and ita.class_names differ ({odd}): '
            'set model.ita.class_names to the legend, and embed it with '
            'tools/dataset_converters/embed_class_names.py.')

    @property
    def scale(self) -> Tensor:
        """One over tau, ``(1, )``."""
        return self.log_scale.exp().clamp(max=MAX_SCALE)

    def forward(self, maps: Sequence[Tensor],
                labels: Sequence[Tensor]) -> dict[str, Tensor]:
        """Loss over the labelled pixels of all crops.

        Args:
            maps (Sequence[Tensor]): ``(B, C, h, w)`` each.
            labels (Sequence[Tensor]): ``(B, H, W)`` each, 255 unlabelled, of
                the same ground.

        Returns:
            dict[str, Tensor]: ``loss_ita``; ``ita_acc``, the share of pixels
            whose class is named right, in per cent; ``ita_pixels``, how many
            are labelled.

        Raises:
            DataError: If a label has no class.
        """
        rows, classes = [], []
        for features, truth in zip(maps, labels):
            found = self._rows(features, truth)
            rows.append(found[0])
            classes.append(found[1])
        rows, classes = torch.cat(rows), torch.cat(classes)
        if len(classes) and int(classes.max()) >= len(self.class_names):
            raise DataError(
                f'label {int(classes.max())} has no name: ita.class_names has '
                f'{len(self.class_names)} (0 to {len(self.class_names) - 1}); '
                'mend the list, or map labels in the pipeline.')
        logits = self.logits(rows)
        losses = F.cross_entropy(logits, classes, reduction='none')
        right = (logits.detach().argmax(-1) == classes).float()
        return dict(
            loss_ita=mean_over_ranks(losses, self._weights(classes)),
            ita_acc=100 * right.sum() / max(len(right), 1),
            ita_pixels=right.new_tensor(float(len(right))))

    def logits(self, rows: Tensor) -> Tensor:
        """Cosine to each name over tau: ``(N, D)`` to ``(N, K)``."""
        if not self.text.any():
            raise ConfigError(
                'ITAHead has no text embeddings: set ita.text_embeddings and '
                'call init_weights(), as training does, or load a checkpoint.')
        rows = F.normalize(rows.float(), dim=-1, eps=1e-6)
        with no_autocast(rows.device):
            return self.scale.float() * (rows @ self.text.float().T)

    def _rows(self, features: Tensor,
              truth: Tensor) -> tuple[Tensor, Tensor]:
        """Labelled cells of one crop: ``(N, D)`` and ``(N, )``."""
        grid = tuple(min(self.upsample * side, fine) for side, fine in zip(
            features.shape[-2:], truth.shape[-2:]))
        # (B, C, h, w) -> (B, D, h, w)
        x = self.project(features.movedim(1, -1)).movedim(-1, 1)
        x = F.interpolate(x.float(), grid, mode='bilinear',
                          align_corners=False)
        truth = F.interpolate(truth[:, None].float(), grid,
                              mode='nearest-exact')[:, 0].long()
        known = truth != NO_LABEL
        return x.movedim(1, -1)[known], truth[known]

    def _weights(self, classes: Tensor) -> Tensor:
        counts = torch.bincount(classes, minlength=len(self.class_names))
        if self.class_weights is None:
            return torch.ones_like(classes, dtype=torch.float32)
        all_reduce(counts)
        return counts.clamp(min=1).float().rsqrt()[classes]
