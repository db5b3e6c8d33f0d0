# Copyright (c) mmeo contributors. All rights reserved.
import builtins
import platform

import pytest

from mmeo.utils import device_name


def test_name_of_the_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    assert device_name()

    def absent(*args, **kwargs):
        raise OSError

    monkeypatch.setattr(builtins, 'open', absent)  # as on macOS
    monkeypatch.setattr(platform, 'processor', lambda: 'arm')
    assert device_name() == 'arm'
