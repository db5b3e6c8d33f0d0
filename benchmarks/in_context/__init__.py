# Copyright (c) mmeo contributors. All rights reserved.
"""Parts of benchmarks/vita.py."""
