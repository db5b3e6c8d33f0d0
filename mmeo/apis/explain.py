# Copyright (c) mmeo contributors. All rights reserved.
"""From an exception to the one message that tells a user what to mend."""

import difflib
import re
from collections.abc import Iterator
from typing import Optional

from mmeo.errors import UserError

_UNREGISTERED = re.compile(
    r"^'?(?P<name>[\w.:]+) is not in the (?P<scope>[\w.]+)::(?P<kind>[\w ]+?) "
    r'registry')
_NOT_GOT = re.compile(r'^Failed to get (?P<name>[\w.]+)$')


def chain(error: BaseException) -> Iterator[BaseException]:
    """Yield ``error`` and the exceptions that led to it, newest first."""
    seen: set[int] = set()
    queue: list[Optional[BaseException]] = [error]
    while queue:
        current = queue.pop(0)
        if current is None or id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        queue += [current.__cause__, current.__context__]


def explain(error: BaseException) -> Optional[str]:
    """Say what the user can mend.

    Args:
        error (BaseException): Any exception; its causes are looked at too.

    Returns:
        str | None: One message, or None where the error is a bug that
        deserves its traceback.
    """
    for link in chain(error):
        if isinstance(link, UserError):
            return _clean(str(link))
    for link in chain(error):
        for rule in (_unregistered, _out_of_memory, _single_value,
                     _missing_file, _missing_package):
            message = rule(link)
            if message:
                return message
    return None


def _clean(text: str) -> str:
    """Strip what data-loader workers wrap around a message.

    PyTorch re-raises a worker's exception with the worker's traceback as the
    message; its last paragraph is the message proper.
    """
    if not text.startswith('Caught ') or 'Traceback' not in text:
        return text
    lines = text.rstrip().splitlines()
    for i in range(len(lines) - 1, -1, -1):
        match = re.match(r'^[\w.]*(?:Error|Exception)\b:? ?(.*)$', lines[i])
        if match:
            return '\n'.join([match.group(1), *lines[i + 1:]]).strip()
    return lines[-1]


def _unregistered(error: BaseException) -> Optional[str]:
    text = str(error.args[0]) if error.args else ''
    if isinstance(error, KeyError):
        match = _UNREGISTERED.match(text)
    elif isinstance(error, RuntimeError):
        match = _NOT_GOT.match(text)
    else:
        return None
    if match is None:
        return None
    name = match.group('name')
    kind = match.groupdict().get('kind')
    near = nearest_names(name, kind)
    what = f'a {kind.replace("_", " ")}' if kind else 'a component'
    suggestion = (f' Did you mean {" or ".join(map(repr, near))}?'
                  if near else '')
    return (f"the config asks for {what} of type '{name}', which does not "
            f'exist.{suggestion} Mend the spelling, write the scope of a '
            "sibling's component (e.g. 'mmseg.UPerHead'), or add the module "
            'that defines your own to `custom_imports`.')


def nearest_names(name: str, kind: Optional[str] = None,
                  limit: int = 3) -> list[str]:
    """Registered names that look like ``name``, best first.

    Args:
        name (str): The name that was not found, with or without a scope.
        kind (str, optional): Name of the registry, e.g. ``'model'``; all are
            searched by default.
        limit (int): At most so many. Defaults to 3.
    """
    from mmengine.registry import Registry

    from mmeo import registry
    nodes = [node for node in vars(registry).values()
             if isinstance(node, Registry) and node.scope == 'mmeo']
    of_kind = [node for node in nodes if node.name == kind] or nodes
    known: dict[str, str] = {}
    for node in of_kind:
        # A component that fails to import must not hide the message.
        try:
            node.import_from_location()
        except Exception:
            continue
        for key in node.module_dict:
            known.setdefault(key.lower(), key)
        root = node.parent
        for key in root.module_dict:
            known.setdefault(key.lower(), key)
        for scope, sibling in root.children.items():
            for key in sibling.module_dict:
                known.setdefault(f'{scope}.{key}'.lower(), f'{scope}.{key}')
    bare = name.rsplit('.', 1)[-1].lower()
    pool = set(known) | {key.rsplit('.', 1)[-1] for key in known}
    found: list[str] = []
    for match in difflib.get_close_matches(bare, sorted(pool), limit, 0.6):
        options = [known[match]] if match in known else [
            value for key, value in known.items()
            if key.rsplit('.', 1)[-1] == match]
        found += [option for option in options if option not in found]
    return found[:limit]


def _out_of_memory(error: BaseException) -> Optional[str]:
    if type(error).__name__ != 'OutOfMemoryError' and \
            'CUDA out of memory' not in str(error):
        return None
    first = str(error).split('. ')[0]
    return (f'the GPU ran out of memory ({first}). In this order: '
            'recompute activations (`--cfg-options '
            'model.backbone.with_cp=True`), mixed precision (`--amp`), a '
            'smaller batch (`train_dataloader.batch_size`, with '
            '`optim_wrapper.accumulative_counts` to keep the effective '
            'size), a smaller crop.')


def _single_value(error: BaseException) -> Optional[str]:
    if 'Expected more than 1 value per channel' not in str(error):
        return None
    return ('batch normalisation got a single value per channel, as the '
            'pooled branch of UPerNet has it with one image on one GPU. Train '
            'with two images or more, e.g. `--cfg-options '
            'train_dataloader.batch_size=8`, or on several GPUs.')


def _missing_file(error: BaseException) -> Optional[str]:
    if not isinstance(error, FileNotFoundError):
        return None
    path = error.filename or _clean(str(error))
    return (f'{path}: no such file or folder. If it is data, set the '
            '`data_root` of the dataset in the config to the folder that '
            'holds it, e.g. `--cfg-options '
            'train_dataloader.dataset.data_root=/data/mine`, or make it '
            'first (docs/en/datasets).')


def _missing_package(error: BaseException) -> Optional[str]:
    if not isinstance(error, ModuleNotFoundError) or error.name is None:
        return None
    if error.name.split('.')[0] == 'mmeo':
        return None
    if error.name == 'mmcv._ext':
        return ('mmcv has no compiled ops and its stand-ins are not in '
                'place: `import mmeo` before mmcv, or add '
                "`custom_imports = dict(imports=['mmeo'])` to the config.")
    return (f"the Python package '{error.name}' is missing. Install it, or "
            'run `python -m mmeo.cli doctor` to see what else is.')
