# Copyright (c) mmeo contributors. All rights reserved.
"""Imports of mmdet and mmseg without their notice.

The maintained forks print ``Could not import OneDL`` when their dataset
packages are imported without the vendor's client. The line is sent at debug
level but without a logger, which mmengine takes for a ``print``; no setting
silences it.
"""

import importlib
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Any, TextIO

NOTICE = 'Could not import OneDL'
SIBLINGS = ('mmdet', 'mmseg', 'mmpretrain', 'mmrotate')


class _WithoutNotice:
    """A text stream that drops the notice and the line end after it."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._dropped = False

    def write(self, text: str) -> int:
        if text.startswith(NOTICE):
            self._dropped = not text.endswith('\n')
            return len(text)
        if self._dropped and text == '\n':
            self._dropped = False
            return 1
        return self._stream.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def quiet_imports() -> Iterator[None]:
    """Inside, everything is printed but the notice."""
    with redirect_stdout(_WithoutNotice(sys.stdout)):
        yield


def import_siblings(config_text: str) -> None:
    """Import the mm* packages whose scope a config names, quietly.

    Registries import them anyway when they build the first component.

    Args:
        config_text (str): Any text of the config.
    """
    with quiet_imports():
        for name in SIBLINGS:
            if re.search(rf'\b{name}\.[A-Z]', config_text) or \
                    re.search(rf'_scope_\W+{name}\b', config_text):
                for part in ('datasets', 'models', 'evaluation'):
                    importlib.import_module(f'{name}.{part}')
