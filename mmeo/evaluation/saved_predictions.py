# Copyright (c) mmeo contributors. All rights reserved.
"""Predictions that ``tools/test.py --out FILE.pkl`` has written.

The file is a pickle, and a pickle may run any code when it is read. Only what
mmengine writes there is allowed: plain values, arrays, tensors and boxes.
"""

import io
import pickle
from pathlib import Path
from typing import Any, Union

import torch

from mmeo.errors import DataError, MissingDataError

_NUMPY = {(f'numpy{core}.multiarray', name)
          for core in ('.core', '._core')
          for name in ('_reconstruct', 'scalar')}
_ALLOWED = {
    *_NUMPY, ('numpy', 'ndarray'), ('numpy', 'dtype'),
    ('_codecs', 'encode'), ('collections', 'OrderedDict'),
    ('torch', 'Size'), ('torch', 'device'),
    ('torch._utils', '_rebuild_tensor_v2'),
    ('mmrotate.structures.bbox.rotated_boxes', 'RotatedBoxes'),
    ('mmrotate.structures.bbox.quadri_boxes', 'QuadriBoxes'),
    ('mmdet.structures.bbox.horizontal_boxes', 'HorizontalBoxes'),
}


def _storage(data: bytes) -> Any:
    """A tensor's storage; torch's own function would run code in it."""
    return torch.load(io.BytesIO(data), weights_only=True)


class _Unpickler(pickle.Unpickler):

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ('torch.storage', '_load_from_bytes'):
            return _storage
        if (module, name) not in _ALLOWED:
            raise DataError(f'it holds {module}.{name}, which predictions do '
                            'not need and which may run code')
        return super().find_class(module, name)


def read_predictions(path: Union[str, Path]) -> list[dict[str, Any]]:
    """Data samples of a test run, without running code of the file.

    Args:
        path (str | Path): What ``tools/test.py --out`` has written.

    Returns:
        list[dict]: Each with ``img_id``, ``pred_instances`` and, where the
        test set has labels, ``gt_instances``.

    Raises:
        MissingDataError: If there is no such file.
        DataError: If it holds something else.
    """
    path = Path(path)
    if not path.is_file():
        raise MissingDataError(f'{path}: no such file. Make it with '
                               '`python tools/test.py CONFIG CKPT --out '
                               'FILE.pkl`.')
    try:
        with path.open('rb') as file:
            samples = _Unpickler(file).load()
    except DataError as error:
        raise DataError(f'{path} is not read: {error}') from None
    except (pickle.UnpicklingError, EOFError, RuntimeError, AttributeError,
            ValueError, TypeError, KeyError, IndexError) as error:
        raise DataError(f'{path} holds no predictions ({error})') from error
    if not isinstance(samples, list) or not all(
            isinstance(s, dict) and 'img_id' in s and {
                'bboxes', 'scores', 'labels'} <= set(s.get(
                    'pred_instances', ())) for s in samples):
        raise DataError(f'{path} holds no predictions of a detector: expected '
                        'a list of samples with `img_id` and '
                        '`pred_instances` (bboxes, scores, labels)')
    return samples
