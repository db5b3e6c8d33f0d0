# Copyright (c) mmeo contributors. All rights reserved.
"""Does an image of one sensor find that of another of the same ground?"""

from collections.abc import Sequence
from typing import Any, Optional

import numpy as np
from mmengine.evaluator import BaseMetric
from mmengine.logging import MMLogger

from mmeo.errors import ConfigError, DataError
from mmeo.registry import METRICS

_ROWS = 1024  # queries compared at once


def ranks_of_partners(queries: np.ndarray, gallery: np.ndarray
                      ) -> np.ndarray:
    """Place of row n of the gallery among all, by cosine to query n.

    Rows as near as the partner count before it: features that are all the
    same find nothing.

    Args:
        queries (ndarray): ``(N, D)``.
        gallery (ndarray): ``(N, D)``.

    Returns:
        ndarray: ``(N, )`` int64, from 1.
    """
    queries, gallery = (
        x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)
        for x in (queries.astype(np.float32), gallery.astype(np.float32)))
    ranks = []
    for start in range(0, len(queries), _ROWS):
        cosine = queries[start:start + _ROWS] @ gallery.T
        own = cosine[np.arange(len(cosine)), start + np.arange(len(cosine))]
        ranks.append((cosine >= own[:, None]).sum(1))
    return np.concatenate(ranks)


@METRICS.register_module()
class RetrievalMetric(BaseMetric):
    """Top-k retrieval between the two sensors of a validation set.

    Each sample holds a feature of either; the partner has to be found among
    those of all samples. By chance top-1 is 100 / N per cent. The measure
    of stage 1 of SkySense-VITA here (our choice; the paper measures what
    stage 2 makes of it).

    Metrics, in per cent but for the last: ``top1`` (and other k),
    ``reverse_top1`` (gallery finds query), ``median_rank``.

    Args:
        query (str): Field of the asking features. Defaults to 'sar_feature'.
        gallery (str): Field of the others. Defaults to 'optical_feature'.
        topk (Sequence[int]): Defaults to (1, 5).
        collect_device (str): 'cpu' or 'gpu'. Defaults to 'cpu'.
        prefix (str, optional): Prefix of the names. Defaults to
            'retrieval'.

    Raises:
        ConfigError: If ``topk`` is empty or not positive.
        DataError: If a sample has no features, or there is one sample only.
    """

    default_prefix: Optional[str] = 'retrieval'

    def __init__(self,
                 query: str = 'sar_feature',
                 gallery: str = 'optical_feature',
                 topk: Sequence[int] = (1, 5),
                 collect_device: str = 'cpu',
                 prefix: Optional[str] = None) -> None:
        super().__init__(collect_device=collect_device, prefix=prefix)
        if not topk or min(topk) < 1:
            raise ConfigError('RetrievalMetric: `topk` are numbers from 1, '
                              f'got {topk}')
        self.query, self.gallery = query, gallery
        self.topk = tuple(topk)

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Keep the features of each sample."""
        for sample in data_samples:
            row = []
            for key in (self.query, self.gallery):
                if key not in sample:
                    raise DataError(
                        f'RetrievalMetric: a prediction carries no `{key}`, '
                        f'but {sorted(sample)}; set `query` and `gallery`')
                row.append(sample[key].detach().float().cpu().numpy())
            self.results.append(tuple(row))

    def compute_metrics(self, results: list[tuple]) -> dict[str, float]:
        """Rank all pairs.

        Args:
            results (list[tuple]): Two arrays ``(D, )`` of each sample.
        """
        if len(results) < 2:
            raise DataError('RetrievalMetric: among one sample nothing can '
                            'be found; evaluate several')
        queries, gallery = (np.stack(rows) for rows in zip(*results))
        ranks = ranks_of_partners(queries, gallery)
        back = ranks_of_partners(gallery, queries)
        metrics = {f'top{k}': 100 * float((ranks <= k).mean())
                   for k in self.topk}
        metrics['reverse_top1'] = 100 * float((back <= 1).mean())
        metrics['median_rank'] = float(np.median(ranks))
        MMLogger.get_current_instance().info(
            f'retrieval among {len(ranks)} samples; by chance top1 is '
            f'{100 / len(ranks):.2f}')
        return metrics
