# Copyright (c) mmeo contributors. All rights reserved.
"""Answers of in-context segmentation in all modes, side by side."""

from typing import Any, Optional

import numpy as np

from mmeo.registry import VISUALIZERS
from mmeo.structures import MODES, OTHER_LABEL

from .rendering import blend, colour_map
from .visualizers import GeoSegVisualizer, _map


@VISUALIZERS.register_module()
class EpisodeVisualizer(GeoSegVisualizer):
    """Image | ground truth | visual | textual | fused, with a legend.

    Predictions number the classes of an episode; they are drawn in the
    data set's colours; none of them (254) is grey.

    Args:
        **kwargs: As for :class:`GeoSegVisualizer`.
    """

    def panels(self, image: np.ndarray, data_sample: Any, draw_gt: bool,
               draw_pred: bool) -> tuple[dict, Optional[dict]]:
        """See the class."""
        panels, legend = super().panels(image, data_sample, draw_gt, False)
        image = panels['image']
        for mode in MODES if draw_pred else ():
            numbers = _map(data_sample, f'pred_{mode}')
            if numbers is not None:
                panels[mode] = blend(image, colour_map(
                    dataset_ids(numbers, data_sample.episode),
                    list(legend.values())), self.alpha)
        return panels, legend


def dataset_ids(numbers: np.ndarray, episode: tuple[int, ...]) -> np.ndarray:
    """Numbers of an episode's classes as ids of the data set.

    Args:
        numbers (np.ndarray): Any shape; 254 for none of them.
        episode (tuple[int]): Ids asked for, in their order.

    Returns:
        np.ndarray: uint8 of the same shape; 254 stays.
    """
    table = np.full(256, OTHER_LABEL, np.uint8)
    ids = list(dict.fromkeys(episode))
    table[:len(ids)] = ids
    return table[numbers.astype(np.int64)]
