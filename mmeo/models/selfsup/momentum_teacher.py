# Copyright (c) mmeo contributors. All rights reserved.
"""A teacher that is the moving average of its student."""

import copy
from collections.abc import Sequence
from typing import Any, Optional, Union

import torch

from mmeo.errors import ConfigError

from ..losses import PrototypeHead
from .schedules import cosine_schedule, linear_schedule


class MomentumTeacher:
    """Goes before ``BaseModel`` in the bases of a class with a ``student``.

    ``EMATeacherHook`` says where in the run training is, and moves the
    teacher. All values depend on the iteration alone, so a resumed run goes
    on exactly.
    """

    def _make_teacher(self, momentum: Union[float, Sequence[float]],
                      teacher_temp: Union[float, Sequence[float]],
                      temp_warmup: float, freeze_prototypes: int) -> None:
        """Copy the student; arguments as of ``SkySenseV2Pretrainer``."""
        self.teacher = copy.deepcopy(self.student).requires_grad_(False)
        self.teacher.eval()
        self.momentum = _ends(momentum)
        self.teacher_temp = _ends(teacher_temp)
        self.temp_warmup = temp_warmup
        self.freeze_prototypes = freeze_prototypes
        self._iteration: Optional[tuple[int, int]] = None

    def set_iteration(self, iteration: int, max_iters: int) -> None:
        """Say where in the run the next step is; all schedules follow.

        Args:
            iteration (int): From 0.
            max_iters (int): Of the whole run.
        """
        self._iteration = (iteration, max_iters)
        for module in self.student.modules():
            if isinstance(module, PrototypeHead):
                module.frozen = iteration < self.freeze_prototypes

    @property
    def current_temp(self) -> float:
        """The teacher's temperature at this iteration."""
        iteration, total = self._where()
        return linear_schedule(*self.teacher_temp, iteration,
                               self.temp_warmup * total)

    @property
    def current_momentum(self) -> float:
        """The teacher's momentum at this iteration."""
        return cosine_schedule(*self.momentum, *self._where())

    def _where(self) -> tuple[int, int]:
        if self._iteration is None:
            raise ConfigError(
                'the teacher would never learn: add '
                "dict(type='EMATeacherHook') to `custom_hooks` (or call "
                'set_iteration(iteration, max_iters) yourself).')
        return self._iteration

    def train(self, mode: bool = True) -> Any:
        """Set the mode; the teacher stays in evaluation mode."""
        super().train(mode)
        self.teacher.eval()
        return self

    def init_weights(self) -> None:
        """Draw or load the student's weights; the teacher begins as it."""
        super().init_weights()
        self.update_teacher(momentum=0.)

    @torch.no_grad()
    def update_teacher(self, momentum: Optional[float] = None) -> None:
        """``teacher = m * teacher + (1 - m) * student``; buffers are copied.

        Works on shards of FSDP as well, since both are cut alike.

        Args:
            momentum (float, optional): m; the schedule's by default.
        """
        m = self.current_momentum if momentum is None else momentum
        pairs = zip(self.teacher.parameters(), self.student.parameters(),
                    strict=True)
        ours, theirs = map(list, zip(*pairs))
        torch._foreach_lerp_(ours, theirs, 1 - m)
        for mine, new in zip(self.teacher.buffers(), self.student.buffers(),
                             strict=True):
            mine.copy_(new)


def _ends(value: Union[float, Sequence[float]]) -> tuple[float, float]:
    """A number is a schedule that begins and ends with it."""
    return (value, value) if isinstance(value, (int, float)) else tuple(value)
