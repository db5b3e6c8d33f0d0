# Copyright (c) mmeo contributors. All rights reserved.
"""One module per file format; all output is byte-identical per input."""
