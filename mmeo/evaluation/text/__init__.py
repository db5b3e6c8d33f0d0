# Copyright (c) mmeo contributors. All rights reserved.
"""What the metrics of answers in words are made of: rules, tokens, names."""
