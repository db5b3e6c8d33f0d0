# Copyright (c) mmeo contributors. All rights reserved.
"""RSTeller: captions of NAIP patches, beside their images."""

from collections.abc import Iterator
from pathlib import Path

from mmeo.datasets.instruct_converters.files import find_image, read_json
from mmeo.datasets.instruct_converters.items import (
    Dropped,
    Item,
    Option,
    Sample,
    register_source,
)
from mmeo.datasets.instruct_converters.wording import Wording
from mmeo.errors import ConfigError, DataError, MissingDataError

# Numbers of the annotations: of an area, of other objects, reworded.
_KINDS = {'1': 'area', '2': 'object', '3': 'revision'}


@register_source(
    'rsteller',
    title='RSTeller (tar shards, unpacked)',
    asks='"describe the image", for captions chosen by seed',
    tree='ROOT/Patches0000/607.json   {"metadata": {"patch_id"}, '
         '"annotations": [{"task", "text"}]}\nROOT/Patches0000/607.jpg\n'
         '(unpack a shard with: mkdir Patches0000 && tar -xf '
         'Patches0000.tar -C Patches0000)',
    options=(Option('--per-image', 'captions of an image', 1, type=int),
             Option('--caption-kinds', 'comma-separated numbers of the set: '
                    '1 area, 2 other objects, 3 reworded', '1,2,3')))
def rsteller(root: Path, images: Path, wording: Wording, per_image: int,
             caption_kinds: str) -> Iterator[Item]:
    """One JSON file an image, folder by folder."""
    wanted = {kind.strip() for kind in caption_kinds.split(',')}
    if not wanted or wanted - set(_KINDS):
        raise ConfigError(f'--caption-kinds {caption_kinds!r}: choose from '
                          f'{", ".join(_KINDS)}')
    found = False
    folders = sorted(path for path in root.iterdir() if path.is_dir())
    for folder in (root, *folders):
        for path in sorted(folder.glob('*.json')):
            found = True
            yield from _captions(path, images, wording, per_image, wanted)
    if not found:
        packed = sorted(root.glob('*.tar'))
        fix = (f'unpack {packed[0].name} and the other shards first'
               if packed else 'give the folder of the unpacked shards')
        raise MissingDataError(f'{root} holds no 607.json beside its image: '
                               f'{fix}')


def _captions(path: Path, images: Path, wording: Wording, per_image: int,
              wanted: set[str]) -> Iterator[Item]:
    try:
        rows = read_json(path)['annotations']
        texts = [' '.join(str(row['text']).split()) for row in rows
                 if str(row['task']) in wanted]
    except (DataError, KeyError, TypeError):
        yield Dropped('file has no annotations with task and text',
                      str(path))
        return
    texts = list(dict.fromkeys(text for text in texts if text))
    if not texts:
        yield Dropped('no caption of these kinds', str(path), flaw=False)
        return
    name, note = find_image(
        images, path.relative_to(images).with_suffix('.jpg').as_posix())
    key = path.relative_to(images).with_suffix('').as_posix()
    notes = (note, ) if note else ()
    if wording.truth:
        yield Sample(key, (name, ), ((wording.say('caption', key), texts[0]),
                                     ), notes, task='CAP',
                     truth=dict(references=texts))
        return
    for i, text in enumerate(wording.choose(key, texts, per_image)):
        yield Sample(f'{key}_caption{i}', (name, ),
                     ((wording.say('caption', key), text), ), notes,
                     task='CAP')
