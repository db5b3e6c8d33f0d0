# Copyright (c) mmeo contributors. All rights reserved.
"""Frozen encoders of class names."""

from .base import TextEncoder
from .byte_tokenizer import CLIPByteTokenizer
from .clip import CLIPTextEncoder, embed_names
from .hashed import HashedTextEncoder
from .names import check_class_names, say_name

__all__ = [
    'CLIPByteTokenizer', 'CLIPTextEncoder', 'HashedTextEncoder',
    'TextEncoder', 'check_class_names', 'embed_names', 'say_name'
]
