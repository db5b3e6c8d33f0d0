# Copyright (c) mmeo contributors. All rights reserved.
"""The quick start's stages and report, on records made by hand."""

import json
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from mmeo.benchmarks.quickstart import Plan, Task, write_report
from mmeo.benchmarks.quickstart.run import Runner, Stage
from mmeo.benchmarks.records import read_metrics, read_scalars
from mmeo.errors import DataError, UserError

TASKS = (Task('seg', 'Segmentation', 'seg.py', 'mIoU'),
         Task('det', 'Detection', 'det.py', 'dota/AP50', 100.0))


def write_run(folder: Path, losses: list[float]) -> None:
    log = folder / '20260101_000000' / 'vis_data' / 'scalars.json'
    log.parent.mkdir(parents=True)
    lines = [json.dumps(dict(loss=loss, step=step, iter=step))
             for step, loss in enumerate(losses, 1)]
    log.write_text('\n'.join([*lines, json.dumps(dict(acc=1, step=9))]))


def write_test(folder: Path, metrics: dict) -> None:
    record = folder / 'test' / '20260101_000001'
    record.mkdir(parents=True)
    (record / '20260101_000001.json').write_text(json.dumps(metrics))
    (record / '20260101_000001.log').write_text('a log beside a record')
    picture = record / 'pictures' / 'vis_data' / 'vis_image'
    picture.mkdir(parents=True)
    cv2.imwrite(str(picture / 'a.png'), np.zeros((8, 8, 3), np.uint8))


def finished_plan(root: Path, scores: dict[tuple[str, str, int], float],
                  seeds: int) -> Plan:
    plan = Plan(root=root, work_dir=root / 'work', data=root / 'data',
                seeds=seeds, tasks=TASKS)
    write_run(plan.pretrain_dir, [4.0, 3.0, 2.0, 1.5])
    for task in TASKS:
        for init in ('pretrained', 'random'):
            for seed in range(seeds):
                folder = plan.run_dir(task, init, seed)
                write_run(folder, [2.0, 1.0])
                write_test(folder,
                           {task.metric: scores[task.name, init, seed]})
    return plan


def test_report_holds_the_measured_numbers(tmp_path: Path) -> None:
    plan = finished_plan(
        tmp_path, {
            ('seg', 'pretrained', 0): 41.25,
            ('seg', 'random', 0): 40.0,
            ('det', 'pretrained', 0): 0.125,
            ('det', 'random', 0): 0.25,
        }, seeds=1)
    make_runner(plan.work_dir).run(
        Stage('a stage', plan.work_dir, [sys.executable, '-c', 'pass']))
    report = write_report(plan)
    markdown = report.with_suffix('.md').read_text()
    assert 'Segmentation | mIoU | 41.25 | 40.00 | +1.25' in markdown
    assert 'Detection | AP50 | 12.50 | 25.00 | -12.50' in markdown
    assert f'`{sys.executable} -c pass`' in markdown
    text = report.read_text()
    assert '<td>41.25</td>' in text
    # self-contained: pictures and curves are inside
    assert text.count('src="data:image/png;base64,') == 3 + 2
    assert 'src="figures' not in text


def test_report_over_seeds(tmp_path: Path) -> None:
    scores = {(task.name, init, seed): 10.0 + seed
              for task in TASKS for init in ('pretrained', 'random')
              for seed in range(3)}
    plan = finished_plan(tmp_path, scores, seeds=3)
    markdown = write_report(plan).with_suffix('.md').read_text()
    assert 'mIoU | 11.00 ± 1.00 | 11.00 ± 1.00 | +0.00' in markdown


def test_report_refuses_a_missing_record(tmp_path: Path) -> None:
    with pytest.raises(DataError, match='tools/test.py'):
        read_metrics(tmp_path)
    with pytest.raises(DataError, match='loss'):
        read_scalars(tmp_path)


def test_resumed_run_is_one_curve(tmp_path: Path) -> None:
    for start, steps in (('20260101_1', (1, 2, 3)), ('20260101_2', (3, 4))):
        log = tmp_path / start / 'vis_data' / 'scalars.json'
        log.parent.mkdir(parents=True)
        log.write_text('\n'.join(
            json.dumps(dict(loss=float(log.parent.parent.name[-1]), step=s))
            for s in steps))
    assert read_scalars(tmp_path) == {1: 1.0, 2: 1.0, 3: 2.0, 4: 2.0}


def make_runner(tmp_path: Path) -> Runner:
    return Runner(Plan(root=tmp_path, work_dir=tmp_path, data=tmp_path))


def test_finished_stage_is_not_run_again(tmp_path: Path) -> None:
    count = tmp_path / 'count'
    code = f'open({str(count)!r}, "a").write("x")'
    runner = make_runner(tmp_path)
    stage = Stage('count', tmp_path / 'logs', [sys.executable, '-c', code])
    runner.run(stage)
    runner.run(stage)
    assert count.read_text() == 'x'
    changed = Stage('count', tmp_path / 'logs',
                    [sys.executable, '-c', code + ';1'])
    runner.run(changed)
    assert count.read_text() == 'xx'


def test_failed_stage_shows_its_output(tmp_path: Path) -> None:
    stage = Stage('fail', tmp_path / 'logs', [
        sys.executable, '-c', 'import sys; sys.exit("the cause")'])
    with pytest.raises(UserError, match='the cause'):
        make_runner(tmp_path).run(stage)
    assert not stage.is_done()
