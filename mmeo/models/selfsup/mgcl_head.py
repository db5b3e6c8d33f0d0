# Copyright (c) mmeo contributors. All rights reserved.
"""Contrast of the same places, objects and images in two views."""

from collections.abc import Mapping
from typing import Optional

from mmengine.model import BaseModule
from torch import Tensor, nn

from mmeo.errors import ConfigError, DataError
from mmeo.registry import MODELS

from ..layers import sinkhorn
from .clustering import Centroids, pool_groups
from .view_matching import ViewPairs, sample_cells

LEVELS = ('pix', 'obj', 'img')


@MODELS.register_module()
class MGCLHead(BaseModule):
    """Projections of places, objects and images for the contrast of views.

    ``L_FGCL = L_pix + L_obj + L_img`` of SkySense, which V2 keeps. Student
    and teacher have one each. What the paper leaves open is ours: places are
    the cells of a grid over the ground that both crops see; the objects of a
    crop are balanced groups of these cells around learned centroids, formed
    by the teacher and used on both sides; each level has a head of its own,
    shared by the modalities.

    Args:
        in_channels (int): Channels C of the maps.
        contrast (dict): :class:`DINOContrast` or :class:`InfoNCE`.
        levels (tuple[str]): Of ``'pix'``, ``'obj'``, ``'img'``. Defaults to
            all.
        grid_size (int): Cells along a side. Defaults to 7.
        sampling_ratio (int): Points along a side of a cell. Defaults to 2.
        min_overlap (float): See :func:`match_views`. Defaults to 0.05.
        num_centroids (int): N_C. Defaults to 16.
        group_eps (float): Temperature of the groups. Defaults to 0.05.
        group_iters (int): Sinkhorn iterations. Defaults to 3.
        group_temp (float): Temperature of the student's own grouping, whose
            cross-entropy to the teacher's teaches the centroids. Defaults to
            0.1.
        group_weight (float): Of that cross-entropy in ``obj``; the centroids
            have no other gradient. Defaults to 0.1.
        frames (str): ``'pool'``: a series counts as the mean of its frames,
            as two crops may hold other frames of it; ``'paired'``: frame by
            frame, as the paper writes it, for crops that hold the same
            frames. Defaults to 'pool' (our choice).
        init_cfg (dict, optional): Of mmengine.

    Raises:
        ConfigError: If ``levels`` or ``frames`` are unknown.
    """

    def __init__(self,
                 in_channels: int,
                 contrast: Mapping,
                 levels: tuple[str, ...] = LEVELS,
                 grid_size: int = 7,
                 sampling_ratio: int = 2,
                 min_overlap: float = 0.05,
                 num_centroids: int = 16,
                 group_eps: float = 0.05,
                 group_iters: int = 3,
                 group_temp: float = 0.1,
                 group_weight: float = 0.1,
                 frames: str = 'pool',
                 init_cfg: Optional[dict] = None) -> None:
        super().__init__(init_cfg)
        if not levels or not set(levels) <= set(LEVELS):
            raise ConfigError(f'levels={levels} must be some of {LEVELS}.')
        if frames not in ('pool', 'paired'):
            raise ConfigError(f"frames={frames!r} must be 'pool' or "
                              "'paired'.")
        self.levels = tuple(levels)
        self.grid_size = grid_size
        self.sampling_ratio = sampling_ratio
        self.min_overlap = min_overlap
        self.group_eps = group_eps
        self.group_iters = group_iters
        self.group_temp = group_temp
        self.group_weight = group_weight
        self.frames = frames
        build = MODELS.build(dict(contrast)).build_head
        self.heads = nn.ModuleDict(
            {level: build(in_channels) for level in self.levels})
        if 'obj' in self.levels:
            self.seeds = Centroids(num_centroids, in_channels)

    def forward(self,
                maps: Tensor,
                valid: Tensor,
                pairs: ViewPairs,
                side: str,
                groups: Optional[Tensor] = None) -> dict[str, Tensor]:
        """Project one modality's maps of all views.

        Rows are ordered alike for student and teacher, and hold only frames
        that both crops of a pair have, and ground that both see.

        Args:
            maps (Tensor): ``(V, B, T, C, h, w)``.
            valid (Tensor): ``(V, B, T)`` bool.
            pairs (ViewPairs): Of the V views.
            side (str): ``'student'`` or ``'teacher'``.
            groups (Tensor, optional): The teacher's ``groups``, which the
                student needs. Defaults to None.

        Returns:
            dict[str, Tensor]: By level ``(N, K)``. With ``obj`` of the
            teacher ``groups`` ``(R, P, N_C)``, shares of the P cells; of the
            student ``group_losses``, see :meth:`group_losses`.
        """
        maps, valid = self._frames(maps, valid)
        teacher = side == 'teacher'
        views = pairs.teacher if teacher else pairs.student
        # (D, B, T)
        both = valid[pairs.student] & valid[pairs.teacher]
        out = {}
        if 'img' in self.levels:
            rows = maps.mean((-2, -1))[views][both]  # (R, C)
            out['img'] = self.heads['img'](rows)
        if self.levels == ('img', ):
            return out
        both = both & pairs.overlaps[..., None]
        points = pairs.teacher_points if teacher else pairs.student_points
        points = points[:, :, None].expand(*both.shape, -1, -1, -1)
        cells = sample_cells(maps[views][both], points[both],
                             self.sampling_ratio)  # (R, P * P, C)
        if 'pix' in self.levels:
            out['pix'] = self.heads['pix'](cells.flatten(0, 1))
        if 'obj' in self.levels:
            scores = self.seeds(cells)
            if teacher:
                groups = sinkhorn(scores, self.group_eps,
                                  self.group_iters, sync=False)
            centres = pool_groups(cells, groups)  # (R, N_C, C)
            out['obj'] = self.heads['obj'](centres.flatten(0, 1))
            if teacher:
                out['groups'] = groups
            else:
                out['group_losses'] = self.group_losses(scores, groups)
        return out

    def group_losses(self, scores: Tensor, groups: Tensor) -> Tensor:
        """Cross-entropy of the student's groups to the teacher's.

        Args:
            scores (Tensor): The student's cosines ``(R, P, N_C)``.
            groups (Tensor): The teacher's shares ``(R, P, N_C)``.

        Returns:
            Tensor: ``(R * P, )``, times ``group_weight``.
        """
        logs = (scores.float() / self.group_temp).log_softmax(-1)
        return -self.group_weight * (groups * logs).sum(-1).flatten()

    def _frames(self, maps: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
        if self.frames == 'paired':
            if not (valid == valid[:1]).all():
                raise DataError(
                    'the crops of a sample hold different numbers of frames, '
                    "so frames='paired' of MGCLHead cannot pair them: give "
                    "all crops the same frames, or set frames='pool'.")
            return maps, valid
        return mean_frame(maps, valid)


def mean_frame(maps: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
    """Average a series over its valid frames.

    Args:
        maps (Tensor): ``(V, B, T, C, h, w)``, 0 where not valid.
        valid (Tensor): ``(V, B, T)`` bool.

    Returns:
        tuple[Tensor, Tensor]: ``(V, B, 1, C, h, w)``, and ``(V, B, 1)`` bool,
        whether there was a valid frame.
    """
    if valid.shape[2] == 1:
        return maps, valid
    weights = valid.to(maps.dtype)[..., None, None, None]
    total = (maps * weights).sum(2, keepdim=True)
    count = weights.sum(2, keepdim=True)
    return total / count.clamp(min=1), valid.any(2, keepdim=True)
