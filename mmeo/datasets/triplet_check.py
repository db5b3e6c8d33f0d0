# Copyright (c) mmeo contributors. All rights reserved.
"""Check every place of a series dataset, from the headers of its files."""

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np

from mmeo.datasets.band_names import bands_of
from mmeo.datasets.frame_dates import date_of_file
from mmeo.datasets.multi_modal_series import MultiModalSeriesDataset
from mmeo.datasets.place_files import LABEL, open_place
from mmeo.errors import DataError


@dataclass
class TripletReport:
    """What was found.

    Args:
        places (int): Number of places.
        lengths (dict[str, list[int]]): Sensor to the number of images of
            each place that has any.
        without (Counter): Places without a sensor.
        cropped (list[str]): Places whose images differ in extent.
        shifts (list[float]): Remaining offset between grids, in coarse
            pixels, of each place.
        undated (int): Images of a series of which no date is known.
        sizes (Counter): Common extent in coarse pixels to places.
        labels (int): Places with a label.
        errors (list[str]): Places that cannot be used, with the reason.
    """

    places: int = 0
    lengths: dict[str, list[int]] = field(default_factory=dict)
    without: Counter = field(default_factory=Counter)
    cropped: list[str] = field(default_factory=list)
    shifts: list[float] = field(default_factory=list)
    undated: int = 0
    sizes: Counter = field(default_factory=Counter)
    labels: int = 0
    errors: list[str] = field(default_factory=list)

    def to_dict(self) -> dict:
        """Plain values, for JSON."""
        return dict(
            places=self.places, labels=self.labels, undated=self.undated,
            frames={name: dict(places=len(many), total=sum(many),
                               shortest=min(many), longest=max(many))
                    for name, many in self.lengths.items()},
            without=dict(self.without), cropped=self.cropped,
            largest_shift=max(self.shifts, default=0.0),
            sizes={f'{h}x{w}': n for (h, w), n in self.sizes.items()},
            errors=self.errors)

    def to_text(self, examples: int = 5) -> str:
        """For reading."""
        lines = [f'{self.places} places, {self.labels} with a label, '
                 f'{len(self.errors)} cannot be used']
        for name, many in sorted(self.lengths.items()):
            lines.append(
                f'  {name}: {sum(many)} images at {len(many)} places ('
                f'{min(many)} to {max(many)} each, median '
                f'{np.median(many):g}), absent at {self.without[name]}')
        sizes = ', '.join(f'{h} x {w} ({n})' for (h, w), n
                          in self.sizes.most_common(examples))
        lines.append(f'  common extent in coarse pixels (places): {sizes}')
        moved = sum(shift > .1 for shift in self.shifts)
        lines.append(
            f'  cropped to the common extent: {len(self.cropped)}; grids off '
            f'by more than 0.1 coarse pixel: {moved} (largest '
            f'{max(self.shifts, default=0):.2f}); images without a date: '
            f'{self.undated}')
        lines += [f'ERROR {error}' for error in self.errors[:examples]]
        if len(self.errors) > examples:
            lines.append(f'... and {len(self.errors) - examples} more')
        return '\n'.join(lines)


def check_triplets(dataset: MultiModalSeriesDataset,
                   workers: int = 4) -> TripletReport:
    """Open every file of every place and compare grids, bands and dates.

    Args:
        dataset (MultiModalSeriesDataset): Its pipeline is not used.
        workers (int): Threads. Defaults to 4.
    """
    dataset.full_init()
    infos = [dataset.get_data_info(i) for i in range(len(dataset))]
    report = TripletReport(places=len(infos))
    with ThreadPoolExecutor(max(workers, 1)) as pool:
        for info, item in zip(infos, pool.map(_check_place, infos)):
            if isinstance(item, str):
                report.errors.append(f'{info["place"]}: {item}')
                continue
            _take(report, info, item, list(dataset.patterns))
    return report


def _check_place(info: dict) -> 'tuple | str':
    """The registration and the number of undated images, or an error."""
    undated = 0
    try:
        with open_place(info) as (files, shared):
            for name, many in files.items():
                if name == LABEL:
                    continue
                for src, (path, day) in zip(many, info['frames'][name]):
                    bands_of(src, name)
                    undated += name != 'hr' and day is None and \
                        date_of_file(path, src.tags()) is None
    except DataError as error:
        return str(error)
    return shared, undated


def _take(report: TripletReport, info: dict, item: tuple,
          names: Sequence[str]) -> None:
    shared, undated = item
    for name in names:
        frames = info['frames'].get(name)
        if frames:
            report.lengths.setdefault(name, []).append(len(frames))
        else:
            report.without[name] += 1
    report.labels += 'seg_map_path' in info
    report.undated += undated
    report.sizes[shared.cells] += 1
    report.shifts.append(shared.shift)
    if shared.cropped:
        report.cropped.append(info['place'])
