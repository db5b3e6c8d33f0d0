# Copyright (c) mmeo contributors. All rights reserved.
"""A stand-in for ``mmcv._ext``, used only where mmcv has no compiled ops.

The stand-in answers every name: an op listed in :data:`IMPLEMENTATIONS` is
imported from its file here when first asked for, any other one is a function
that says how to compile it. So ``import mmcv.ops`` works as a whole.
"""

import importlib
import sys
from collections.abc import Callable
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import find_spec
from types import ModuleType

from mmeo.errors import OpNotCompiledError

EXT = 'mmcv._ext'

# op of mmcv._ext -> file of mmeo.ops that implements it
IMPLEMENTATIONS = {
    'nms': 'nms',
    'softnms': 'nms',
    'nms_match': 'nms',
    'bbox_overlaps': 'bbox_overlaps',
    'box_iou_rotated': 'rotated_iou',
    'nms_rotated': 'rotated_nms',
    'box_iou_quadri': 'quadri',
    'nms_quadri': 'quadri',
    'roi_align_forward': 'roi_align',
    'roi_align_backward': 'roi_align',
    'roi_pool_forward': 'roi_pool',
    'roi_pool_backward': 'roi_pool',
    'roi_align_rotated_forward': 'roi_align_rotated',
    'roi_align_rotated_backward': 'roi_align_rotated',
    'rotated_feature_align_forward': 'rotated_feature_align',
    'rotated_feature_align_backward': 'rotated_feature_align',
    'active_rotated_filter_forward': 'active_rotated_filter',
    'active_rotated_filter_backward': 'active_rotated_filter',
    'ms_deform_attn_forward': 'deform_attn',
    'ms_deform_attn_backward': 'deform_attn',
    'deform_conv_forward': 'deform_conv',
    'deform_conv_backward_input': 'deform_conv',
    'deform_conv_backward_parameters': 'deform_conv',
    'modulated_deform_conv_forward': 'deform_conv',
    'modulated_deform_conv_backward': 'deform_conv',
    'sigmoid_focal_loss_forward': 'focal_loss',
    'sigmoid_focal_loss_backward': 'focal_loss',
    'softmax_focal_loss_forward': 'focal_loss',
    'softmax_focal_loss_backward': 'focal_loss',
    'diff_iou_rotated_sort_vertices_forward': 'sort_vertices',
    'min_area_polygons': 'point_sets',
    'points_in_polygons_forward': 'point_sets',
}


def get_compiler_version() -> str:
    """What ``collect_env`` reports as the compiler of mmcv's ops."""
    return 'none: torch stand-ins of mmeo'


def get_compiling_cuda_version() -> str:
    """What ``collect_env`` reports as the CUDA version of mmcv's ops."""
    return 'none: torch stand-ins of mmeo'


def _not_compiled(name: str) -> Callable:

    def op(*args, **kwargs):
        raise OpNotCompiledError(f'{name} is not compiled: run `make ops`')

    op.__name__ = op.__qualname__ = name
    return op


class StandinModule(ModuleType):
    """Module whose attributes are the ops, found on first access."""

    get_compiler_version = staticmethod(get_compiler_version)
    get_compiling_cuda_version = staticmethod(get_compiling_cuda_version)

    def __init__(self) -> None:
        super().__init__(EXT, 'Torch stand-ins for the compiled ops of mmcv.')
        # Without a spec `find_spec` raises; without a loader mmcv's own
        # `check_ops_exist` goes on to say truthfully that there are none.
        self.__spec__ = ModuleSpec(EXT, loader=None, origin='mmeo.ops')

    def __getattr__(self, name: str) -> Callable:
        if name.startswith('_'):
            raise AttributeError(f'module {EXT!r} has no attribute {name!r}')
        if name in IMPLEMENTATIONS:
            module = importlib.import_module(
                f'mmeo.ops.{IMPLEMENTATIONS[name]}')
            op = getattr(module, name)
        else:
            op = _not_compiled(name)
        setattr(self, name, op)
        return op


def _find_compiled() -> ModuleSpec | None:
    """Spec of the ``_ext`` file inside mmcv, without importing mmcv."""
    package = find_spec('mmcv')
    if package is None or not package.submodule_search_locations:
        return None
    return PathFinder.find_spec(EXT, list(package.submodule_search_locations))


def install_standin() -> bool:
    """Put the stand-in into ``sys.modules`` if mmcv has no compiled ops.

    A compiled module that is present is never masked, even a broken one:
    silently replacing it would hide that it must be compiled again.

    Returns:
        bool: Whether ``mmcv._ext`` is now the stand-in.
    """
    loaded = sys.modules.get(EXT)
    if loaded is not None:
        return isinstance(loaded, StandinModule)
    if find_spec('mmcv') is None or _find_compiled() is not None:
        return False
    sys.modules[EXT] = StandinModule()
    return True


def ops_status() -> str:
    """Say which ops mmcv uses in this process.

    Returns:
        str: ``'compiled'``, ``'stand-in'``, or ``'broken: '`` followed by the
        reason and the fix.
    """
    if find_spec('mmcv') is None:
        return 'broken: mmcv is not installed. Fix: `make install`'
    if install_standin():
        return 'stand-in'
    try:
        importlib.import_module('torch')  # the extension links against it
        importlib.import_module(EXT)
    except Exception as error:
        # whatever a foreign binary raises at import is what the user must see
        reason = (str(error).strip() or repr(error)).splitlines()[0]
        return (
            f'broken: the compiled ops of mmcv do not load ({reason}); they '
            'were compiled for another torch or Python. Fix: `make ops` '
            'compiles them again, `python tools/build_ops.py --uninstall` '
            'removes them and goes on with the torch stand-ins')
    return 'compiled'
