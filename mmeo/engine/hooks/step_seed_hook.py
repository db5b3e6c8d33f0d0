# Copyright (c) mmeo contributors. All rights reserved.
"""Random numbers that depend on the step, not on the history of the run."""

from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmeo.engine.seeding import seed_generators
from mmeo.registry import HOOKS


@HOOKS.register_module()
class StepSeedHook(Hook):
    """Seeds dropout, drop path and token drop anew at each step.

    mmengine saves no random state, so a resumed run would draw other numbers
    than the uninterrupted one. Here each step's seed is a hash of the run's
    seed, the rank and the iteration, so the two agree, and the ranks of a
    distributed run differ (our choice). Augmentation in the main process
    (``num_workers=0``) agrees as well; worker processes are seeded by
    mmengine when they start, unless the sampler seeds each sample
    (``ResumableInfiniteSampler``).

    Under ``TokenWeightedTrainLoop``, which seeds each micro-batch by its
    place in the global batch, the numbers do not depend on the number of
    processes either, and this hook has no effect on the training step.
    """

    # Before any hook that draws numbers, at the start of a step.
    priority = 'VERY_HIGH'

    def before_train_epoch(self, runner: Runner) -> None:
        self._seed(runner, runner.iter, stage=1)

    def before_train_iter(self, runner: Runner, *args, **kwargs) -> None:
        self._seed(runner, runner.iter, stage=0)

    def after_train_iter(self, runner: Runner, *args, **kwargs) -> None:
        self._seed(runner, runner.iter + 1, stage=1)

    def after_val_epoch(self, runner: Runner, *args, **kwargs) -> None:
        self._seed(runner, runner.iter, stage=1)

    @staticmethod
    def _seed(runner: Runner, step: int, stage: int) -> None:
        """Seed all generators; stage 0 is the model, 1 the next batch."""
        seed_generators(runner.seed, get_rank(), step, stage)
