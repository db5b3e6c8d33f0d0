# Copyright (c) mmeo contributors. All rights reserved.
"""Image instructions: InternVL metas, JSON lines and LLaVA lists."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Optional

from mmengine.dataset import BaseDataset
from mmengine.logging import print_log

from mmeo.datasets.instruct_records import (
    merge_rounds,
    parse_json,
    read_records,
    read_sample,
    repeat_indices,
    require_annotations,
)
from mmeo.errors import DataError, MissingDataError
from mmeo.registry import DATASETS


@DATASETS.register_module()
class InstructDataset(BaseDataset):
    """Conversations about images.

    ``ann_file`` is one of

    - ``.jsonl``: one record a line, ``{"image": "a.png" | ["a.png", ...],
      "conversations": [{"from": "human", "value": "<image>\\n..."}, ...]}``;
    - ``.json`` list of such records (LLaVA);
    - ``.json`` object, an InternVL meta: ``{name: {"root", "annotation",
      "repeat_time", "data_augment", "max_dynamic_patch"}}``. Its relative
      paths are looked for beside the meta file and then under ``data_root``.

    A sample is a dict with ``img_paths``, ``conversations``, ``source``
    (``file:line``), and from a meta ``max_tiles`` and ``jpeg_augment``.
    A record that cannot be used stops the run; none is ever replaced by
    another one.

    Args:
        ann_file (str): Annotations, relative to ``data_root``.
        data_root (str): Defaults to ''.
        data_prefix (dict): ``img_path``, the folder of relative image paths
            (not used by a meta, which has its own roots). Defaults to
            ``data_root`` itself.
        max_rounds (int, optional): Join the dialogues about one image up to
            this many questions (see
            :func:`~mmeo.datasets.instruct_records.merge_rounds`). By default
            every record is a sample.
        seed (int): Of the subsets of fractional ``repeat_time``. Defaults to
            0.
        **kwargs: Of mmengine's ``BaseDataset``.

    Raises:
        MissingDataError: If an annotation file is absent.
        DataError: If a record cannot be used; the message names file and
            line.
    """

    METAINFO = dict(task='dialogue')

    def __init__(self,
                 ann_file: str,
                 data_root: str = '',
                 data_prefix: Optional[dict] = None,
                 max_rounds: Optional[int] = None,
                 seed: int = 0,
                 **kwargs: Any) -> None:
        self.max_rounds = max_rounds
        self.seed = seed
        # Before the pipeline is built, whose tokenizer may read the same data.
        require_annotations(Path(data_root, ann_file))
        super().__init__(
            ann_file=ann_file,
            data_root=data_root,
            data_prefix=data_prefix or dict(img_path=''),
            **kwargs)

    def load_data_list(self) -> list[dict]:
        """Read all annotations."""
        path = Path(self.ann_file)
        meta = None
        if path.suffix == '.json' and path.is_file():
            content = parse_json(path.read_text(encoding='utf-8'), str(path))
            meta = content if isinstance(content, dict) else None
        if meta is not None:
            samples = self._read_meta(path, meta)
        else:
            samples = self._read_file(path, Path(self.data_prefix['img_path']))
        if not samples:
            raise DataError(f'{path} holds no dialogue')
        return samples

    def _read_file(self, path: Path, root: Path) -> list[dict]:
        samples = [
            read_sample(record, source, root)
            for source, record in read_records(path)
        ]
        if self.max_rounds is not None:
            samples = merge_rounds(samples, self.max_rounds)
        return samples

    def _read_meta(self, path: Path, meta: Mapping) -> list[dict]:
        data_list = []
        for number, (name, entry) in enumerate(meta.items()):
            if not isinstance(entry, Mapping) or 'annotation' not in entry:
                raise DataError(f'{path}: entry {name!r} has no `annotation`: '
                                'an InternVL meta maps names to objects with '
                                '`root` and `annotation`')
            root = self._locate(path, name, 'root', entry.get('root', ''))
            annotation = self._locate(path, name, 'annotation',
                                      entry['annotation'])
            samples = self._read_file(annotation, root)
            extra = dict(jpeg_augment=bool(entry.get('data_augment', False)))
            if 'max_dynamic_patch' in entry:
                extra['max_tiles'] = int(entry['max_dynamic_patch'])
            chosen = repeat_indices(
                len(samples), entry.get('repeat_time', 1), self.seed + number)
            print_log(f'{name}: {len(samples)} dialogues, {len(chosen)} used',
                      'current')
            data_list += [{**samples[i], **extra} for i in chosen]
        return data_list

    def _locate(self, meta: Path, name: str, field: str, path: str) -> Path:
        places = [meta.parent / path]
        if self.data_root:
            places.append(Path(self.data_root) / path)
        for place in places:
            if place.exists():
                return place
        raise MissingDataError(
            f'{meta}: `{field}` of entry {name!r} does not exist; looked for '
            f'{" and ".join(map(str, places))}. Correct the path in the meta.')

    def __getitem__(self, idx: int) -> Any:
        """Sample ``idx`` through the pipeline; never another one."""
        if not self._fully_initialized:
            self.full_init()
        data = self.prepare_data(idx)
        if data is None:
            raise DataError(f'a transform returned nothing for '
                            f'{self.get_data_info(idx)["source"]}')
        return data
