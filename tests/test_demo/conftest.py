# Copyright (c) mmeo contributors. All rights reserved.
"""Small models with random weights, one that reads a script, and images."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Optional

import numpy as np
import pytest
import rasterio
import torch
from mmengine.config import Config
from rasterio.transform import Affine

import mmeo
from mmeo.apis import ChatInferencer, PromptInferencer
from mmeo.apis.chat_answer import ChatAnswer, read_answer
from mmeo.apis.chat_inferencer import ChatSession, with_task
from mmeo.builder import build
from mmeo.codecs import TASKS, task_of


@pytest.fixture(scope='session')
def inferencer(repo_root: Path) -> PromptInferencer:
    torch.manual_seed(0)
    cfg = Config.fromfile(repo_root / 'configs/_base_/models/vita_tiny.py')
    return PromptInferencer(mmeo.build(cfg.model), device='cpu')


@pytest.fixture(scope='session')
def images(tmp_path_factory) -> dict[str, str]:
    """Optical, radar, and radar in linear units; 64 x 96 pixels of 2 m."""
    folder = tmp_path_factory.mktemp('images')
    rng = np.random.default_rng(0)
    decibel = rng.normal(-14, 3, (2, 64, 96)).astype(np.float32)
    arrays = dict(
        optical=rng.integers(0, 255, (3, 64, 96), np.uint8), radar=decibel,
        linear=10**(decibel / 10))
    for name, array in arrays.items():
        with rasterio.open(folder / f'{name}.tif', 'w', driver='GTiff',
                           width=96, height=64, count=len(array),
                           dtype=array.dtype, crs='EPSG:32631',
                           transform=Affine(2, 0, 5e5, 0, -2, 5e6)) as out:
            out.write(array)
            if len(array) == 2:
                out.descriptions = ('VV', 'VH')
    return {name: str(folder / f'{name}.tif') for name in arrays}


@pytest.fixture(scope='session')
def chat_files(tmp_path_factory, repo_root: Path) -> tuple[str, str]:
    """Config and checkpoint of a tiny dialogue model."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp('chat')
    (folder / 'words.jsonl').write_text(json.dumps(dict(conversations=[
        {'from': 'human', 'value': 'hello'},
        {'from': 'gpt', 'value': 'good day'}])))
    cfg = Config.fromfile(
        repo_root / 'configs/_base_/models/rsunivlm_tiny_gmoe.py')
    cfg.model.generation = dict(max_new_tokens=4)
    cfg.model.task_generation = {}
    cfg.test_dataloader = dict(dataset=dict(pipeline=[
        dict(type='ImageViews', image_size=56, newline=True),
        dict(type='PackDialogue', template='qwen_1_5',
             tokenizer=dict(type='ByteBPETokenizer', vocab_size=300,
                            corpus=str(folder / 'words.jsonl'),
                            template='qwen_1_5'))]))
    cfg.dump(folder / 'config.py')
    torch.save(dict(state_dict=build(cfg.model).state_dict()),
               folder / 'w.pth')
    return str(folder / 'config.py'), str(folder / 'w.pth')


@pytest.fixture(scope='session')
def tiny_chat(chat_files: tuple[str, str]) -> ChatInferencer:
    return ChatInferencer(*chat_files, device='cpu')


class Script(ChatInferencer):
    """Says what is written here, to each task the same."""

    said = {'': 'a <b>town</b> by the *sea*', 'VG': '[25, 50, 75, 100]',
            'SEG': 'others*4\n' + 'others*1|building*2|others*1\n' * 2
            + 'others*4', 'CCD': 'two buildings have appeared'}

    def __init__(self) -> None:
        self.max_images = 2
        self.asked: list[tuple[str, Optional[list[str]], int]] = []

    def start(self, images: Any = None, system: Any = None) -> ChatSession:
        return ScriptSession(self, super().start(images, system).images)


class ScriptSession(ChatSession):

    def ask(self, question: str, task: Optional[str] = None,
            names: Optional[Sequence[str]] = None) -> ChatAnswer:
        text = with_task(question, task)
        kind = task_of(text)
        self.inferencer.asked.append((text, names, len(self.images)))
        self.answers.append(read_answer(
            text, Script.said[kind], kind, TASKS[kind][1] if kind else 0,
            self.size, names, grid=4))
        return self.answers[-1]


@pytest.fixture
def scripted_chat() -> Script:
    return Script()
