# Copyright (c) mmeo contributors. All rights reserved.
"""Embeddings of class names, computed once and kept in a file."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Union

import torch
import torch.nn.functional as F
from torch import Tensor

from mmeo.datasets.legend import read_legend
from mmeo.errors import ConfigError, DataError, MissingDataError

# Our choice; an embedding is the mean over them.
TEMPLATES = (
    'a satellite image of {}',
    'an aerial photo of {}',
    'a remote sensing image showing {}',
    '{} seen from above',
)
RANDOM = 'random orthogonal rows: no knowledge of language'
OSM_CLASSES = Path(__file__).with_name('osm_classes.json')
_TOOL = 'tools/dataset_converters/embed_class_names.py'


def read_class_names(source: Union[str, Path, Sequence[str]],
                     level: int = -1) -> list[str]:
    """Class names in the order of their ids.

    Args:
        source (str, Path or Sequence[str]): The names; or a legend, see
            :func:`~mmeo.datasets.legend.read_legend`; or ``'osm'``, the tags
            that mmeo ships.
        level (int): Level of a class tree. Defaults to -1, its leaves.

    Raises:
        MissingDataError: If the file is absent.
        DataError: If it is no legend, or a name occurs twice.
    """
    if isinstance(source, (str, Path)):
        path = OSM_CLASSES if str(source) == 'osm' else Path(source)
        names = list(read_legend(path, level).classes)
    else:
        names = list(source)
    if not names or len(set(names)) < len(names):
        raise DataError(f'class names must be different, got {names[:5]} … '
                        f'from {source}.')
    return names


def template_hash(templates: Sequence[str] = TEMPLATES) -> str:
    """Short digest of templates, to tell a stale file."""
    return hashlib.sha256('\n'.join(templates).encode()).hexdigest()[:16]


@torch.no_grad()
def embed_names(names: Sequence[str],
                model: str,
                templates: Sequence[str] = TEMPLATES) -> Tensor:
    """Embed names with a text model of CLIP from transformers.

    Args:
        names (Sequence[str]): K class names.
        model (str): A folder, or a name on the model hub.
        templates (Sequence[str]): Each with one ``{}``.

    Returns:
        Tensor: ``(K, D)`` float32, rows of length 1.

    Raises:
        ConfigError: If the model cannot be loaded.
    """
    from transformers import AutoTokenizer, CLIPTextModelWithProjection
    try:
        tokenizer = AutoTokenizer.from_pretrained(model)
        clip = CLIPTextModelWithProjection.from_pretrained(model).eval()
    except (OSError, ValueError) as error:
        raise ConfigError(f'{model} holds no CLIP text model and tokenizer '
                          f'that transformers can read ({error}).') from error
    rows = []
    for name in names:
        tokens = tokenizer([text.format(name) for text in templates],
                           padding=True, truncation=True,
                           return_tensors='pt')
        each = F.normalize(clip(**tokens).text_embeds.float(), dim=-1)
        rows.append(each.mean(0))
    return F.normalize(torch.stack(rows), dim=-1)


def random_table(count: int, dims: int, seed: int = 0) -> Tensor:
    """Orthogonal unit rows that stand in where there is no text model.

    They tell classes apart and say nothing about what the names mean.

    Args:
        count (int): K rows.
        dims (int): D, at least K.
        seed (int): Defaults to 0.

    Returns:
        Tensor: ``(K, D)``.

    Raises:
        ConfigError: If D is less than K.
    """
    if dims < count:
        raise ConfigError(f'{count} orthogonal rows need at least {count} '
                          f'dimensions, not {dims}.')
    generator = torch.Generator().manual_seed(seed)
    square = torch.randn(dims, dims, generator=generator)
    return torch.linalg.qr(square)[0][:count].contiguous()


def save_table(path: Union[str, Path], table: Tensor, names: Sequence[str],
               model: str, templates: Sequence[str] = TEMPLATES) -> None:
    """Write a table with what it was made from, never half a file.

    Args:
        path (str or Path): ``*.safetensors``.
        table (Tensor): ``(K, D)``.
        names (Sequence[str]): K class names.
        model (str): What made it.
        templates (Sequence[str]): See :func:`embed_names`.
    """
    from safetensors.torch import save_file
    path = Path(path)
    if path.suffix != '.safetensors':
        raise ConfigError(f'{path} must end in .safetensors.')
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + '.part')
    save_file({'text': table.contiguous()}, part, metadata=dict(
        class_names=json.dumps(list(names)), model=model,
        templates=template_hash(templates)))
    part.replace(path)


def load_table(path: Union[str, Path], names: Sequence[str],
               templates: Sequence[str] = TEMPLATES) -> Tensor:
    """Read a table and check that it is the one of these names.

    Returns:
        Tensor: ``(K, D)``.

    Raises:
        MissingDataError: If the file is absent.
        DataError: If it was made of other names or templates.
    """
    from safetensors import safe_open
    path = Path(path).expanduser()
    if not path.is_file():
        raise MissingDataError(
            f'text_embeddings: {path} does not exist; make it with '
            f'`python {_TOOL}` (--help).')
    with safe_open(path, 'pt') as file:
        meta, table = file.metadata() or {}, file.get_tensor('text')
    again = f'make it anew with `python {_TOOL}`'
    found = json.loads(meta.get('class_names', '[]'))
    if found != list(names):
        odd = next((f'{a!r} instead of {b!r} as class {i}' for i, (a, b)
                    in enumerate(zip(found, names)) if a != b),
                   f'{len(found)} classes instead of {len(names)}')
        raise DataError(f'{path} is stale: it was made of other class names '
                        f'({odd}); {again}.')
    if meta.get('templates') != template_hash(templates):
        raise DataError(f'{path} is stale: it was made with other templates; '
                        f'{again}.')
    return table
