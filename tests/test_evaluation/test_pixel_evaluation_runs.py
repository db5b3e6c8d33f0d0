# Copyright (c) mmeo contributors. All rights reserved.
"""The configs of pixel and change tasks, run with a tiny model."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mmengine.config import Config
from mmengine.runner import Runner
from PIL import Image

import mmeo  # noqa: F401
from mmeo.datasets.instruct_converters import convert_instruct
from mmeo.evaluation.answers import read_answers
from mmeo.registry import METRICS

SIDE = 48


def _save(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def _picture(rng: np.random.Generator, path: Path) -> None:
    _save(path, rng.integers(0, 256, (SIDE, SIDE, 3), np.uint8))


def _vaihingen(root: Path, rng: np.random.Generator) -> dict:
    _picture(rng, root / 'img_dir/test/area2.png')
    _save(root / 'ann_dir/test/area2.png',
          rng.integers(1, 7, (SIDE, SIDE), np.uint8))
    return dict(source='masks', split='test', legend='isprs', tile=32)


def _whucd(root: Path, rng: np.random.Generator) -> dict:
    for i in range(2):
        for folder in 'AB':
            _picture(rng, root / folder / f'{i}.png')
        mask = rng.integers(0, 2, (SIDE, SIDE), np.uint8) * 255
        _save(root / 'label' / f'{i}.png', mask)
    return dict(source='change_masks')


def _levir_mci(root: Path, rng: np.random.Generator) -> dict:
    folder = root / 'images/test'
    for name in 'AB':
        _picture(rng, folder / name / 'test_000001.png')
    _save(folder / 'label/test_000001.png', rng.choice(
        np.array([0, 128, 255], np.uint8), (SIDE, SIDE)))
    return dict(source='levir_mci', split='test', kinds='masks')


MAKE = dict(vaihingen=_vaihingen, whucd=_whucd, levir_mci=_levir_mci)


def _config(repo_root: Path, tmp_path: Path, path: str) -> Config:
    """The config with data of ``tmp_path`` and the tiny model."""
    cfg = Config.fromfile(repo_root / 'configs/rsunivlm' / path)
    name = path.split('/')[0]
    images = tmp_path / 'images' / name
    source = MAKE[name](images, np.random.default_rng(0))
    ann_file = tmp_path / cfg.test_dataloader.dataset.ann_file
    ann_file.parent.mkdir()
    convert_instruct(source.pop('source'), images, ann_file,
                     image_root=images, style='rsunivlm', truth=True,
                     **source)
    tokenizer = dict(type='ByteBPETokenizer', corpus=str(ann_file),
                     vocab_size=300, template='qwen_1_5')
    pipeline = cfg.test_dataloader.dataset.pipeline
    pipeline[1].image_size = 56
    pipeline[2].tokenizer = tokenizer
    cfg.test_dataloader.update(batch_size=4, num_workers=0)
    cfg.test_dataloader.dataset.update(data_root=str(tmp_path), length=None)
    cfg.test_evaluator.label_root = str(images)
    cfg.test_cfg.dtype = None
    tiny = Config.fromfile(
        repo_root / 'configs/_base_/models/rsunivlm_tiny_gmoe.py').model
    given = cfg.model.get('vlm', cfg.model)
    tiny.update(tokenizer=tokenizer,
                answer_scores=given.get('answer_scores', False),
                generation=dict(max_new_tokens=6, do_sample=False),
                task_generation=dict(SEG=dict(max_new_tokens=20)))
    cfg.model = dict(cfg.model, vlm=tiny) if 'vlm' in cfg.model else tiny
    cfg.work_dir = str(tmp_path / 'work')
    return cfg


def _run(cfg: Config) -> dict[str, Any]:
    cfg.experiment_name = f'pixel-{abs(hash(cfg.work_dir))}'
    return Runner.from_cfg(cfg).test()


@pytest.mark.parametrize('path, prefix, questions', [
    ('vaihingen/rsunivlm-1b_seg_vaihingen.py', 'seg', 4 * 5),
    ('levir_mci/rsunivlm-1b_cd_levir_mci.py', 'change', 2),
    ('whucd/rsunivlm-1b_cd_whucd.py', 'change', 2),
    ('whucd/rsunivlm-1b_cd_whucd-two-turn.py', 'change', 2)])
def test_config_answers_and_scores(path: str, prefix: str, questions: int,
                                   repo_root: Path, tmp_path: Path) -> None:
    cfg = _config(repo_root, tmp_path, path)
    scores = _run(cfg)
    assert scores[f'{prefix}/questions'] == questions
    # Random weights write no masks; that is counted, and stops nothing.
    assert scores[f'{prefix}/unfinished'] + scores[
        f'{prefix}/invalid'] + scores[f'{prefix}/repaired'] > 0
    assert 0 < scores[f'{prefix}/oracle_mIoU'] < 100
    records = list(read_answers(tmp_path / 'work/answers.jsonl'))
    assert len(records) == questions
    assert all((record.logprobs is not None)
               == (prefix == 'seg' or 'levir' in path) for record in records)
    assert all(('first_turn' in record.annotation) == ('two-turn' in path)
               for record in records)
    again = METRICS.build(cfg.test_evaluator).score(records)
    np.testing.assert_equal(
        {f'{prefix}/{name}': value for name, value in again.items()}, scores)
