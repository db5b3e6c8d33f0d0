# Copyright (c) mmeo contributors. All rights reserved.
"""Loading a MultiModalEncoder, backbone and fusion, from a checkpoint."""

import logging

from mmengine.logging import MMLogger
from torch import Tensor, nn

from mmeo import weights
from mmeo.errors import CheckpointError

from .skysense_weights import load_backbone, with_dot

# Depend on the sensors, on the one that gives the grid and on `up_ratio`,
# which fine-tuning may choose otherwise than pretraining did.
_FREE = ('projections.', 'geo_context.')


def load_encoder(model: nn.Module, path: str, prefix: str = '',
                 trust: bool = False) -> None:
    """Load the backbone and, if the encoder has one, the fusion.

    The backbone loads as :func:`load_backbone` says. Of the fusion,
    projections and geo-context that the file lacks or has in another size
    start anew, and are named in the log; all else must fit.

    Args:
        model (MultiModalEncoder): To load into.
        path (str): What ``extract_backbone.py --fusion`` wrote, or a
            checkpoint of the pretraining.
        prefix (str): In front of ``backbone.`` and ``fusion.`` in the file,
            ``'teacher'`` for a checkpoint of the pretraining. Defaults to
            ``''``.
        trust (bool): See :func:`mmeo.weights.load`. Defaults to False.

    Raises:
        CheckpointError: If the file does not hold them, or they do not fit.
    """
    prefix = with_dot(prefix)
    load_backbone(model.backbone, path, f'{prefix}backbone.', trust)
    if model.fusion is None:
        return
    start = f'{prefix}fusion.'
    stored = {key[len(start):]: value for key, value in weights.unwrap(
        weights.load(path, trust=trust)).items() if key.startswith(start)}
    if not stored:
        raise CheckpointError(
            f'{path} holds no {start}*: extract it with `--fusion`, or load '
            "the backbone alone, by the `init_cfg` of the encoder's "
            '`backbone`.')
    _load_fusion(model.fusion, stored, path)


def _load_fusion(fusion: nn.Module, stored: dict[str, Tensor],
                 path: str) -> None:
    wanted = fusion.state_dict()
    fitting = {k for k, v in wanted.items()
               if k in stored and stored[k].shape == v.shape}
    fresh = sorted(set(wanted) - fitting)
    bad = [k for k in fresh if not k.startswith(_FREE)]
    # A model without the calendar's sensor has no table of days.
    bad += [k for k in stored if k not in wanted and not k.startswith(
        (*_FREE, 'position_embedding'))]
    if bad:
        raise CheckpointError(
            f'{path}: {len(bad)} tensors of the fusion do not fit, such as '
            f'{", ".join(bad[:3])}: set `embed_dims`, `num_layers`, '
            '`mlp_ratio` and `final_norm` to those of the file.')
    fusion.load_state_dict({k: stored[k] for k in fitting}, strict=False)
    MMLogger.get_current_instance().log(
        logging.WARNING if fresh else logging.INFO,
        'TemporalFusion from %s: %d tensors loaded, %d start anew%s', path,
        len(fitting), len(fresh),
        f' ({", ".join(fresh[:4])})' if fresh else '')
