# Copyright (c) mmeo contributors. All rights reserved.
"""What the quick start runs, and where each result lies."""

from dataclasses import dataclass, field
from pathlib import Path

INITS = ('pretrained', 'random')
# What a finished stage leaves beside its log.
STAMP_SUFFIX = '.stage.json'


@dataclass(frozen=True)
class Task:
    """One downstream task of the quick start.

    Args:
        name: Folder name and key.
        title: What a reader calls it.
        config: Config file, relative to the repository.
        metric: Key of the metric in the record of ``tools/test.py``.
        scale: Factor that brings the metric to percent.
    """

    name: str
    title: str
    config: str
    metric: str
    scale: float = 1.0


TASKS = (
    Task('segmentation', 'Semantic segmentation (UPerNet)',
         'configs/quickstart/vit-adapter-tiny_upernet_synthearth-semseg.py',
         'mIoU'),
    Task('detection', 'Oriented detection (Oriented R-CNN)',
         'configs/quickstart/'
         'vit-adapter-tiny_oriented-rcnn_synthearth-dota.py',
         'dota/AP50', 100.0),
    Task('change', 'Change detection (siamese UPerNet)',
         'configs/quickstart/'
         'vit-adapter-tiny_siamese-upernet_synthearth-change.py',
         'change/F1'),
)
PRETRAIN_CONFIG = (
    'configs/quickstart/vitp-tiny_instruct-pretrain_synthearth.py')


@dataclass(frozen=True)
class Plan:
    """Settings and paths of one quick start.

    Args:
        root: The repository.
        work_dir: Where everything but the data is written.
        data: The SynthEarth folder the configs read.
        scenes: Number of scenes.
        size: Scene side in pixels.
        seeds: Number of fine-tuning seeds per task and initialisation.
    """

    root: Path
    work_dir: Path
    data: Path
    scenes: int = 72
    size: int = 512
    seeds: int = 1
    tasks: tuple[Task, ...] = field(default=TASKS)

    @property
    def pretrain_dir(self) -> Path:
        return self.work_dir / 'pretrain'

    @property
    def vit(self) -> Path:
        """The extracted vision tower."""
        return self.work_dir / 'vit.safetensors'

    def run_dir(self, task: Task, init: str, seed: int) -> Path:
        return self.work_dir / task.name / f'{init}-seed{seed}'
