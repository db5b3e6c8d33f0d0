#!/usr/bin/env python
# Copyright (c) mmeo contributors. All rights reserved.
"""How fast SynthEarth is made: scenes per second of one core.

All modalities and annotations are rendered and written to disk. Wall time
suffers from whatever else runs on the machine; the processor time of the
process is given beside it.
"""

import argparse
import platform
import tempfile
import time

import cv2
import numpy as np
import rasterio

from mmeo.datasets.synthetic import make_synthearth
from mmeo.datasets.synthetic.texture import bank
from mmeo.utils import device_name


def machine() -> str:
    """Processor and library versions."""
    return (f'{device_name()}; Python {platform.python_version()}, '
            f'numpy {np.__version__}, OpenCV {cv2.__version__}, '
            f'rasterio {rasterio.__version__}')


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--sizes', type=int, nargs='+',
                        default=[128, 256, 512, 1024])
    parser.add_argument('--scenes', type=int, default=36,
                        help='a multiple of nine holds all themes equally')
    parser.add_argument('--out', help='folder on the disk to measure with; '
                        'a temporary one by default')
    args = parser.parse_args()
    cv2.setNumThreads(1)
    print(machine())
    start = time.perf_counter()
    bank()
    print(f'textures, once per process: {time.perf_counter() - start:.2f} s')
    for size in args.sizes:
        with tempfile.TemporaryDirectory(dir=args.out) as folder:
            wall, busy = time.perf_counter(), time.process_time()
            make_synthearth(folder, args.scenes, size, progress=False)
            wall = time.perf_counter() - wall
            busy = time.process_time() - busy
        print(f'{size:5d} px: {args.scenes / wall:6.2f} scenes/s wall, '
              f'{args.scenes / busy:6.2f} scenes/s processor time')


if __name__ == '__main__':
    main()
