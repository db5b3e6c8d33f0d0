# Copyright (c) mmeo contributors. All rights reserved.
"""Key layouts of RSUniVLM: LLaVA-OneVision's, with experts.

A dense model is read too: each of its feed-forward networks becomes three
equal experts, the start of stage 2.
"""

from torch import Tensor

from ..experts import count_experts, expand_experts
from ..report import Report
from . import llava_onevision

LAYOUTS = ('mmeo', 'original')


def to_mmeo(state: dict[str, Tensor]) -> tuple[dict[str, Tensor], Report]:
    """See :func:`mmeo.weights.families.llava_onevision.to_mmeo`."""
    out, report = llava_onevision.to_mmeo(state)
    report.family = 'rsunivlm'
    if not count_experts(out):
        out = expand_experts(out)
        report.notes.append('a dense model: its feed-forward networks were '
                            'copied into three experts')
    return out, report


from_mmeo = llava_onevision.from_mmeo
