# Copyright (c) mmeo contributors. All rights reserved.
"""Parts of ``benchmarks/skysense_v2.py``."""
