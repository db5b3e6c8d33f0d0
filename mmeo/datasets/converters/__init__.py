# Copyright (c) mmeo contributors. All rights reserved.
"""From official downloads to the trees that configs read."""
