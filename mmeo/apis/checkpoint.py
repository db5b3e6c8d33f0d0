# Copyright (c) mmeo contributors. All rights reserved.
"""Finding checkpoints, and loading them so that nothing stays random."""

import json
import re
import sys
from collections import OrderedDict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Optional

from torch import nn

from mmeo import weights
from mmeo.errors import CheckpointError


def read_checkpoint(path: str, trust: bool = False) -> dict:
    """Read a checkpoint of a Runner, or bare weights.

    Args:
        path (str): The file.
        trust (bool): Unpickle any object, which can run code. Defaults to
            False.

    Returns:
        dict: The checkpoint, in CPU memory, mapped from the file until used.

    Raises:
        CheckpointError: If the file is absent, truncated, or holds more than
            plain data and ``trust`` is False.
    """
    checkpoint = weights.load(path, trust)
    if not isinstance(checkpoint, dict):
        raise CheckpointError(
            f'{path} holds a {type(checkpoint).__name__}, not weights by '
            'name: use a file that a training run or a converter wrote.')
    return checkpoint


def read_meta(path: str, trust: bool = False) -> dict:
    """What a checkpoint says about its run, e.g. ``seed``.

    Args:
        path (str): A file, or the folder of a DeepSpeed run.
        trust (bool): See :func:`read_checkpoint`. Defaults to False.
    """
    if not Path(path).is_dir():
        return read_checkpoint(path, trust).get('meta', {})
    file = Path(path) / 'meta.json'
    return json.loads(file.read_text()) if file.is_file() else {}


def latest_checkpoint(work_dir: str, trust: bool = False) -> Optional[str]:
    """The newest checkpoint in ``work_dir`` that can be read.

    A run that was killed, or a disk that filled up, can leave the newest
    file cut short; then the one before it is taken, with a warning.

    Returns:
        str | None: Its path, or None if there is no checkpoint at all.

    Raises:
        CheckpointError: If there are checkpoints and none can be read.
    """
    first_error: Optional[CheckpointError] = None
    for path in _candidates(Path(work_dir)):
        if path.is_dir():  # sharded checkpoints of FSDP and DeepSpeed
            return str(path)
        try:
            read_checkpoint(str(path), trust)
        except CheckpointError as error:
            first_error = first_error or error
            # Before the Runner exists there is no logger yet.
            print(f'warning: skipped, {error}', file=sys.stderr)
        else:
            return str(path)
    if first_error is not None:
        raise first_error
    return None


def _candidates(work_dir: Path) -> Iterable[Path]:
    """Checkpoints of the training loop, newest first."""
    found: dict[Path, float] = {}
    for pattern in ('epoch_*', 'iter_*'):
        for path in work_dir.glob(pattern):
            if re.fullmatch(r'(epoch|iter)_\d+(\.pth)?', path.name):
                found[path] = path.stat().st_mtime
    pointer = work_dir / 'last_checkpoint'
    if pointer.is_file():
        path = Path(pointer.read_text().strip())
        if not path.exists():  # the folder was moved
            path = work_dir / path.name
        if path.exists():
            found[path] = float('inf')
    return sorted(found, key=lambda path: (found[path], _step(path)),
                  reverse=True)


def _step(path: Path) -> int:
    digits = re.findall(r'\d+', path.stem)
    return int(digits[-1]) if digits else 0


