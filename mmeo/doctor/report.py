# Copyright (c) mmeo contributors. All rights reserved.
"""Runs all checks and prints them."""

import dataclasses
import json
from collections.abc import Callable, Iterable
from typing import Optional

from mmeo.doctor import machine, packages
from mmeo.doctor.check import FAIL, WARN, Check, Environment, reason

CHECKS: tuple[Callable[[Environment], Iterable[Check]], ...] = (
    packages.check_python,
    packages.check_torch,
    packages.check_torchvision,
    packages.check_numpy,
    packages.check_opencv,
    packages.check_transformers,
    packages.check_stack,
    machine.check_ops,
    machine.check_raster,
    machine.check_cuda,
    machine.check_mmeo,
    packages.check_build_tools,
    machine.check_disk,
)


def diagnose(env: Optional[Environment] = None) -> list[Check]:
    """Run every check; one that itself fails is reported as a failure."""
    env = env or Environment()
    results: list[Check] = []
    for check in CHECKS:
        try:
            results += check(env)
        except Exception as error:
            name = check.__name__.removeprefix('check_')
            results.append(Check(
                FAIL, name, f'the check itself failed: {reason(error)}',
                'make the environment anew: rm -rf .venv; make install'))
    return results


def run_doctor(as_json: bool = False,
               env: Optional[Environment] = None) -> int:
    """Print the report.

    Args:
        as_json (bool): One JSON list instead of lines. Defaults to False.
        env (Environment, optional): The machine; a test's, or this one.

    Returns:
        int: 0 when all is well, 1 when a check failed.
    """
    results = diagnose(env)
    failed = sum(check.status == FAIL for check in results)
    if as_json:
        print(json.dumps([dataclasses.asdict(c) for c in results], indent=1))
        return int(bool(failed))
    width = max(len(check.what) for check in results)
    for check in results:
        print(f'{check.status:<4}  {check.what:<{width}}  {check.detail}')
        if check.fix:
            print(f'{"":<{width + 6}}  fix: {check.fix}')
    warned = sum(check.status == WARN for check in results)
    if failed:
        print(f'\n{failed} of {len(results)} checks failed.')
    else:
        print('\nall is well' + (f', {warned} warning'
                                 f'{"s" * (warned > 1)}' if warned else ''))
    return int(bool(failed))
