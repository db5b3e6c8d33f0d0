# Copyright (c) mmeo contributors. All rights reserved.
"""A test of dialogues that can be killed and started again."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Optional, Union

import torch
from mmengine.dist import barrier, broadcast_object_list, get_rank
from mmengine.evaluator import Evaluator
from mmengine.runner import TestLoop
from torch.utils.data import DataLoader

from mmeo.engine.loops.answer_manifest import make_manifest
from mmeo.errors import ConfigError
from mmeo.evaluation.answer_scores import score_records
from mmeo.evaluation.answer_store import AnswerStore
from mmeo.evaluation.answers import AnswerRecord
from mmeo.evaluation.metrics.dialogue_metric import DialogueMetric
from mmeo.registry import LOOPS
from mmeo.structures import DialogueSample

DTYPES = ('bfloat16', 'float16', 'float32')


@LOOPS.register_module()
class DialogueTestLoop(TestLoop):
    """Generates in batches, writes every answer down, scores at the end.

    Batches are those of :class:`~mmeo.datasets.LengthBatchSampler` unless
    the dataloader has a ``batch_sampler`` of its own, which needs
    ``sources`` and ``skip``. Each answer is a line of
    ``<work_dir>/answers/<name of the set>.rank<r>.jsonl`` before the next
    batch begins. A test that is started again with the same config, weights
    and annotations goes on behind what is there, with any number of
    processes; with anything else it stops. When every sample has its
    answer, all are written to ``<work_dir>/answers.jsonl`` in the order of
    the set and scored from there, so a test whose answers are complete only
    scores.

    As ``val_cfg`` it validates during training: answers go to
    ``answers/iter_<n>`` and are never taken over.

    Works under DDP. Parts of FSDP or ZeRO-3 gather weights together, and
    processes whose answers have different lengths would wait for each other
    for ever: test on whole weights.

    Args:
        runner (Runner): The Runner.
        dataloader (DataLoader or dict): Of the test set.
        evaluator (Evaluator, dict or list): Metrics; see
            :func:`~mmeo.evaluation.answer_scores.score_records`.
        resume (bool): Take over answers of an earlier start; False deletes
            them. Defaults to True.
        dtype (str, optional): 'bfloat16', 'float16' or 'float32': weights
            are converted to it for the test; a validation runs under
            autocast instead, since training goes on with its weights. By
            default they stay as they are.

    Raises:
        ConfigError: If ``dtype`` is unknown, or the batch sampler cannot
            skip.
        DataError: If the answers there were made with anything else.
    """

    def __init__(self,
                 runner: Any,
                 dataloader: Union[DataLoader, dict],
                 evaluator: Union[Evaluator, dict, list],
                 resume: bool = True,
                 dtype: Optional[str] = None) -> None:
        if dtype is not None and dtype not in DTYPES:
            raise ConfigError(f'DialogueTestLoop: dtype={dtype!r} is none of '
                              f'{DTYPES}')
        if isinstance(dataloader, dict):
            sorted_batches = dict(type='mmeo.LengthBatchSampler')
            dataloader = {'batch_sampler': sorted_batches, **dataloader}
        super().__init__(runner, dataloader, evaluator)
        self.batches = self.dataloader.batch_sampler
        if not hasattr(self.batches, 'skip'):
            raise ConfigError(
                f'DialogueTestLoop: {type(self.batches).__name__} cannot skip '
                'what is answered; use `batch_sampler=dict(type='
                "'LengthBatchSampler')`")
        self.resume = resume
        self.dtype = dtype

    @property
    def stage(self) -> str:
        """'val' during training, else 'test'."""
        return 'val' if self.runner._val_loop is self else 'test'

    def run(self) -> dict[str, Any]:
        """Answer what is not answered, and score.

        Returns:
            dict: The scores, in every process.
        """
        runner, stage = self.runner, self.stage
        runner.call_hook(f'before_{stage}')
        runner.call_hook(f'before_{stage}_epoch')
        runner.model.eval()
        for metric in self.evaluator.metrics:
            if isinstance(metric, DialogueMetric):
                metric.check()  # now, not after hours of answers
        self.store, merged = self._open_store(stage)
        with self._precision(stage):
            for idx, data_batch in enumerate(self.dataloader):
                self.run_iter(idx, data_batch)
        self.store.close()
        barrier()
        metrics = self._score(merged)
        runner.call_hook(f'after_{stage}_epoch', metrics=metrics)
        runner.call_hook(f'after_{stage}')
        return metrics

    @torch.no_grad()
    def run_iter(self, idx: int, data_batch: dict) -> None:
        """Answer a batch and write it down.

        Args:
            idx (int): Number of the batch.
            data_batch (dict): Of the dataloader.
        """
        stage = self.stage
        self.runner.call_hook(
            f'before_{stage}_iter', batch_idx=idx, data_batch=data_batch)
        outputs = self.predict(data_batch)
        records = [AnswerRecord.from_sample(sample.to_dict())
                   for sample in outputs]
        self.store.append(record for record in records
                          if record.source not in self._known)
        self.runner.call_hook(
            f'after_{stage}_iter', batch_idx=idx, data_batch=data_batch,
            outputs=outputs)

    def predict(self, data_batch: dict) -> Sequence[DialogueSample]:
        """Answers of a batch; what a strategy of several turns overrides."""
        return self.runner.model.test_step(data_batch)

    def _open_store(self, stage: str) -> tuple[AnswerStore, Path]:
        """The store, and where all answers go in the end."""
        runner, dataset = self.runner, self.dataloader.dataset
        work_dir = Path(runner.work_dir)
        folder, merged = work_dir / 'answers', work_dir / 'answers.jsonl'
        if stage == 'val':
            folder = folder / f'iter_{runner.iter}'
            merged = folder / 'answers.jsonl'
        name = getattr(dataset, 'name', type(dataset).__name__)
        store = AnswerStore(folder, name, get_rank())
        if store.rank == 0:
            manifest = make_manifest(runner.cfg, runner.model, dataset,
                                     self.dtype)
            torn = store.prepare(manifest, self.resume and stage == 'test')
            if torn:
                runner.logger.warning(
                    f'{folder}: {torn} torn line(s) of a killed run cut off; '
                    'their samples are answered again')
        barrier()
        self._known = store.answered()
        barrier()  # nobody writes while others still read
        self.batches.skip(self._known)
        runner.logger.info(
            f'{name}: {len(dataset)} questions, {len(self._known)} answered '
            f'before; answers go to {folder}')
        return store, merged

    @contextmanager
    def _precision(self, stage: str) -> Iterator[None]:
        """The model in ``dtype``."""
        if self.dtype is None:
            yield
        elif stage == 'val':
            device = next(self.runner.model.parameters()).device
            with torch.autocast(device.type, getattr(torch, self.dtype),
                                enabled=self.dtype != 'float32'):
                yield
        else:
            # Weights alone: rotary frequencies and the mean of the images
            # are buffers and must keep their digits.
            for weight in self.runner.model.parameters():
                weight.data = weight.data.to(getattr(torch, self.dtype))
            yield

    def _score(self, merged: Path) -> dict[str, Any]:
        """Merge and score in the first process, tell the others."""
        metrics = [None]
        if self.store.rank == 0:
            records = self.store.merge(self.batches.sources, merged)
            unfinished = sum(not record.finished for record in records)
            empty = sum(not record.answer for record in records)
            self.runner.logger.info(
                f'{len(records)} answers in {merged}: {unfinished} stopped '
                f'at the limit of new tokens, {empty} are empty')
            metrics = [score_records(self.evaluator.metrics, records)]
        broadcast_object_list(metrics)
        return metrics[0]
