# Copyright (c) mmeo contributors. All rights reserved.
"""A training loop whose step is one big batch, however it is cut up."""

from typing import Any, Optional, Union

import torch
from mmengine.dist import all_reduce, get_dist_info
from mmengine.model import is_model_wrapper
from mmengine.runner import IterBasedTrainLoop
from torch import Tensor, nn
from torch.utils.data import DataLoader

from mmeo.engine.loops.micro_batches import MicroBatches, count_micro_batches
from mmeo.engine.seeding import derive_seed, seed_generators
from mmeo.errors import ConfigError
from mmeo.registry import LOOPS

# What a seed is for: the model, one sample's token drop. (3 is augmentation,
# of ResumableInfiniteSampler.)
_MODEL, _SAMPLE = 0, 2


@LOOPS.register_module()
class TokenWeightedTrainLoop(IterBasedTrainLoop):
    """Iterates over optimiser steps of a fixed global batch.

    An iteration is one step of the optimiser on ``global_batch_size``
    samples, cut into micro-batches over processes and time. Logs, schedules,
    ``max_iters`` and checkpoints count such steps, so a config means the same
    on one GPU and on 64. The loop draws all micro-batches of a step first and
    adds up their loss weights (supervised tokens, or samples; the model
    decides), so the step's gradient is that of one big batch: every weight
    counts the same, in whichever micro-batch and process it lies. The logged
    losses are means over the global batch.

    Random numbers: before a micro-batch all generators are seeded with
    (run seed, step, its place in the global batch), and each sample gets a
    seed of its own for the token drop; ``ResumableInfiniteSampler`` gives it
    another one for augmentation. None depends on the number of processes or
    workers, nor on the history of the run.

    Works under DDP, FSDP and DeepSpeed, which all average gradients over
    processes and accumulated micro-batches. The model has
    ``count_loss_weight(data_batch) -> float`` and divides its weighted sum by
    the ``normalizer`` that the batch brings: :class:`InstructVLM`.

    Args:
        runner (Runner): The Runner.
        dataloader (DataLoader or dict): Its ``batch_size`` is a
            micro-batch's. Use ``ResumableInfiniteSampler``.
        max_iters (int): Optimiser steps.
        global_batch_size (int, optional): Samples of a step; the number of
            micro-batches follows from the number of processes.
        accumulative_counts (int, optional): Micro-batches of a step for each
            process, in place of ``global_batch_size``. Defaults to 1.
        **kwargs: Of mmengine's ``IterBasedTrainLoop``.

    Raises:
        ConfigError: If the batch sizes do not divide, or the optimizer
            wrapper accumulates as well.
    """

    def __init__(self,
                 runner: Any,
                 dataloader: Union[DataLoader, dict],
                 max_iters: int,
                 global_batch_size: Optional[int] = None,
                 accumulative_counts: Optional[int] = None,
                 **kwargs: Any) -> None:
        super().__init__(runner, dataloader, max_iters, **kwargs)
        self.rank, self.world_size = get_dist_info()
        self.batch_size = self.dataloader.batch_size
        if self.batch_size is None:
            raise ConfigError('TokenWeightedTrainLoop needs a '
                              '`train_dataloader.batch_size`, not a '
                              'batch_sampler')
        if global_batch_size is None:
            counts = accumulative_counts or 1
        elif accumulative_counts is not None:
            raise ConfigError('TokenWeightedTrainLoop: give either '
                              '`global_batch_size` or `accumulative_counts`')
        else:
            counts = count_micro_batches(global_batch_size, self.batch_size,
                                         self.world_size)
        self.accumulative_counts = counts
        self.global_batch_size = counts * self.batch_size * self.world_size
        if hasattr(self.dataloader.sampler, 'batch_size'):
            # So that a micro-batch is the same with any number of processes.
            self.dataloader.sampler.batch_size = self.batch_size
        self.dataloader_iterator = MicroBatches(self.dataloader_iterator,
                                                counts)
        self._tell_optimizer()

    def run(self) -> nn.Module:
        """Launch training."""
        self._check_resumed()
        wrapper = self.runner.optim_wrapper
        if hasattr(wrapper, 'initialize_count_status'):
            # The Runner counted steps; mmengine's wrapper micro-batches.
            counts = self.accumulative_counts
            if getattr(wrapper, 'counts_steps', False):
                counts = 1
            wrapper.initialize_count_status(
                self.runner.model, self._iter * counts,
                self._max_iters * counts)
        self.runner.logger.info(
            f'a step is {self.global_batch_size} samples: {self.world_size} '
            f'process(es) x {self.accumulative_counts} micro-batch(es) of '
            f'{self.batch_size}')
        return super().run()

    def run_iter(self, data_batch: list[dict]) -> None:
        """One step of the optimiser.

        Args:
            data_batch (list[dict]): The micro-batches of this process.
        """
        self.runner.call_hook(
            'before_train_iter', batch_idx=self._iter, data_batch=data_batch)
        normalizer = self._normalizer(data_batch)
        logs = [
            self._run_micro_batch(number, batch, normalizer)
            for number, batch in enumerate(data_batch)
        ]
        self.runner.call_hook(
            'after_train_iter',
            batch_idx=self._iter,
            data_batch=data_batch,
            outputs=mean_over_batch(logs))
        self._iter += 1

    def _run_micro_batch(self, number: int, batch: dict,
                         normalizer: float) -> dict[str, Tensor]:
        seed, place = self.runner.seed, self._place(number)
        first = place * self.batch_size
        seeds = [derive_seed(seed, self._iter, _SAMPLE, first + i)
                 for i in range(self.batch_size)]
        seed_generators(seed, self._iter, _MODEL, place)
        return self.runner.model.train_step(
            dict(batch, normalizer=normalizer, sample_seeds=seeds),
            optim_wrapper=self.runner.optim_wrapper)

    def _normalizer(self, batches: list[dict]) -> float:
        """Loss weight of an average micro-batch of this step."""
        model = self.runner.model
        while is_model_wrapper(model):
            model = model.module
        if not hasattr(model, 'count_loss_weight'):
            raise ConfigError(
                f'{type(model).__name__} has no count_loss_weight(), which '
                'TokenWeightedTrainLoop needs: train it with '
                "`train_cfg=dict(type='IterBasedTrainLoop', ...)`")
        # Doubles hold sums of tokens exactly.
        total = torch.tensor(
            sum(model.count_loss_weight(batch) for batch in batches),
            dtype=torch.float64)
        all_reduce(total)
        share = self.world_size * self.accumulative_counts
        return total.item() / share or 1.0  # a batch without any target

    def _place(self, number: int) -> int:
        """Place in the global batch of this process's micro-batch."""
        return number * self.world_size + self.rank

    def _tell_optimizer(self) -> None:
        """Make the optimizer wrapper accumulate; it is built after us."""
        wrapper = self.runner.optim_wrapper
        if isinstance(wrapper, dict):
            own = wrapper.get('accumulative_counts', 1)
            wrapper['accumulative_counts'] = self.accumulative_counts
            if 'AutocastOptimWrapper' in str(wrapper.get('type')):
                wrapper['counts_steps'] = True
        else:
            own = getattr(wrapper, '_accumulative_counts', 1)
        if own not in (1, self.accumulative_counts) or (
                own == 1 != self.accumulative_counts
                and not isinstance(wrapper, dict)):
            raise ConfigError(
                f'optim_wrapper.accumulative_counts={own}, but '
                'TokenWeightedTrainLoop accumulates '
                f'{self.accumulative_counts}: leave it out of '
                '`optim_wrapper`, the loop sets it')

    def _check_resumed(self) -> None:
        """A step of another size would be another place in the data."""
        hub, own = self.runner.message_hub, self.global_batch_size
        before = hub.runtime_info.get('global_batch_size', own)
        if self._iter and before != own:
            raise ConfigError(
                f'the checkpoint was trained with global batches of {before} '
                f'samples, and this run has {own}: its steps would begin at '
                'another sample, with a schedule meant for the other size. '
                f'Set `train_cfg.global_batch_size={before}`.')
        hub.update_info('global_batch_size', own)


def mean_over_batch(logs: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    """Mean of each logged value over the micro-batches of all processes.

    Args:
        logs (list[dict[str, Tensor]]): Scalars by name, the same names in
            each.
    """
    names = list(logs[0])
    values = torch.stack([
        torch.stack([log[name].detach().double() for name in names])
        for log in logs
    ]).mean(0)
    all_reduce(values, op='mean')
    return dict(zip(names, values))
