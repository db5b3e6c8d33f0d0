# Copyright (c) mmeo contributors. All rights reserved.
"""Linear probes of a frozen SkySense V2 on SynthEarth triplets."""

import json
from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from mmengine.logging import print_log
from torch import Tensor, nn

from mmeo.builder import build
from mmeo.datasets.synthetic.scenes import THEMES, theme_of
from mmeo.errors import MissingDataError
from mmeo.evaluation.linear_probe import choose_probe, mean_iou

from .probe_features import PlaceFeatures, place_features

TOKENS = 128  # of each place to fit on
STEP = 4  # predictions are compared at every fourth pixel
# Which maps a segmentation probe reads: the last alone, or all of them on the
# grid of stage 3, as a decoder would.
READOUTS = dict(last=(3, ), all=(2, 3, 0, 1))


class SynthEarthProbe:
    """Segmentation and scene accuracy that a linear layer gets (ours).

    The probe is fitted on the scenes of ``train`` and evaluated on ``val``:
    land cover (mIoU, %) from ``hr``, and theme of the scene (accuracy, %)
    from the mean feature of any sensor, its frames averaged.

    Args:
        data_root (str): SynthEarth.
        legend_level (int): Level of the class tree. Defaults to 1, kinds.
        seed (int): Of the choice of tokens. Defaults to 0.

    Raises:
        MissingDataError: If there is no SynthEarth.
    """

    def __init__(self, data_root: str, legend_level: int = 1,
                 seed: int = 0) -> None:
        manifest = Path(data_root, 'manifest.json')
        if not manifest.is_file():
            raise MissingDataError(
                f'{manifest} does not exist: make the data by python '
                'tools/dataset_converters/make_synthearth.py --out '
                f'{data_root} --scenes 375 --size 512')
        self.scene_seed = json.loads(manifest.read_text())['seed']
        self.seed = seed
        self.sets = {
            split: build(
                'MultiModalSeriesDataset', data_root=data_root,
                data_prefix=dict(series=f'{split}/series'),
                legend='semantics.json', legend_level=legend_level,
                test_mode=True, pipeline=[dict(type='LoadTriplet'),
                                          dict(type='NormalizeBands')])
            for split in ('train', 'val')}
        self.num_classes = len(self.sets['val'].metainfo['classes'])

    def run(self, backbone: nn.Module,
            modalities: Sequence[str] = ('hr', 's2', 's1')
            ) -> dict[str, float]:
        """All probes.

        Args:
            backbone (SkySenseV2): Frozen.
            modalities (Sequence[str]): Sensors; ``'hr'`` also segments.

        Returns:
            dict[str, float]: ``mIoU (last)``, ``mIoU (all)`` and ``scene
            <sensor>``, in %.
        """
        backbone.eval()
        scores = {}
        for modality in modalities:
            views = {split: self._encode(backbone, split, modality)
                     for split in self.sets}
            if modality == 'hr':
                for name in READOUTS:
                    scores[f'mIoU ({name})'] = self._segment(views, name)
            scores[f'scene {modality}'] = self._classify(views)
        print_log(f'linear probes: {scores}', 'current')
        return scores

    def _encode(self, backbone: nn.Module, split: str,
                modality: str) -> list[PlaceFeatures]:
        """All places; of those to fit on, a few tokens are enough."""
        chance = torch.Generator().manual_seed(self.seed)
        dataset, places = self.sets[split], []
        for index in range(len(dataset)):
            place = place_features(backbone, dataset[index], modality,
                                   READOUTS if modality == 'hr' else {})
            if split == 'train':
                place.choose_tokens(self.num_classes, TOKENS, chance)
            places.append(place)
        return places

    def _segment(self, views: dict[str, list[PlaceFeatures]],
                 readout: str) -> float:
        tokens = [place.tokens[readout] for place in views['train']]
        groups = [torch.full((len(x), ), i) for i, (x, _) in
                  enumerate(tokens)]
        probe = choose_probe(torch.cat([x for x, _ in tokens]),
                             torch.cat([y for _, y in tokens]),
                             torch.cat(groups))
        predictions, labels = [], []
        for place in views['val']:
            logits = probe(place.pixels[readout].float().permute(1, 2, 0))
            size = [n // STEP for n in place.label.shape]
            logits = F.interpolate(logits.permute(2, 0, 1)[None], size,
                                   mode='bilinear', align_corners=False)[0]
            predictions.append(logits.argmax(0))
            labels.append(place.label[STEP // 2::STEP, STEP // 2::STEP])
        return mean_iou(predictions, labels, self.num_classes)

    def _classify(self, views: dict[str, list[PlaceFeatures]]) -> float:
        names, found = list(THEMES), {}
        for split, places in views.items():
            dataset = self.sets[split]
            numbers = [int(Path(dataset.get_data_info(i)['place']).name)
                       for i in range(len(dataset))]
            themes = [names.index(theme_of(self.scene_seed, i))
                      for i in numbers]
            found[split] = (torch.stack([place.image for place in places]),
                            torch.tensor(themes))
        features, themes = found['train']
        probe = choose_probe(features, F.one_hot(themes, len(names)).float(),
                             torch.arange(len(themes)))
        features, themes = found['val']
        hits: Tensor = probe(features).argmax(-1) == themes
        return 100 * hits.float().mean().item()
