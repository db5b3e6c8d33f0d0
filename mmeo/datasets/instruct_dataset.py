# Copyright (c) mmeo contributors. All rights reserved.
"""Image instructions: InternVL metas, JSON lines and LLaVA lists."""

from itertools import chain
from pathlib import Path
from typing import Any, Optional

import numpy as np
from mmengine.dataset import BaseDataset
from mmengine.logging import print_log

from mmeo.datasets.instruct_index import (
    SPAN,
    SpanList,
    is_meta,
    parse_json,
    place,
    read_span,
    require_annotations,
    scan,
)
from mmeo.datasets.instruct_meta import InstructSource, read_meta
from mmeo.datasets.instruct_records import read_sample
from mmeo.datasets.instruct_repeats import repeat_indices
from mmeo.datasets.instruct_rounds import (
    group_rounds,
    join_samples,
    rounds_of,
)
from mmeo.datasets.samplers.seeded_index import seeded_by
from mmeo.errors import ConfigError, DataError
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
      paths are looked for beside the meta file, under ``data_root`` and in
      the working directory.

    A sample is a dict with ``img_paths``, ``conversations``, ``source``
    (``file:line``), ``jpeg_augment`` and, where one is set, ``max_tiles``.
    A record that cannot be used stops the run; none is ever replaced by
    another one.

    In memory a sample is its place in the file (28 bytes, shared by the
    workers of a loader); it is read when it is asked for.

    Args:
        ann_file (str): Annotations, relative to ``data_root``.
        data_root (str): Defaults to ''.
        data_prefix (dict): ``img_path``, the folder of relative image paths
            (not used by a meta, which has its own roots). Defaults to
            ``data_root`` itself.
        name (str, optional): For logs and tables; the file's by default.
        max_tiles (int, optional): Greatest number of tiles of a sample
            (InternVL's ``max_dynamic_patch``). By default the pipeline's.
        jpeg_augment (bool): Re-compress the images at random (InternVL's
            ``data_augment``). Defaults to False.
        length (int, optional): Records that the file should hold; another
            number is logged as a warning, because the shares of a mixture
            were computed with it. Defaults to None.
        max_rounds (int, optional): Join the dialogues about one image up to
            this many questions (see
            :func:`~mmeo.datasets.instruct_rounds.group_rounds`). By default
            every record is a sample.
        seed (int): Of the subsets of fractional ``repeat_time``. Defaults to
            0.
        fraction (str): Which samples a fractional ``repeat_time`` takes,
            'random' or 'first'. Defaults to 'random'.
        validate (bool): Check every record at the start (about 15 s for a
            million) instead of when it is read. Defaults to True.
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
                 name: Optional[str] = None,
                 max_tiles: Optional[int] = None,
                 jpeg_augment: bool = False,
                 length: Optional[int] = None,
                 max_rounds: Optional[int] = None,
                 seed: int = 0,
                 fraction: str = 'random',
                 validate: bool = True,
                 **kwargs: Any) -> None:
        if kwargs.get('serialize_data') is False:
            raise ConfigError('InstructDataset keeps places in files, not '
                              'samples: leave `serialize_data` out')
        self.name = name or Path(ann_file).stem
        self.max_tiles = max_tiles
        self.jpeg_augment = jpeg_augment
        self.length = length
        self.max_rounds = max_rounds
        self.seed = seed
        self.fraction = fraction
        self.validate = validate
        # Before the pipeline is built, whose tokenizer may read the same data.
        require_annotations(Path(data_root, ann_file))
        super().__init__(
            ann_file=ann_file,
            data_root=data_root,
            data_prefix=data_prefix or dict(img_path=''),
            **kwargs)

    def full_init(self) -> None:
        """Find the place of every sample."""
        if self._fully_initialized:
            return
        self.sources = self._read_sources()
        parts = [self._index(i) for i in range(len(self.sources))]
        spans = np.concatenate([part[0] for part in parts])
        sizes = np.concatenate([part[1] for part in parts])
        if not len(sizes):
            raise DataError(f'{self.ann_file} holds no dialogue')
        # mmengine's own containers, so that its subsets work.
        self.data_bytes = spans.view(np.uint8)
        self.data_address = np.cumsum(sizes) * SPAN.itemsize
        self._fully_initialized = True
        if self._indices is not None:
            self.get_subset_(self._indices)

    def load_data_list(self) -> list[dict]:
        """All samples at once, as dicts."""
        return [self.get_data_info(i) for i in range(len(self))]

    def _read_sources(self) -> list[InstructSource]:
        path = Path(self.ann_file)
        if is_meta(path):
            return read_meta(path, self.data_root)
        return [InstructSource(
            name=self.name, ann_file=str(path),
            img_root=self.data_prefix['img_path'], max_tiles=self.max_tiles,
            jpeg_augment=self.jpeg_augment, length=self.length)]

    def _index(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Spans of a source, and how many of them make each sample."""
        source = self.sources[number]
        path = Path(source.ann_file)
        spans, rounds = SpanList(number), []
        for raw in scan(path):
            spans.append(raw)
            if self.validate or self.max_rounds is not None:
                where = place(path, raw.number)
                sample = read_sample(
                    parse_json(raw.text, where), where, Path(source.img_root))
                if self.max_rounds is not None:
                    rounds.append(rounds_of(sample))
        table = spans.to_array()
        sizes = np.ones(len(table), np.int64)
        if self.max_rounds is not None:
            groups = group_rounds(rounds, self.max_rounds)
            sizes = np.array([len(group) for group in groups], np.int64)
            table = table[np.fromiter(chain(*groups), np.int64)]
        self._compare_length(source, len(table))
        if source.repeat != 1:
            chosen = repeat_indices(
                len(sizes), source.repeat, self.seed + number, self.fraction)
            print_log(f'{source.name}: {len(sizes)} dialogues, {len(chosen)} '
                      'used', 'current')
            table, sizes = _take_groups(table, sizes, chosen)
        return table, sizes

    def _compare_length(self, source: InstructSource, found: int) -> None:
        if source.length is not None and source.length != found:
            print_log(
                f'{source.ann_file} holds {found} records, its mixture was '
                f'computed with {source.length}: the shares differ from '
                'those documented', 'current', level=30)

    def get_data_info(self, idx: int) -> dict:
        """Read the annotation of sample ``idx``."""
        self.full_init()
        number = idx + len(self) if idx < 0 else idx
        if not 0 <= number < len(self):
            raise IndexError(f'sample {idx} of {len(self)} in {self.ann_file}')
        start = self.data_address[number - 1] if number else 0
        spans = np.frombuffer(
            self.data_bytes[start:self.data_address[number]].tobytes(), SPAN)
        source = self.sources[spans[0]['source']]
        path, root = Path(source.ann_file), Path(source.img_root)
        samples = []
        for span in spans:
            where, record = read_span(path, span)
            samples.append(read_sample(record, where, root))
        sample = join_samples(samples)
        sample.update(sample_idx=number, jpeg_augment=source.jpeg_augment)
        if source.max_tiles is not None:
            sample['max_tiles'] = source.max_tiles
        return sample

    def __getitem__(self, idx: int) -> Any:
        """Sample ``idx`` through the pipeline; never another one."""
        with seeded_by(idx):
            data = self.prepare_data(idx)
        if data is None:
            raise DataError(f'a transform returned nothing for '
                            f'{self.get_data_info(idx)["source"]}')
        return data


def _take_groups(spans: np.ndarray, sizes: np.ndarray,
                 chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The spans of some groups, one group after the other."""
    starts = (np.cumsum(sizes) - sizes)[chosen]
    taken = sizes[chosen]
    offsets = np.cumsum(taken) - taken
    index = np.repeat(starts - offsets, taken) + np.arange(taken.sum())
    return spans[index], taken
