# Copyright (c) mmeo contributors. All rights reserved.
"""Key layouts, one module for each family of checkpoints."""
