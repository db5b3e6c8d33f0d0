# Copyright (c) mmeo contributors. All rights reserved.
"""Read checkpoint files without running what is inside them."""

import json
import pickle
import re
import zipfile
from pathlib import Path
from typing import Any, Union

import torch
from torch import Tensor

from mmeo.errors import CheckpointError

# Names that torch.compile, FSDP and activation checkpointing put into keys.
_WRAPPERS = re.compile(
    r'(?:(?<=\.)|^)(?:_orig_mod|_fsdp_wrapped_module|'
    r'_checkpoint_wrapped_module)\.')
_HISTORY_METHODS = ('min', 'max', 'mean', 'current')


def _history_method(owner: Any, name: str) -> Any:
    """What ``getattr`` may do while an mmengine checkpoint is read.

    mmengine's HistoryBuffer pickles its own methods by name. Allowing the
    real ``getattr`` would let a file reach any attribute of any object.
    """
    from mmengine.logging import HistoryBuffer
    if owner is not HistoryBuffer or name not in _HISTORY_METHODS:
        raise pickle.UnpicklingError(
            f'Unsupported global: getattr({owner!r}, {name!r})')
    return getattr(owner, name)


def _allowed() -> list:
    """Classes that mmengine's runner puts beside the weights."""
    import numpy as np
    from mmengine.logging import HistoryBuffer
    dtypes = {type(np.dtype(name)) for name in (
        'bool', 'int8', 'int16', 'int32', 'int64', 'uint8', 'uint16',
        'uint32', 'uint64', 'float16', 'float32', 'float64')}
    core = getattr(np, '_core', None) or np.core
    arrays = []
    # Files written under numpy 1 and 2 name the same functions differently.
    for module in ('numpy.core.multiarray', 'numpy._core.multiarray'):
        arrays += [
            (core.multiarray._reconstruct, f'{module}._reconstruct'),
            (core.multiarray.scalar, f'{module}.scalar'),
        ]
    return [
        HistoryBuffer, slice, np.ndarray, np.dtype,
        (_history_method, 'builtins.getattr'), *dtypes, *arrays
    ]


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file
    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(
            f'{path} is truncated or not a safetensors file ({error}): copy '
            'it again and compare its size with the original.') from error


def _read_folder(path: Path, trust: bool) -> dict[str, Tensor]:
    """Read the shards of a transformers folder, safetensors or pickles."""
    for index, pattern in (
            ('model.safetensors.index.json', '*.safetensors'),
            ('pytorch_model.bin.index.json', 'pytorch_model*.bin')):
        index = path / index
        if index.is_file():
            names = sorted(set(
                json.loads(index.read_text())['weight_map'].values()))
        else:
            names = sorted(file.name for file in path.glob(pattern))
        if names:
            break
    else:
        raise CheckpointError(
            f'{path} is a folder without *.safetensors or '
            'pytorch_model*.bin: give the weight file itself.')
    state = {}
    for name in names:
        if not (path / name).is_file():
            raise CheckpointError(f'{path / name} is absent, though {index} '
                                  'names it: fetch that file as well.')
        if name.endswith('.safetensors'):
            state.update(_read_safetensors(path / name))
        else:
            state.update(_read_pickle(path / name, trust))
    return state


def _torch_load(path: Path, trust: bool) -> Any:
    # Files from before torch 1.6 are no zip archives and cannot be mapped.
    mmap = zipfile.is_zipfile(path)
    if trust:
        return torch.load(
            path, map_location='cpu', weights_only=False, mmap=mmap)
    with torch.serialization.safe_globals(_allowed()):
        return torch.load(
            path, map_location='cpu', weights_only=True, mmap=mmap)


def _read_pickle(path: Path, trust: bool) -> Any:
    try:
        return _torch_load(path, trust)
    except pickle.UnpicklingError as error:
        reason = str(error)
        if 'nsupported' not in reason and 'not an allowed' not in reason:
            raise _corrupt(path, error) from error
        detail = next((line.strip() for line in reason.splitlines()
                       if 'GLOBAL' in line or 'nsupported' in line), reason)
        raise CheckpointError(
            f'{path} holds Python objects besides tensors, and reading them '
            f'could run code ({detail}). If you trust where the file comes '
            'from, pass trust=True in Python or --trust-checkpoint on the '
            'command line.') from error
    except (RuntimeError, EOFError, OSError, ValueError, KeyError,
            IndexError) as error:
        raise _corrupt(path, error) from error


def _corrupt(path: Path, error: Exception) -> CheckpointError:
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    return CheckpointError(
        f'{path} is truncated or not a checkpoint ({reason}): copy it again '
        'and compare its size with the original.')


def load(path: Union[str, Path], trust: bool = False) -> Any:
    """Read a checkpoint into CPU memory, mapped where the format allows.

    Args:
        path (str or Path): ``*.safetensors``, a file that ``torch.save``
            wrote, or a folder of transformers with shards of either.
        trust (bool): Allow a pickle that may run code. Defaults to False.

    Returns:
        Any: What the file holds; for weights a dict of names to tensors, for
        a training checkpoint a dict with an entry ``state_dict``.

    Raises:
        CheckpointError: If the file is absent, corrupt, or needs ``trust``.
    """
    if str(path).startswith(('http://', 'https://')):
        raise CheckpointError(f'{path} is an address: download the file and '
                              'give its local path.')
    path = Path(path).expanduser()
    if path.is_dir():
        return _read_folder(path, trust)
    if not path.is_file():
        raise CheckpointError(f'{path} does not exist: check the path of the '
                              'checkpoint.')
    if path.suffix == '.safetensors':
        return _read_safetensors(path)
    return _read_pickle(path, trust)


def unwrap(checkpoint: Any) -> dict[str, Tensor]:
    """Return the tensors of a checkpoint, whatever wraps them.

    Looks below ``state_dict``, ``model`` or ``module`` (DeepSpeed) and drops
    what DistributedDataParallel, FSDP, torch.compile and activation
    checkpointing put into names. Entries that are no tensors are left out.

    Args:
        checkpoint (Any): What :func:`load` returned.

    Returns:
        dict[str, Tensor]: Names to tensors.

    Raises:
        CheckpointError: If there is no tensor.
    """
    state = checkpoint
    for entry in ('state_dict', 'model', 'module'):
        if isinstance(state, dict) and isinstance(state.get(entry), dict):
            state = state[entry]
    if not isinstance(state, dict):
        raise CheckpointError(f'expected a dict of tensors, got '
                              f'{type(state).__name__}.')
    state = {_WRAPPERS.sub('', k): v for k, v in state.items()
             if isinstance(v, Tensor)}
    if not state:
        raise CheckpointError('the checkpoint holds no tensors.')
    if all(key.startswith('module.') for key in state):
        state = {key[len('module.'):]: v for key, v in state.items()}
    return state
