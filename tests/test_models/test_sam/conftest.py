# Copyright (c) mmeo contributors. All rights reserved.
"""Each model of the SAM series."""

import pytest
from small_sam import make_sam

from mmeo.models.sam import SAMModel


@pytest.fixture(params=['sam', 'sam2'])
def sam(request) -> SAMModel:
    return make_sam(request.param)
