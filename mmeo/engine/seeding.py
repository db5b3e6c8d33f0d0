# Copyright (c) mmeo contributors. All rights reserved.
"""Seeds that are a hash of where in a run they are used."""

import random

import numpy as np
import torch


def derive_seed(*words: int) -> int:
    """A 32-bit seed from non-negative integers, e.g. (run, step, sample).

    Neighbouring words give unrelated seeds, which sums of them would not.
    """
    return int(np.random.SeedSequence(words).generate_state(1)[0])


def seed_generators(*words: int) -> None:
    """Seed torch (all devices), numpy and Python with a hash of ``words``."""
    seed = derive_seed(*words)
    torch.manual_seed(seed)
    np.random.seed(seed)
    random.seed(seed)
