# Copyright (c) mmeo contributors. All rights reserved.
"""Read 8-bit pictures strictly."""

from pathlib import Path

import numpy as np
from mmcv.transforms import BaseTransform
from PIL import Image, UnidentifiedImageError

from mmeo.errors import DataError, MissingDataError
from mmeo.registry import TRANSFORMS

# Modes that become three 8-bit channels without loss of range.
_MODES = ('RGB', 'RGBA', 'L', 'LA', 'P', '1', 'CMYK', 'YCbCr')


def read_picture(path: str) -> Image.Image:
    """Decode a picture completely.

    OpenCV fills the missing part of a truncated file with grey and says
    nothing, so that pictures are decoded by Pillow.

    Raises:
        MissingDataError: If there is no such file.
        DataError: If it is corrupt, truncated or no picture.
    """
    if not Path(path).is_file():
        raise MissingDataError(f'image {path} does not exist. Check '
                               '`data_root`, `data_prefix` and the suffix.')
    try:
        with Image.open(path) as picture:
            picture.load()
            return picture
    except (OSError, SyntaxError, UnidentifiedImageError, ValueError,
            Image.DecompressionBombError) as error:
        raise DataError(
            f'image {path} cannot be decoded ({error}). It is corrupt or '
            'truncated: copy or download it again, or take it out of the '
            'folder.') from error


@TRANSFORMS.register_module()
class LoadImage(BaseTransform):
    """Load an 8-bit PNG, JPEG, BMP or TIFF as a BGR array.

    Like mmcv's ``LoadImageFromFile`` (same keys, same channel order), but a
    corrupt or truncated file stops with a message instead of passing as a
    partly grey picture.

    Required keys: ``img_path``. Added keys: ``img`` ``(H, W, 3)``, BGR;
    ``img_shape``, ``ori_shape``.

    Args:
        to_float32 (bool): Return float32 instead of uint8. Defaults to False.
        path_key (str): Key of the path. Defaults to 'img_path'.
    """

    def __init__(self,
                 to_float32: bool = False,
                 path_key: str = 'img_path') -> None:
        self.to_float32 = to_float32
        self.path_key = path_key

    def transform(self, results: dict) -> dict:
        path = results[self.path_key]
        picture = read_picture(path)
        if picture.mode not in _MODES:
            raise DataError(
                f'image {path} has pixel mode {picture.mode!r}, not 8-bit '
                'colour or grey. Read it with `LoadRaster` instead of '
                '`LoadImage`.')
        img = np.asarray(picture.convert('RGB'))[..., ::-1]  # BGR
        img = np.ascontiguousarray(
            img, dtype=np.float32 if self.to_float32 else np.uint8)
        results['img'] = img
        results['img_shape'] = results['ori_shape'] = img.shape[:2]
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(to_float32={self.to_float32})'
