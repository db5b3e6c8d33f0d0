# Copyright (c) mmeo contributors. All rights reserved.
"""The result of one check, and what checks ask of the machine."""

import importlib
import importlib.metadata
import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Optional

OK, WARN, FAIL = 'ok', 'warn', 'FAIL'


@dataclass(frozen=True)
class Check:
    """One line of the report.

    Args:
        status (str): ``'ok'``, ``'warn'`` or ``'FAIL'``.
        what (str): What was looked at.
        detail (str): What was found.
        fix (str): What to do about it; empty where nothing is wrong.
    """

    status: str
    what: str
    detail: str
    fix: str = ''


class Environment:
    """The machine as the checks see it; tests replace single methods."""

    def python(self) -> tuple[int, ...]:
        """Version of the interpreter."""
        return tuple(sys.version_info[:3])

    def version(self, distribution: str) -> Optional[str]:
        """Version of an installed distribution, None if it is absent."""
        try:
            return importlib.metadata.version(distribution)
        except importlib.metadata.PackageNotFoundError:
            return None

    def load(self, module: str) -> ModuleType:
        """Import a module."""
        return importlib.import_module(module)

    def free_bytes(self, folder: Path) -> int:
        """Free space of the disk that holds ``folder``, in bytes."""
        while not folder.exists():
            folder = folder.parent
        return shutil.disk_usage(folder).free

    def package_folder(self) -> Path:
        """The folder ``mmeo/`` in use."""
        return Path(__file__).resolve().parent.parent


def number(version: str, parts: int = 3) -> tuple[int, ...]:
    """The leading numbers of a version, for comparison.

    >>> number('2.12.1+cpu')
    (2, 12, 1)
    """
    found = [int(part) for part in re.findall(r'\d+', version.split('+')[0])]
    return tuple((found + [0] * parts)[:parts])


def reason(error: BaseException) -> str:
    """An exception in one line."""
    first = next(iter(str(error).strip().splitlines()), '')
    return f'{type(error).__name__}: {first[:160]}'
