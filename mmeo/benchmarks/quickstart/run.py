# Copyright (c) mmeo contributors. All rights reserved.
"""Run the stages of the quick start, each a command a user could type.

A stage leaves a stamp when it has finished; an interrupted quick start goes
on with the first stage that has none, and a stopped training resumes from its
last checkpoint.
"""

import json
import os
import re
import shlex
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from mmeo.errors import UserError

from .plan import PRETRAIN_CONFIG, STAMP_SUFFIX, Plan, Task
from .report import write_report


@dataclass(frozen=True)
class Stage:
    """A command with a stamp and a log.

    Args:
        name: What the progress line says.
        folder: Where stamp and log go.
        command: Argument list.
    """

    name: str
    folder: Path
    command: list[str]

    @property
    def slug(self) -> str:
        return re.sub(r'\W+', '-', self.name.lower())

    @property
    def stamp(self) -> Path:
        return self.folder / f'{self.slug}{STAMP_SUFFIX}'

    @property
    def log(self) -> Path:
        return self.folder / f'{self.slug}.log'

    def is_done(self) -> bool:
        """Whether the same command has finished before."""
        return self.stamp.exists() and json.loads(
            self.stamp.read_text())['command'] == self.command


def latest_checkpoint(folder: Path) -> Path:
    """The checkpoint that ``last_checkpoint`` names.

    Raises:
        UserError: If training left none.
    """
    pointer = folder / 'last_checkpoint'
    if not pointer.exists():
        raise UserError(f'{folder} holds no checkpoint: see the log there')
    return Path(pointer.read_text().strip())


class Runner:
    """Runs stages and prints a line for each."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.started = time.time()
        self.cores = os.cpu_count() or 1
        # one pretraining and two initialisations of each task
        self.workers = min(self.cores, 1 + 2 * len(plan.tasks) * plan.seeds)

    def run(self, stage: Stage) -> None:
        """Run one stage unless its stamp says it is done.

        Raises:
            UserError: If the command fails; the message names its log.
        """
        if stage.is_done():
            self.say(f'{stage.name}: done before')
            return
        stage.folder.mkdir(parents=True, exist_ok=True)
        self.say(f'{stage.name} …')
        threads = str(max(1, self.cores // self.workers))
        env = {**os.environ, 'OMP_NUM_THREADS': threads,
               'MKL_NUM_THREADS': threads}
        started = time.time()
        with stage.log.open('w') as output:
            code = subprocess.run(
                stage.command, cwd=self.plan.root, env=env, stdout=output,
                stderr=subprocess.STDOUT).returncode
        if code:
            raise UserError(
                f'{stage.name} failed (exit {code}). The command was\n'
                f'  {shlex.join(stage.command)}\nand its output ends\n'
                f'{_tail(stage.log)}\nWhole log: {stage.log}\nMend the cause '
                'and run `make quickstart` again: finished stages are kept.')
        seconds = time.time() - started
        stage.stamp.write_text(json.dumps(
            dict(name=stage.name, command=stage.command, seconds=seconds)))
        self.say(f'{stage.name}: {seconds:.0f} s')

    def say(self, text: str) -> None:
        # One write, newline included: stages print side by side.
        sys.stdout.write(f'[{time.time() - self.started:5.0f} s] {text}\n')
        sys.stdout.flush()


def _tail(log: Path, lines: int = 15) -> str:
    text = log.read_text(errors='replace').splitlines()[-lines:]
    return '\n'.join('  | ' + line for line in text)


def _pretrain(runner: Runner) -> None:
    """Pretrain the VLM and take its vision tower out."""
    plan, python = runner.plan, sys.executable
    runner.run(Stage('instruction pretraining', plan.pretrain_dir, [
        python, 'tools/train.py', PRETRAIN_CONFIG, '--work-dir',
        str(plan.pretrain_dir), '--resume', 'auto']))
    runner.run(Stage('extract the ViT', plan.work_dir, [
        python, 'tools/model_converters/convert.py',
        str(latest_checkpoint(plan.pretrain_dir)), str(plan.vit), '--to',
        'mmeo', '--vision-only']))


def _finetune(runner: Runner, task: Task, init: str, seed: int) -> None:
    """Train and test one task from one initialisation."""
    folder = runner.plan.run_dir(task, init, seed)
    # Evaluation is a stage of its own: none at the end of the training.
    options = [f'randomness.seed={seed}', 'val_cfg=None',
               'val_dataloader=None', 'val_evaluator=None']
    if init == 'pretrained':
        options += ['model.backbone.vit.init_cfg.type=Pretrained',
                    'model.backbone.vit.init_cfg.checkpoint='
                    f'{runner.plan.vit}']
    name = f'{task.name}, {init} init, seed {seed}'
    runner.run(Stage(f'train {name}', folder, [
        sys.executable, 'tools/train.py', task.config, '--work-dir',
        str(folder), '--resume', 'auto', '--cfg-options', *options]))
    runner.run(Stage(f'test {name}', folder, [
        sys.executable, 'tools/test.py', task.config,
        str(latest_checkpoint(folder)), '--work-dir', str(folder / 'test'),
        '--show-dir', 'pictures']))


def run_quickstart(plan: Plan) -> Path:
    """Data, pretraining, fine-tuning, evaluation, report.

    The runs from random weights do not wait for the pretraining: as many
    jobs as there are cores go on side by side, each on its own cores.

    Args:
        plan: Settings and paths.

    Returns:
        The report, ``work_dir/report.html``; ``report.md`` lies beside it.

    Raises:
        UserError: If a stage fails.
    """
    plan.work_dir.mkdir(parents=True, exist_ok=True)
    runner = Runner(plan)
    runner.run(Stage('make SynthEarth', plan.work_dir, [
        sys.executable, 'tools/dataset_converters/make_synthearth.py',
        '--out', str(plan.data), '--scenes', str(plan.scenes), '--size',
        str(plan.size), '--seed', '0', '--workers', str(runner.cores)]))
    runs = [(task, seed) for seed in range(plan.seeds)
            for task in plan.tasks]
    with ThreadPoolExecutor(runner.workers) as pool:
        pretraining = pool.submit(_pretrain, runner)
        jobs = [pool.submit(_finetune, runner, task, 'random', seed)
                for task, seed in runs]
        pretraining.result()
        jobs += [pool.submit(_finetune, runner, task, 'pretrained', seed)
                 for task, seed in runs]
        for job in jobs:
            job.result()
    report = write_report(plan)
    runner.say(f'report: {report.with_suffix(".md")}\n'
               f'                {report}')
    return report
