# Copyright (c) mmeo contributors. All rights reserved.
"""Classes of a scene below its picture."""

from typing import Any, Optional

import numpy as np

from mmeo.registry import VISUALIZERS

from .visualizers import _PanelVisualizer

HIT, FALSE, MISSED, UNKNOWN = ((60, 170, 75), (215, 50, 45), (50, 90, 220),
                               (150, 150, 150))


@VISUALIZERS.register_module()
class SceneVisualizer(_PanelVisualizer):
    """The image, and below it the classes, one or many.

    Green classes were found, red ones are wrong, blue ones were missed; grey
    ones have nothing to be compared with. Predictions show their score.

    Args:
        name (str): Name of the instance. Defaults to 'visualizer'.
        **kwargs: As for mmengine's ``Visualizer``.
    """

    def panels(self, image: np.ndarray, data_sample: Any, draw_gt: bool,
               draw_pred: bool) -> tuple[dict, Optional[dict]]:
        """See the class."""
        names = (self.dataset_meta or {}).get('classes') or ()
        truth = _ids(data_sample, 'gt_label') if draw_gt else None
        found = _ids(data_sample, 'pred_label') if draw_pred else None
        scores = data_sample.get('pred_score') if data_sample is not None \
            else None
        legend = {}
        for index in found or ():
            text = names[index] if index < len(names) else str(index)
            if scores is not None:
                text += f' {float(scores[index]):.2f}'
            legend[text] = UNKNOWN if truth is None else (
                HIT if index in truth else FALSE)
        for index in truth or ():
            if index not in (found or ()):
                text = names[index] if index < len(names) else str(index)
                legend[text] = UNKNOWN if found is None else MISSED
        return {'image': image}, legend


def _ids(data_sample: Any, key: str) -> Optional[list[int]]:
    """Labels of a data sample, None where there are none."""
    if data_sample is None or key not in data_sample:
        return None
    return data_sample.get(key).reshape(-1).tolist()
