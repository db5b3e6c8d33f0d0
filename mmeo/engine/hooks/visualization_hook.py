# Copyright (c) mmeo contributors. All rights reserved.
"""Draw predictions of any task, from any raster."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Optional

from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmengine.visualization import Visualizer

from mmeo.registry import HOOKS


def picture_name(sample: Any) -> str:
    """What a sample's picture is filed under: its file, or place and month.

    Files of different places often have the same name (``hr.tif``).
    """
    place = sample.get('place')
    if place is None:
        return Path(sample.img_path).stem
    return '_'.join(filter(None, (Path(place).name, sample.get('month'))))


@HOOKS.register_module()
class GeoVisualizationHook(Hook):
    """Hand test images and predictions to the visualizer.

    Does for segmentation, detection and change detection what mmseg's and
    mmdet's hooks do for pictures, and reads multi-band rasters as well. Each
    picture is filed under the name of its image, or of its place.

    Args:
        draw (bool): Draw at all; ``tools/test.py --show-dir`` turns it on.
            Defaults to False.
        interval (int): Draw every n-th sample of validation. In the test all
            are drawn. Defaults to 50.
        score_thr (float): Least score of a box drawn. Defaults to 0.3.
        show (bool): Show windows instead of saving. Defaults to False.
        wait_time (float): Seconds a window stays. Defaults to 0, for ever.
        test_out_dir (str, optional): Folder to write to, instead of the
            visualizer's backends. Defaults to None.
        rgb_bands (list[int | str], optional): Bands shown as red, green,
            blue. Defaults to None, the first three.
    """

    def __init__(self,
                 draw: bool = False,
                 interval: int = 50,
                 score_thr: float = 0.3,
                 show: bool = False,
                 wait_time: float = 0.0,
                 test_out_dir: Optional[str] = None,
                 rgb_bands: Optional[Sequence] = None) -> None:
        self.draw = draw
        self.interval = interval
        self.score_thr = score_thr
        self.show = show
        self.wait_time = wait_time
        self.test_out_dir = test_out_dir
        self.rgb_bands = rgb_bands
        self._drawn = 0

    def after_val_iter(self, runner: Runner, batch_idx: int,
                       data_batch: Any = None,
                       outputs: Optional[Sequence] = None) -> None:
        """Draw the first sample of every ``interval``-th batch."""
        if self.draw and outputs and batch_idx % self.interval == 0:
            self._add(outputs[0], 'val', runner.iter + batch_idx, None)

    def after_test_iter(self, runner: Runner, batch_idx: int,
                        data_batch: Any = None,
                        outputs: Optional[Sequence] = None) -> None:
        """Draw all samples."""
        for sample in (outputs or ()) if self.draw else ():
            self._drawn += 1
            out_file = None
            if self.test_out_dir is not None:
                out_file = str(Path(self.test_out_dir)
                               / f'{picture_name(sample)}.png')
            self._add(sample, 'test', self._drawn, out_file)

    def _add(self, sample: Any, phase: str, step: int,
             out_file: Optional[str]) -> None:
        # Imported here: the package pulls in rasterio and OpenCV, which no
        # training run without pictures needs.
        from mmeo.visualization import read_rgb
        visualizer = Visualizer.get_current_instance()
        visualizer.add_datasample(
            f'{phase}_{picture_name(sample)}',
            read_rgb(sample.img_path, self.rgb_bands),
            data_sample=sample,
            show=self.show,
            wait_time=self.wait_time,
            out_file=out_file,
            step=step,
            **({'pred_score_thr': self.score_thr}
               if 'pred_instances' in sample else {}))
