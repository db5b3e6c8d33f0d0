# Copyright (c) mmeo contributors. All rights reserved.
"""Which images serve as examples in a config's test, as a file to keep."""

from pathlib import Path
from typing import Any, Optional, Union

from mmengine.config import Config
from mmengine.registry import init_default_scope

from mmeo.errors import ConfigError
from mmeo.registry import DATASETS

PathLike = Union[str, Path]


def convert(config: PathLike, out: PathLike, shots: int = 8,
            seed: Optional[int] = None,
            cfg_options: Optional[dict[str, Any]] = None) -> dict[str, int]:
    """Choose the examples of a config's test set and write them.

    The first k of each class are those of k shots, so that one file serves
    all numbers of shots (``test_dataloader.dataset.exemplar_file``).

    Args:
        config: With ``test_dataloader.dataset`` an ``InContextTestDataset``.
        out: JSON file to write.
        shots: Examples of each class.
        seed: Of the choice. Defaults to the config's.
        cfg_options: Changes of the config.

    Returns:
        dict: Number of images of each class.

    Raises:
        ConfigError: If the config tests something else.
        MissingDataError: If data are absent.
    """
    cfg = Config.fromfile(config)
    cfg.merge_from_dict(cfg_options or {})
    init_default_scope(cfg.get('default_scope', 'mmeo'))
    dataset = (cfg.get('test_dataloader') or {}).get('dataset') or {}
    if dataset.get('type') not in ('InContextTestDataset',
                                   'mmeo.InContextTestDataset'):
        raise ConfigError(
            f'{config}: `test_dataloader.dataset` is '
            f'{dataset.get("type", "absent")}, not an InContextTestDataset: '
            'give a config of configs/skysense_vita/<dataset>/.')
    dataset = dict(dataset, shots=shots, exemplar_file=None)
    if seed is not None:
        dataset['seed'] = seed
    built = DATASETS.build(dataset)
    built.write_exemplars(out)
    return {name: len(images) for name, images in built.chosen.items()}
