# Copyright (c) mmeo contributors. All rights reserved.
"""The fusion of SkySense V1 and SkySense++, with the authors' parameters."""

from collections.abc import Mapping, Sequence
from typing import Any, Optional, Union

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.parameter import Parameter

from mmeo import weights
from mmeo.errors import CheckpointError, ConfigError
from mmeo.registry import MODELS
from mmeo.structures import ModalityBatch

from ..layers.grid_projection import resize_grid
from ..pretrained import PretrainedModule
from .temporal_fusion import TemporalFusion

_DAYS = 365


class DateTable(nn.Module):
    """A learned code for each day of the year.

    Args:
        embed_dims (int): Channels C.
    """

    def __init__(self, embed_dims: int) -> None:
        super().__init__()
        self.position_embedding = Parameter(torch.zeros(_DAYS, embed_dims))
        nn.init.trunc_normal_(self.position_embedding, std=0.02)

    def forward(self, dates: Tensor) -> Tensor:
        """``(n, )`` days from 0, -1 unknown, to ``(n, C)``; 0 if unknown.

        The last day of a leap year gets the code of the day before.
        """
        code = self.position_embedding[dates.clamp(0, _DAYS - 1)]
        return torch.where((dates >= 0)[:, None], code, 0.)


@MODELS.register_module()
class SkySenseV1Fusion(PretrainedModule, TemporalFusion):
    """:class:`TemporalFusion` in the parametrisation of the public weights.

    Each 10 m sensor has a head (a 1 x 1 convolution to 16 times the channels
    of ``'hr'`` and a pixel shuffle by 4); the code of the day is added to the
    result; one linear layer then takes all sensors to ``embed_dims``. The
    first token of the last block is returned, without a norm.

    ``init_cfg=dict(type='Pretrained', checkpoint=PATH)`` takes a combined
    file, or ``checkpoint=dict(fusion=PATH, head_s2=PATH, head_s1=PATH,
    calendar=PATH)`` the split ones; the calendar strays in that of the S2
    encoder.

    Args:
        in_channels (dict[str, int], optional): Channels of the maps. Defaults
            to None: 2816 of ``'hr'``, 1024 of the others.
        embed_dims (int): Channels D. Defaults to 1024.
        num_layers (int): Defaults to 24.
        num_heads (int): Defaults to 16.
        drop_path_rate (float): Defaults to 0.3.
        modalities (Sequence[str]): ``'hr'`` and some of ``'s2'``, ``'s1'``.
            Defaults to all.
        with_calendar (bool): Add the code of the day to S2; SkySense++
            trained without. Defaults to True.
        up_ratio (int): Tokens of ``'hr'`` per side of a token of the others.
            Defaults to 4.
        **kwargs: ``mlp_ratio``, ``geo_context``, ``chunk_sites``, ``with_cp``
            and ``init_cfg`` of :class:`TemporalFusion`.

    Raises:
        ConfigError: If an argument does not fit.
    """

    def __init__(self,
                 in_channels: Optional[Mapping[str, int]] = None,
                 embed_dims: int = 1024,
                 num_layers: int = 24,
                 num_heads: int = 16,
                 drop_path_rate: float = 0.3,
                 modalities: Sequence[str] = ('hr', 's2', 's1'),
                 with_calendar: bool = True,
                 up_ratio: int = 4,
                 **kwargs: Any) -> None:
        channels = dict(hr=2816, s2=1024, s1=1024)
        channels.update(in_channels or {})
        if 'hr' not in modalities or not set(modalities) <= set(channels):
            raise ConfigError(f'SkySenseV1Fusion: modalities={modalities} '
                              "must be 'hr' and some of 's2', 's1'.")
        # Its own projections are replaced below: the smallest will do.
        super().__init__(1, embed_dims, num_layers, num_heads,
                         drop_path_rate=drop_path_rate, modalities=modalities,
                         target='hr', up_ratio=1, calendar=(),
                         final_norm=False, **kwargs)
        self.projections = nn.ModuleDict()
        width, self.up_ratio = channels['hr'], up_ratio
        self.up_heads = nn.ModuleDict({
            name: nn.Conv2d(channels[name], width * up_ratio**2, 1)
            for name in self.modalities if name != 'hr'})
        self.input_proj = nn.Linear(width, embed_dims)
        dated = with_calendar and 's2' in self.modalities
        self.dates = DateTable(width) if dated else None
        for layer in self.layers:
            # That of mmcv, with which the weights were trained.
            layer.norm1.eps = layer.norm2.eps = 1e-5

    def _project(self, name: str, series: Tensor, batch: ModalityBatch,
                 size: tuple[int, int]) -> Tensor:
        """Valid frames of a sensor on the target's grid, ``(n, D, h, w)``."""
        x = series[batch.valid]  # (n, C, h, w)
        if name in self.up_heads:
            x = F.pixel_shuffle(self.up_heads[name](x), self.up_ratio)
        if name == 's2' and self.dates is not None:
            code = self.dates(batch.dates[batch.valid])
            x = x + code[..., None, None].to(x.dtype)
        x = self.input_proj(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        return resize_grid(x, size)

    # -- weights ----------------------------------------------------------
    def load_pretrained(self, checkpoint: Union[str, Mapping[str, str]],
                        prefix: str = '', trust: bool = False) -> None:
        """Load from a combined file, or from split ones.

        Args:
            checkpoint (str or dict[str, str]): A file, or the file of each
                of ``'fusion'``, ``'head_s2'``, ``'head_s1'``, ``'calendar'``.
            prefix (str): Only look at keys that start so. Defaults to ``''``.
            trust (bool): See :func:`mmeo.weights.load`. Defaults to False.

        Raises:
            CheckpointError: If a file is of another family, part or size, or
                tensors are missing.
        """
        if not isinstance(checkpoint, Mapping):
            checkpoint = dict(fusion=checkpoint)
        state = {}
        for part, path in checkpoint.items():
            state.update(
                weights.read_skysense(path, part, prefix, trust)[0])
        shapes = {k: v.shape for k, v in self.state_dict().items()
                  if not k.startswith('geo_context.')}
        missing = sorted(set(shapes) - set(state))
        wrong = [f'{k} {tuple(state[k].shape)} instead of {tuple(shape)}'
                 for k, shape in shapes.items()
                 if k in state and state[k].shape != shape]
        unused = [k for k in state if k not in shapes
                  and k.startswith('layers.')]
        if missing or wrong or unused:
            problem = (f'lacks {", ".join(missing[:3])}' if missing else
                       f'has {", ".join((wrong or unused)[:3])}')
            raise CheckpointError(
                f'{", ".join(checkpoint.values())} {problem}: name the file '
                'of each part (fusion, head_s2, head_s1, calendar), set '
                '`modalities`, `with_calendar`, `num_layers`, `embed_dims` '
                'and `in_channels` to what they hold.')
        self.load_state_dict({k: state[k] for k in shapes}, strict=False)
