# Copyright (c) mmeo contributors. All rights reserved.
"""A regression on random vectors: small enough to be killed and resumed."""

import time

import torch
from mmengine.dist import get_rank
from mmengine.evaluator import BaseMetric
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from torch import nn
from torch.utils.data import Dataset

from mmeo.errors import DataError
from mmeo.registry import DATASETS, HOOKS, METRICS, MODELS


@DATASETS.register_module()
class ToyDataset(Dataset):
    """``y = sum(x)``; sample ``broken`` raises as a corrupt file would."""

    metainfo = dict(classes=('toy', ))

    def __init__(self, length: int = 16, broken: int = -1,
                 delay: float = 0.) -> None:
        generator = torch.Generator().manual_seed(3)
        self.x = torch.randn(length, 4, generator=generator)
        self.broken = broken
        self.delay = delay

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, index: int) -> dict:
        time.sleep(self.delay)
        if index == self.broken:
            raise DataError(f'toy/{index:04d}.png is truncated; copy it '
                            'again.')
        return dict(inputs=self.x[index], target=self.x[index].sum())


@MODELS.register_module()
class ToyModel(BaseModel):
    """A linear layer behind dropout, so that randomness matters."""

    def __init__(self, width: int = 8, dropout: float = 0.,
                 init_cfg: dict = None) -> None:
        super().__init__(init_cfg=init_cfg)
        self.body = nn.Linear(4, width)
        self.drop = nn.Dropout(dropout)
        self.head = nn.Linear(width, 1)

    def forward(self, inputs, target, mode: str = 'tensor'):
        x = torch.stack(inputs) if isinstance(inputs, list) else inputs
        y = torch.stack(target) if isinstance(target, list) else target
        out = self.head(self.drop(self.body(x).tanh())).squeeze(1)
        if mode == 'loss':
            return dict(loss=(out - y).square().mean())
        return [dict(error=float(e)) for e in (out - y).abs()]


@METRICS.register_module()
class ToyMetric(BaseMetric):
    """Mean absolute error."""

    default_prefix = 'toy'

    def process(self, data_batch, data_samples) -> None:
        self.results += [sample['error'] for sample in data_samples]

    def compute_metrics(self, results: list) -> dict:
        return dict(error=sum(results) / len(results))


@HOOKS.register_module()
class SaveRankHook(Hook):
    """Writes what each process saw and ended with."""

    seen: list = []

    def after_train_iter(self, runner, batch_idx, data_batch=None,
                         outputs=None) -> None:
        self.seen += [float(y) for y in data_batch['target']]

    def after_train(self, runner) -> None:
        torch.save(
            dict(state_dict=runner.model.module.state_dict(),
                 seen=self.seen),
            f'{runner.work_dir}/rank_{get_rank()}.pth')
