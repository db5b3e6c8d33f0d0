# Copyright (c) mmeo contributors. All rights reserved.
"""The twelve corruptions of REOBench and their five severities.

Source: REOBench (arXiv 2505.16793); the numbers are those of its published
image generator, in the units given here. All code is ours.
"""

from typing import Any

SEVERITIES = (1, 2, 3, 4, 5)

# Name to the parameters of severity 1 to 5.
APPEARANCE: dict[str, tuple[Any, ...]] = {
    # standard deviation, as a share of the value range
    'gaussian_noise': (0.04, 0.05, 0.06, 0.07, 0.08),
    # share of values (pixel and band) set to lowest or highest
    'salt_and_pepper_noise': (0.005, 0.01, 0.02, 0.03, 0.05),
    # kernel in pixels; sigma = 0.3 ((k - 1) / 2 - 1) + 0.8
    'gaussian_blur': (3, 5, 7, 9, 11),
    # length of the horizontal path in pixels
    'motion_blur': (2, 4, 6, 8, 10),
    # added brightness (share of the range) and factor of contrast; the first
    # changes nothing, as in REOBench
    'brightness_contrast': ((0.0, 1.0), (0.1, 0.8), (0.2, 0.6), (0.3, 0.4),
                            (0.4, 0.2)),
    # noise above 1 - density is cloud
    'clouds': (0.1, 0.15, 0.2, 0.25, 0.3),
    # share of white
    'haze': (0.2, 0.3, 0.4, 0.5, 0.6),
    # number of stripes over the diagonal, width in pixels
    'gaps': ((2, 3), (3, 4), (4, 5), (5, 6), (6, 7)),
    # JPEG quality
    'compression_artifacts': (30, 25, 20, 15, 10),
}
GEOMETRIC: dict[str, tuple[Any, ...]] = {
    # degrees, counter-clockwise
    'rotate': (30, 45, 60, 75, 90),
    # factor of both sides; the rest of the picture is black
    'scale': (0.9, 0.8, 0.7, 0.6, 0.5),
    # pixels along both axes, sign at random
    'translate': (15, 20, 25, 30, 35),
}
CORRUPTIONS = (*APPEARANCE, *GEOMETRIC)
