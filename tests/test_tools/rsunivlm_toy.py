# Copyright (c) mmeo contributors. All rights reserved.
"""Dialogues of all granularities about coloured squares, and RSUniVLM's
recipes with a model and data of that size."""

import json
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.config import Config
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent.parent
COLOURS = {'red': (220, 40, 40), 'blue': (40, 70, 220),
           'green': (30, 180, 60), 'white': (240, 240, 240)}
_NUMBERS = count()
# Of four samples in a row two are of the image, so that with two samples a
# process the first of two processes never sees the other experts at work.
ORDER = ('VQA', 'CCD', 'VG', 'SEG')


def write_toy(folder: Path, groups: int = 6) -> Path:
    """``4 * groups`` samples: ``toy.jsonl`` and PNG files."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = []
    for number in range(groups):
        for task in ORDER:
            lines.append(_sample(folder, len(lines), number, task))
    (folder / 'toy.jsonl').write_text('\n'.join(map(json.dumps, lines)))
    return folder


def _sample(folder: Path, index: int, number: int, task: str) -> dict:
    colours = list(COLOURS)
    name = colours[number % 4]
    x, y = 2 + 4 * (number % 5), 1 + 5 * (number % 4)
    paths = [_draw(folder / f'{index}.png', COLOURS[name], x, y)]
    if task == 'CCD':
        paths.append(_draw(folder / f'{index}b.png',
                           COLOURS[colours[(number + 1) % 4]], x, y))
    question, answer = {
        'VQA': ('What colour is it?', name),
        'CCD': ('What has changed?',
                f'{name} became {colours[(number + 1) % 4]}'),
        'VG': ('the square', f'[{x}, {y}, {x + 16}, {y + 16}]'),
        'SEG': ('Please segment the square in this image.',
                '\n'.join(['others*8'] * (1 + number % 5) +
                          ['others*2, square*4, others*2'] * 2)),
    }[task]
    return dict(
        image=[path.name for path in paths] if len(paths) > 1
        else paths[0].name,
        conversations=[
            {'from': 'human',
             'value': f'{"<image>" * len(paths)}\n[{task}] {question}'},
            {'from': 'gpt', 'value': answer}])


def _draw(path: Path, colour: tuple, x: int, y: int) -> Path:
    pixels = np.full((40, 40, 3), 60, np.uint8)
    pixels[y:y + 16, x:x + 16] = colour
    Image.fromarray(pixels).save(path)
    return path


def small_config(name: str, data: Path, work_dir: Path, steps: int,
                 strategy: str = '', **model: Any) -> Config:
    """A recipe of ``configs/rsunivlm/train`` for the toy, on a CPU.

    Optimizer, loop, freezing, experts and hooks are the recipe's; model and
    data are small, the order of samples is that of the file.
    """
    cfg = Config.fromfile(ROOT / f'configs/rsunivlm/train/{name}.py')
    tokenizer = dict(type='ByteBPETokenizer', corpus=str(data / 'toy.jsonl'),
                     vocab_size=512, template='qwen_1_5')
    cfg.model = _small_model(cfg.model, dict(model, tokenizer=tokenizer))
    pipeline = cfg.train_dataloader.dataset.pipeline
    for transform in pipeline:
        if transform.type == 'ImageViews':
            transform.update(image_size=56)
        if transform.type == 'PackDialogue':
            transform.update(tokenizer=tokenizer, max_seq_len=1024)
    cfg.train_dataloader.update(
        batch_size=4, num_workers=0, persistent_workers=False,
        sampler=dict(type='ResumableInfiniteSampler', shuffle=False),
        dataset=dict(
            type='MixtureDataset', data_root=str(data), pipeline=pipeline,
            datasets=[dict(type='InstructDataset', ann_file='toy.jsonl')]))
    cfg.train_cfg.update(max_iters=steps, global_batch_size=4)
    cfg.optim_wrapper.update(dtype=None)
    cfg.param_scheduler = [
        dict(type='LinearLR', start_factor=0.5, by_epoch=False, end=2),
        dict(type='CosineAnnealingLR', eta_min=0, by_epoch=False, begin=2,
             end=40)]
    cfg.default_hooks.logger.interval = 1
    cfg.default_hooks.checkpoint.interval = steps
    cfg.log_processor.window_size = 1
    cfg.env_cfg.dist_cfg.backend = 'gloo'
    cfg.load_from = None
    cfg.work_dir = str(work_dir)
    # Names by the second are not unique in a test process.
    cfg.experiment_name = f'{name}-{next(_NUMBERS)}'
    if strategy:
        cfg.merge_from_dict(Config.fromfile(
            ROOT / f'configs/_base_/strategies/{strategy}.py').to_dict())
    return cfg


def _small_model(full: dict, options: dict) -> dict:
    tiny = Config.fromfile(
        ROOT / 'configs/_base_/models/rsunivlm_tiny.py').model
    for key in ('moe', 'freeze'):
        if full.get(key):
            tiny[key] = full[key]
    if full.get('moe', {}) and full.moe.get('hidden_dims'):
        tiny.moe.hidden_dims = 32
    if 'lora' in full.llm:
        tiny.llm.lora = dict(full.llm.lora, r=8, lora_alpha=16)
    tiny.llm.config.vocab_size = 512
    for key, value in options.items():
        if isinstance(value, dict) and isinstance(tiny.get(key), dict):
            tiny[key].update(value)
        else:
            tiny[key] = value
    return tiny
