# Copyright (c) mmeo contributors. All rights reserved.
"""Pure functions between data and text."""

from .boxes import (
                       BOX_SCALE,
                       BoxText,
                       decode_boxes,
                       encode_boxes,
                       inspect_boxes,
)
from .dialogue import (
                       IGNORE_INDEX,
                       RenderedDialogue,
                       read_turns,
                       render_dialogue,
)
from .mask_grid import from_grid, to_grid
from .mask_scores import cell_logprobs
from .masks import IGNORE_LABEL, MaskText, decode_mask, encode_mask
from .tasks import (
                       GRANULARITIES,
                       TASKS,
                       granularity_of,
                       route_dialogue,
                       task_of,
                       task_token,
)
from .templates import (
                       IMAGE_PLACEHOLDER,
                       INTERNVL_TOKENS,
                       TEMPLATES,
                       DialogueTemplate,
                       get_template,
)
from .tokenizers import ByteBPETokenizer, PretrainedTokenizer, build_tokenizer

__all__ = [
    'BOX_SCALE', 'GRANULARITIES', 'IGNORE_INDEX', 'IGNORE_LABEL',
    'IMAGE_PLACEHOLDER', 'INTERNVL_TOKENS', 'TASKS', 'TEMPLATES',
    'BoxText', 'ByteBPETokenizer', 'DialogueTemplate', 'MaskText',
    'PretrainedTokenizer', 'RenderedDialogue', 'build_tokenizer',
    'cell_logprobs', 'decode_boxes', 'decode_mask', 'encode_boxes',
    'encode_mask', 'from_grid', 'get_template', 'granularity_of',
    'inspect_boxes', 'read_turns', 'render_dialogue', 'route_dialogue',
    'task_of', 'task_token', 'to_grid'
]