def load_into(model: nn.Module,
              checkpoint: dict,
              source: str,
              exclude: Iterable[str] = (),
              complete: bool = False,
              warn: Optional[Callable[[str], None]] = None) -> None:
    """Load a checkpoint's weights and stop where they do not fit.

    mmengine only warns of a wrong shape and leaves that weight random.

    Args:
        model (nn.Module): Receives the weights, through its own
            ``_load_from_state_dict`` hooks, which may resize them.
        checkpoint (dict): With the weights under ``state_dict``, or the
            weights themselves.
        source (str): The file, for messages.
        exclude (Iterable[str]): Regular expressions of keys to leave out on
            purpose, e.g. a head of another number of classes.
        complete (bool): Whether each parameter must be in the file, as for
            testing. Defaults to False.
        warn (Callable, optional): Takes a message about keys left over on
            either side.

    Raises:
        CheckpointError: If a shape differs, nothing matches, or, with
            ``complete``, a parameter is missing.
    """
    patterns = [re.compile(pattern) for pattern in exclude]
    state = checkpoint.get('state_dict', checkpoint)
    metadata = getattr(state, '_metadata', None)
    state = {re.sub(r'^module\.', '', key): value
             for key, value in state.items()}
    dropped = [key for key in state
               if any(pattern.search(key) for pattern in patterns)]
    for key in dropped:
        del state[key]
    state = OrderedDict(state)
    if metadata is not None:
        # Modules convert older layouts of their own by this version table.
        state._metadata = metadata
    own = set(model.state_dict())
    try:
        result = model.load_state_dict(state, strict=False)
    except RuntimeError as error:
        raise _misfit(error, source) from error
    loaded = own - set(result.missing_keys)
    parameters = {name for name, _ in model.named_parameters()}
    if own and not loaded & parameters and parameters:
        raise CheckpointError(
            f'{source}: none of its {len(state)} keys '
            f'({_sample(state)}) is in the model '
            f'({_sample(sorted(own))}). Use the checkpoint of this model, '
            'or convert it with tools/model_converters/convert.py.')
    missing = [key for key in result.missing_keys if key in parameters
               and not any(pattern.search(key) for pattern in patterns)]
    if missing and complete:
        raise CheckpointError(
            f"{source} lacks {len(missing)} of the model's "
            f'{len(parameters)} parameters, e.g. {_sample(missing)}: they '
            'would stay random. Use the config this checkpoint was trained '
            'with; if that is meant, name them in `load_exclude`.')
    if warn is not None and missing:
        warn(f'{source} lacks {len(missing)} parameters, which keep their '
             f'initial values: {_sample(missing)}')
    if warn is not None and result.unexpected_keys:
        warn(f'{source} has {len(result.unexpected_keys)} keys the model '
             f'has no use for: {_sample(result.unexpected_keys)}')


def check_fits(state: dict, shapes: dict[str, tuple[int, ...]],
               source: str) -> None:
    """Check whole weights that a sharded model is about to load.

    Args:
        state (dict): Tensors, or anything with a ``shape``, by name.
        shapes (dict): Those of the model before it was sharded.
        source (str): The file, for messages.

    Raises:
        CheckpointError: If a name is missing on a side or a shape differs.
    """
    missing = sorted(set(shapes) - set(state))
    if missing:
        raise CheckpointError(
            f"{source} lacks {len(missing)} of the model's {len(shapes)} "
            f'weights, e.g. {_sample(missing)}: resume with the config it '
            'was trained with.')
    unexpected = sorted(set(state) - set(shapes))
    if unexpected:
        raise CheckpointError(
            f'{source} has {len(unexpected)} weights that are not in the '
            f'model, e.g. {_sample(unexpected)}: resume with the config it '
            'was trained with.')
    wrong = [(name, tuple(state[name].shape), shape)
             for name, shape in shapes.items()
             if tuple(state[name].shape) != shape]
    if wrong:
        raise _wrong_shapes(wrong, source)


def _sample(keys: Iterable[str], limit: int = 4) -> str:
    keys = list(keys)
    rest = f', … {len(keys) - limit} more' if len(keys) > limit else ''
    return ', '.join(keys[:limit]) + rest


_SIZE = re.compile(
    r'size mismatch for (\S+): copying a param with shape '
    r'(torch\.Size\(\[.*?\]\)|.*?) from checkpoint, the shape in current '
    r'model is (torch\.Size\(\[.*?\]\)|.*?)\.?$', re.M)


def _misfit(error: RuntimeError, source: str) -> CheckpointError:
    wrong = [(key, _numbers(theirs), _numbers(ours))
             for key, theirs, ours in _SIZE.findall(str(error))]
    if not wrong:
        return CheckpointError(f'{source} does not fit the model: {error}')
    return _wrong_shapes(wrong, source)


def _wrong_shapes(wrong: list[tuple[str, tuple, tuple]],
                  source: str) -> CheckpointError:
    """The error for (name, shape in the file, shape in the model)."""
    shown = [f'  {name}: ({_join(theirs)}) in the file, ({_join(ours)}) in '
             'the model' for name, theirs, ours in wrong[:6]]
    if len(wrong) > len(shown):
        shown.append(f'  … {len(wrong) - len(shown)} more')
    return CheckpointError(
        f'{source} does not fit the model:\n' + '\n'.join(shown) +
        '\nUse the config it was trained with. To start another head from '
        'it, leave these weights out on purpose with `load_exclude` (regular '
        'expressions of keys) in the config.')


def _numbers(size: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r'\d+', size))


def _join(shape: tuple[int, ...]) -> str:
    return ', '.join(map(str, shape))
