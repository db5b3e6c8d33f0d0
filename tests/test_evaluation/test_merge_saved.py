# Copyright (c) mmeo contributors. All rights reserved.
"""Saved predictions are read safely, merged, written and evaluated."""

import os
import pickle
import subprocess
import sys
import zipfile

import numpy as np
import pytest
import torch
from mmengine.evaluator import DumpResults
from mmrotate.structures import RotatedBoxes

from mmeo.errors import ConfigError, DataError, MissingDataError
from mmeo.evaluation.box_types import to_box_type
from mmeo.evaluation.merge_saved import merge_saved
from mmeo.evaluation.saved_predictions import read_predictions

BOX = [110, 50, 30, 10, 0.5]


@pytest.fixture
def saved(tmp_path):
    """A file as a test run writes it: one ship, seen in two patches."""
    samples = []
    for x in (0, 100):
        boxes = torch.tensor([[BOX[0] - x, *BOX[1:]]])
        samples.append(dict(
            img_id=f'P1__1.0__{x}___0', img_path='P1.png', ori_shape=(9, 9),
            scale_factor=(np.float64(1.0), 1.0),
            gt_instances=dict(bboxes=RotatedBoxes(boxes),
                              labels=torch.zeros(1, dtype=torch.long)),
            pred_instances=dict(bboxes=boxes, scores=torch.tensor([0.9]),
                                labels=torch.tensor([6]))))
    path = tmp_path / 'preds.pkl'
    dump = DumpResults(str(path))
    dump.process(None, samples)
    dump.evaluate(len(samples))
    return path


def test_predictions_come_back(saved):
    samples = read_predictions(saved)
    assert [s['img_id'] for s in samples] == ['P1__1.0__0___0',
                                              'P1__1.0__100___0']
    assert samples[1]['pred_instances']['bboxes'].tolist() == [
        pytest.approx([10, *BOX[1:]])]
    assert isinstance(samples[0]['gt_instances']['bboxes'], RotatedBoxes)


class Evil:

    def __reduce__(self):
        return os.system, ('exit 3',)


def test_code_in_a_file_does_not_run(tmp_path, monkeypatch):
    path = tmp_path / 'evil.pkl'
    path.write_bytes(pickle.dumps([Evil()]))
    with pytest.raises(DataError, match='evil.pkl.*system'):
        read_predictions(path)
    # hidden inside the storage of a tensor
    inner = tmp_path / 'inner.pt'
    torch.save(Evil(), inner)

    class Hidden:

        def __reduce__(self):
            return torch.storage._load_from_bytes, (inner.read_bytes(),)

    monkeypatch.setattr(os, 'system', lambda _: pytest.fail('code has run'))
    path.write_bytes(pickle.dumps([Hidden()]))
    with pytest.raises(DataError, match='evil.pkl'):
        read_predictions(path)


def test_other_files_are_refused(tmp_path):
    path = tmp_path / 'a.pkl'
    with pytest.raises(MissingDataError, match='--out'):
        read_predictions(path)
    for content in (b'', b'no pickle', pickle.dumps({'a': 1}),
                    pickle.dumps([dict(img_id='a')])):
        path.write_bytes(content)
        with pytest.raises(DataError, match='a.pkl'):
            read_predictions(path)


def test_merge_write_and_evaluate(saved, tmp_path):
    assert merge_saved(saved, tmp_path / 'a', 'dotav2') == {}
    with zipfile.ZipFile(tmp_path / 'a' / 'a.zip') as archive:
        assert len(archive.namelist()) == 18
        assert archive.read('Task1_ship.txt').decode().startswith('P1 0.9')
    quad = to_box_type(np.array([BOX]), 'qbox')[0]
    labels = tmp_path / 'labelTxt'
    labels.mkdir()
    (labels / 'P1.txt').write_text(
        ' '.join(f'{v:.1f}' for v in quad) + ' ship 0\n')
    scores = merge_saved(saved, tmp_path / 'b', 'dotav1', ann_file=labels)
    assert scores['dota/AP50'] == pytest.approx(1)
    for bad in (dict(classes='dota'), dict(classes='dotav1', task=3)):
        with pytest.raises(ConfigError):
            merge_saved(saved, tmp_path / 'c', **bad)


@pytest.mark.slow
def test_tool(saved, tmp_path, repo_root):
    tool = [sys.executable, 'tools/analysis_tools/merge_dota.py', str(saved),
            '--out', str(tmp_path / 'sub'), '--classes', 'dotav15',
            '--task', '2']
    subprocess.run(tool, cwd=repo_root, check=True)
    with zipfile.ZipFile(tmp_path / 'sub' / 'sub.zip') as archive:
        assert len(archive.namelist()) == 16
        assert len(archive.read('Task2_ship.txt').split()) == 6
