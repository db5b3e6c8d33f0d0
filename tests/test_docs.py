# Copyright (c) mmeo contributors. All rights reserved.
"""Shell blocks marked ``bash run`` in README and docs run; links resolve."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / 'README.md', *sorted((ROOT / 'docs' / 'en').rglob('*.md')),
         *sorted((ROOT / 'projects').rglob('README.md')),
         *sorted((ROOT / 'configs').rglob('README.md'))]
BLOCK = re.compile(r'^```bash run( slow)?\n(.*?)^```', re.M | re.S)
LINK = re.compile(r'\]\(([^)#\s]+)')


def blocks(slow: bool) -> list:
    return [
        pytest.param(match[2], id=f'{page.relative_to(ROOT)}-{i}')
        for page in PAGES
        for i, match in enumerate(BLOCK.finditer(page.read_text()))
        if bool(match[1]) == slow
    ]


def run(script: str) -> None:
    env = {**os.environ,
           'PATH': f'{Path(sys.executable).parent}:{os.environ["PATH"]}'}
    result = subprocess.run(['bash', '-euo', 'pipefail', '-c', script],
                            cwd=ROOT, env=env, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize('script', blocks(slow=False))
def test_runnable_blocks(script: str) -> None:
    run(script)


@pytest.mark.slow
@pytest.mark.parametrize('script', blocks(slow=True))
def test_slow_runnable_blocks(script: str) -> None:
    run(script)


@pytest.mark.parametrize('page', PAGES,
                         ids=lambda page: str(page.relative_to(ROOT)))
def test_links_resolve(page: Path) -> None:
    broken = [
        target for target in LINK.findall(page.read_text())
        if '://' not in target and not target.startswith('mailto:')
        and not (page.parent / target).exists()
    ]
    assert not broken


def test_some_blocks_are_marked() -> None:
    assert len(blocks(slow=False)) >= 5
