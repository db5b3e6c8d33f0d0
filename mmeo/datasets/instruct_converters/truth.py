# Copyright (c) mmeo contributors. All rights reserved.
"""What a metric reads from a record beside the dialogue."""

from collections.abc import Mapping
from typing import Any

# Fields by task; `id` and `dataset` are asked of all.
TRUTH_FIELDS: dict[str, tuple[str, ...]] = {
    '': (),
    'CAP': ('references', ),
    'CLS': ('label', ),
    'VQA': ('question_type', ),
    'CCD': ('references', ),
    'VG': ('boxes', ),
    'REF': ('references', ),
    # `class_name` and `class_index` too, unless all classes are asked for.
    'SEG': ('mask', 'classes', 'image_id'),
}


def missing_truth(task: str, record: Mapping[str, Any]) -> list[str]:
    """Fields that a metric of the task would look for in vain.

    Args:
        task (str): Key of :data:`mmeo.codecs.TASKS` or ''.
        record (Mapping): Of an evaluation file.

    Returns:
        list[str]: Names of absent or empty fields.
    """
    wanted = ('id', 'dataset', *TRUTH_FIELDS[task])
    return [name for name in wanted
            if record.get(name) is None or record[name] in ('', [], {})]
