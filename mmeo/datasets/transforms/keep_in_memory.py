# Copyright (c) mmeo contributors. All rights reserved.
"""Load each image once, where all of them fit into memory."""

from collections.abc import Sequence
from typing import Any, Optional, Union

import numpy as np
from mmcv.transforms import BaseTransform
from mmengine.dataset import Compose

from mmeo.errors import ConfigError
from mmeo.registry import TRANSFORMS


@TRANSFORMS.register_module()
class KeepInMemory(BaseTransform):
    """Run transforms once for each image and remember what they made.

    For small sets whose files take longer to open than to use. The transforms
    must be without chance, such as loading and normalising. What follows gets
    copies of the arrays. Each worker process remembers for itself.

    Args:
        transforms (Sequence[dict]): What to run.
        key (str): Of the results, which tells images apart. Defaults to
            'img_path'.
        max_images (int): Images remembered; later ones are loaded each time.
            Defaults to 1000.

    Raises:
        ConfigError: If results lack the key.
    """

    def __init__(self, transforms: Sequence[Union[dict, Any]],
                 key: str = 'img_path', max_images: int = 1000) -> None:
        self.transforms = Compose(list(transforms))
        self.key = key
        self.max_images = max_images
        self.kept: dict[str, dict] = {}

    def transform(self, results: dict) -> Optional[dict]:
        if self.key not in results:
            raise ConfigError(f'KeepInMemory: results lack {self.key!r}, '
                              f'which tells images apart; they have '
                              f'{sorted(results)}')
        name = str(results[self.key])
        if name not in self.kept:
            before = dict(results)
            results = self.transforms(results)
            if results is None or len(self.kept) >= self.max_images:
                return results
            # Lists that were there may have grown: `seg_fields` does.
            self.kept[name] = {
                key: value for key, value in results.items()
                if key not in before or value is not before[key]
                or isinstance(value, list)}
        results.update((key, _copy(value))
                       for key, value in self.kept[name].items())
        return results

    def __repr__(self) -> str:
        return (f'{type(self).__name__}(key={self.key!r}, '
                f'max_images={self.max_images}, '
                f'transforms={self.transforms})')


def _copy(value: Any) -> Any:
    """Arrays, and lists of anything, are changed in place now and then."""
    if isinstance(value, np.ndarray):
        return value.copy()
    return list(value) if isinstance(value, list) else value
