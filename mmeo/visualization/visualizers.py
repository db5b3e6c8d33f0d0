# Copyright (c) mmeo contributors. All rights reserved.
"""Visualizers of dense tasks: what goes in, what is true, what is said."""

from collections.abc import Sequence
from typing import Any, Optional

import mmcv
import numpy as np
from mmengine.dist import master_only
from mmengine.visualization import Visualizer

from mmeo.registry import VISUALIZERS

from .rendering import (
    blend,
    change_colours,
    colour_map,
    fit,
    read_rgb,
    side_by_side,
)


def _map(data_sample: Any, key: str) -> Optional[np.ndarray]:
    """A label map of a data sample as ``(H, W)``, or None."""
    if data_sample is None or key not in data_sample:
        return None
    return np.asarray(data_sample.get(key).data.cpu()).squeeze()


class _PanelVisualizer(Visualizer):
    """Common to both: build panels, then show, save or hand on."""

    def panels(self, image: np.ndarray, data_sample: Any, draw_gt: bool,
               draw_pred: bool) -> tuple[dict, Optional[dict]]:
        """Titles to pictures, and a legend."""
        raise NotImplementedError

    @master_only
    def add_datasample(self,
                       name: str,
                       image: np.ndarray,
                       data_sample: Any = None,
                       draw_gt: bool = True,
                       draw_pred: bool = True,
                       show: bool = False,
                       wait_time: float = 0.0,
                       out_file: Optional[str] = None,
                       step: int = 0,
                       **kwargs: Any) -> None:
        """Draw one sample; signature as in mmseg.

        Args:
            name: Name of the picture.
            image: ``(H, W, 3)`` uint8, RGB.
            data_sample: Sample with ``gt_sem_seg`` and / or
                ``pred_sem_seg``. Defaults to None.
            draw_gt: Draw the truth. Defaults to True.
            draw_pred: Draw the prediction. Defaults to True.
            show: Show a window instead of saving. Defaults to False.
            wait_time: Seconds the window stays. Defaults to 0, for ever.
            out_file: File to write instead of the backends. Defaults to None.
            step: Step under which backends file it. Defaults to 0.
            **kwargs: Options of other visualizers; not used here.
        """
        picture = side_by_side(
            *self.panels(image, data_sample, draw_gt, draw_pred))
        self.set_image(picture)
        if show:
            self.show(picture, win_name=name, wait_time=wait_time)
        if out_file is not None:
            mmcv.imwrite(picture[..., ::-1], out_file)
        elif not show:
            self.add_image(name, picture, step)


@VISUALIZERS.register_module()
class GeoSegVisualizer(_PanelVisualizer):
    """Image | ground truth | prediction, with a legend.

    Classes and palette come from the dataset.

    Args:
        name (str): Name of the instance. Defaults to 'visualizer'.
        alpha (float): Opacity of the colours over the image. Defaults to 0.6.
        **kwargs: As for mmengine's ``Visualizer``.
    """

    def __init__(self, name: str = 'visualizer', alpha: float = 0.6,
                 **kwargs: Any) -> None:
        super().__init__(name, **kwargs)
        self.alpha = alpha

    def panels(self, image: np.ndarray, data_sample: Any, draw_gt: bool,
               draw_pred: bool) -> tuple[dict, Optional[dict]]:
        """See the class."""
        meta = self.dataset_meta or {}
        palette = meta.get('palette') or []
        labels = [_map(data_sample, key) for key in ('gt_sem_seg',
                                                     'pred_sem_seg')]
        for label in labels:
            if label is not None:  # its grid may be another one
                image = fit(image, label.shape)
        panels = {'image': image}
        for wanted, label, title in (
                (draw_gt, labels[0], 'ground truth'),
                (draw_pred, labels[1], 'prediction')):
            if wanted and label is not None:
                panels[title] = blend(image, colour_map(label, palette),
                                      self.alpha)
        return panels, dict(zip(meta.get('classes', ()), palette))


@VISUALIZERS.register_module()
class ChangeVisualizer(_PanelVisualizer):
    """Date A | date B | label | prediction.

    In the prediction hits are white, false alarms red, misses blue. Without
    a label the predicted change is white.

    Args:
        name (str): Name of the instance. Defaults to 'visualizer'.
        rgb_bands (list[int | str], optional): Bands of the second date shown
            as red, green, blue. Defaults to None, the first three.
        **kwargs: As for mmengine's ``Visualizer``.
    """

    LEGEND = {'hit': (255, 255, 255), 'false alarm': (230, 40, 40),
              'miss': (40, 110, 255)}

    def __init__(self, name: str = 'visualizer',
                 rgb_bands: Optional[Sequence] = None,
                 **kwargs: Any) -> None:
        super().__init__(name, **kwargs)
        self.rgb_bands = rgb_bands

    def panels(self, image: np.ndarray, data_sample: Any, draw_gt: bool,
               draw_pred: bool) -> tuple[dict, Optional[dict]]:
        """See the class; ``image`` is ``(H, W, 3)`` or both dates stacked."""
        if image.shape[2] == 6:
            panels = {'A': image[..., :3], 'B': image[..., 3:]}
        else:
            panels = {'A': image}
            second = data_sample.metainfo.get('img_path2') \
                if data_sample is not None else None
            if second:
                panels['B'] = read_rgb(second, self.rgb_bands)
        label = _map(data_sample, 'gt_sem_seg')
        pred = _map(data_sample, 'pred_sem_seg')
        palette = ((0, 0, 0), (255, 255, 255))
        if draw_gt and label is not None:
            panels['label'] = colour_map(label, palette)
        if not draw_pred or pred is None:
            return panels, None
        if label is None:
            panels['prediction'] = colour_map(pred, palette)
            return panels, None
        panels['prediction'] = change_colours(pred, label)
        return panels, self.LEGEND
