# Copyright (c) mmeo contributors. All rights reserved.
"""Helpers of the converter tests."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mmeo.datasets import InstructDataset
from mmeo.datasets.instruct_audit import audit
from mmeo.datasets.instruct_check import CheckSettings
from mmeo.datasets.instruct_converters import convert_instruct
from mmeo.datasets.instruct_targets import file_target


class Converted:
    """What a conversion wrote, read back in two ways."""

    def __init__(self, path: Path, meta: Path, report: Any) -> None:
        self.path, self.meta, self.report = path, meta, report
        self.records = [json.loads(line) for line in
                        path.read_text(encoding='utf-8').splitlines()]

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """First question (without placeholders) and first answer."""
        return [(r['conversations'][0]['value'].split('<image>\n')[-1],
                 r['conversations'][1]['value']) for r in self.records]

    @property
    def answers(self) -> list[str]:
        return [answer for _, answer in self.pairs]

    def dataset(self) -> InstructDataset:
        return InstructDataset(ann_file=str(self.meta))


@pytest.fixture
def convert(tmp_path) -> Callable[..., Converted]:
    """Convert, check the counts and the file, read with InstructDataset."""

    def run(source: str, root: Path, **options: Any) -> Converted:
        out = tmp_path / 'converted' / f'{source}.jsonl'
        meta = tmp_path / 'converted' / f'{source}_meta.json'
        report = convert_instruct(source, root, out, meta=meta, **options)
        done = Converted(out, meta, report)
        assert report.written == len(done.records)
        assert report.read == report.written + report.dropped
        checked = audit(file_target(str(meta)).sources, CheckSettings())
        assert not checked.errors, str(checked)
        dataset = done.dataset()
        assert len(dataset) == report.written
        for data in dataset:
            assert all(Path(path).is_file() for path in data['img_paths'])
        return done

    return run


@pytest.fixture
def picture() -> Callable[..., Path]:
    """Write an image, ``(height, width)``, and its folders."""

    def write(path: Path, size: tuple[int, int] = (100, 200),
              pixels: Any = None) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        if pixels is None:
            pixels = np.full((*size, 3), 90, np.uint8)
        Image.fromarray(np.asarray(pixels)).save(path)
        return path

    return write


@pytest.fixture
def write() -> Callable[[Path, Any], Path]:
    """Write text, or anything else as JSON."""

    def save(path: Path, content: Any) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        text = content if isinstance(content, str) else json.dumps(content)
        path.write_text(text, encoding='utf-8')
        return path

    return save
