# Copyright (c) mmeo contributors. All rights reserved.
"""Batches of samples that differ in what they hold."""

from collections.abc import Sequence
from typing import Any

# The root: the Runner asks it alone.
from mmengine.registry import FUNCTIONS


@FUNCTIONS.register_module()
def list_collate(samples: Sequence[Any]) -> list[Any]:
    """A batch is the list of its samples.

    mmengine's ``pseudo_collate`` keeps the keys of the first sample: for
    samples of which some lack a modality it fails, or drops what the first
    one lacks.

    Args:
        samples (Sequence): Of a dataset.
    """
    return list(samples)
