# Copyright (c) mmeo contributors. All rights reserved.
"""Small tests of dialogues, run here or in a process that is killed."""

import json
import os
import sys
import time
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.model import BaseModel
from torch import nn

import mmeo  # noqa: F401
from mmeo.evaluation.metrics.dialogue_metric import DialogueMetric
from mmeo.registry import METRICS, MODELS
from mmeo.structures import DialogueSample

SIZE = 23


@MODELS.register_module()
class Parrot(BaseModel):
    """Answers with its question and the number of rows beside it."""

    def __init__(self, weight=1.):
        super().__init__()
        self.weight = nn.Parameter(torch.full((3, ), weight))
        self.batches = []

    def forward(self, samples, mode='predict'):
        raise NotImplementedError

    def test_step(self, data):
        time.sleep(float(os.environ.get('PARROT_PAUSE', 0)))
        self.batches.append([info['source'] for info in data])
        return [self.answer(info, len(data)) for info in data]

    val_step = test_step

    def answer(self, info, rows):
        question, answer = (turn['value'] for turn in info['conversations'])
        sample = DialogueSample(metainfo=dict(
            source=info['source'], img_paths=info['img_paths'],
            ori_shapes=[], question=question, task=info.get('task', 'VQA'),
            granularity=0, annotation=info['annotation']))
        sample.gt_answer = answer
        sample.pred_answer = f'{question} {rows}'
        sample.pred_finished = not question.endswith('3')
        return sample


@METRICS.register_module()
class CountLetters(DialogueMetric):
    default_prefix = 'letters'

    def score(self, records):
        return dict(sum=sum(len(r.answer) for r in records),
                    records=len(records))


def write_questions(path, size=SIZE):
    with open(path, 'w') as file:
        for i in range(size):
            turns = [('human', f'[VQA] {"why " * (i * 7 % 11)}{i}'),
                     ('gpt', 'yes ' * (1 + i * 5 % 13))]
            file.write(json.dumps(dict(id=i, conversations=[
                {'from': role, 'value': text} for role, text in turns
            ])) + '\n')


def make_config(root, **options):
    """``options`` are dotted keys."""
    loader = dict(
        batch_size=4, num_workers=0, collate_fn=dict(type='list_collate'),
        sampler=dict(type='DefaultSampler', shuffle=False),
        dataset=dict(type='InstructDataset', data_root=str(root),
                     ann_file='questions.jsonl', test_mode=True,
                     pipeline=[]))
    cfg = Config(dict(
        default_scope='mmeo', model=dict(type='Parrot'),
        test_dataloader=loader, test_evaluator=dict(type='CountLetters'),
        test_cfg=dict(type='DialogueTestLoop'),
        default_hooks=dict(logger=dict(type='LoggerHook', interval=1),
                           sampler_seed=None, param_scheduler=None,
                           checkpoint=None),
        work_dir=str(root / 'work'), randomness=dict(seed=0),
        env_cfg=dict(dist_cfg=dict(backend='gloo')), load_from=None))
    cfg.merge_from_dict(options)
    return cfg


if __name__ == '__main__':
    from mmeo.apis import test
    test(make_config(Path(sys.argv[1])), None,
         launcher=sys.argv[2] if len(sys.argv) > 2 else 'none')
