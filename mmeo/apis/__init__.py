# Copyright (c) mmeo contributors. All rights reserved.
"""What a person calls from Python; ``tools/`` are thin shells over it.

Names are imported on first use, so ``import mmeo.apis`` costs nothing.
"""

from importlib import import_module
from typing import Any

_HOME = {
    'train': 'training',
    'test': 'testing',
    'browse': 'browsing',
    'complexity': 'flops',
    'load_config': 'config',
    'run_main': 'run',
    'table': 'tables',
    'record': 'tables',
    'robustness': 'robustness_test',
    'attention_map': 'attention',
    'chat': 'chat_command',
    'ChatInferencer': 'chat_inferencer',
    'prompt': 'prompt_command',
    'PromptInferencer': 'prompt_inferencer',
}

__all__ = list(_HOME)


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f'mmeo.apis.{_HOME[name]}'), name)
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')


def __dir__() -> list[str]:
    return sorted(__all__)
