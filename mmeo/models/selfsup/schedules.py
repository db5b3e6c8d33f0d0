# Copyright (c) mmeo contributors. All rights reserved.
"""Values that depend on nothing but the iteration, so resuming is exact."""

import math


def cosine_schedule(start: float, end: float, step: int, total: int) -> float:
    """``start`` at step 0, ``end`` at step ``total`` and after it.

    Args:
        start (float): First value.
        end (float): Last value.
        step (int): From 0.
        total (int): Steps of the way, at least 1.
    """
    share = min(step / max(total, 1), 1.)
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2


def linear_schedule(start: float, end: float, step: int,
                    total: float) -> float:
    """As :func:`cosine_schedule`, along a straight line.

    A ``total`` of 0 is at the end from the beginning.
    """
    share = min(step / total, 1.) if total > 0 else 1.
    return start + (end - start) * share
