# Copyright (c) mmeo contributors. All rights reserved.
"""Sphinx settings: ``sphinx-build docs/en docs/en/_build``."""

project = 'mmeo'
copyright = 'mmeo contributors'
extensions = ['myst_parser']
html_theme = 'furo'
exclude_patterns = ['_build']
