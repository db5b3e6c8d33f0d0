# Copyright (c) mmeo contributors. All rights reserved.
"""Parameters and operations of a model, part by part."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Optional

import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from mmeo.apis.config import ConfigLike, load_config
from mmeo.errors import ConfigError
from mmeo.registry import MODELS
from mmeo.utils import import_siblings


@dataclass(frozen=True)
class Complexity:
    """What a model costs.

    Args:
        shape (tuple[int, ...]): Input ``(C, H, W)``.
        params (dict[str, int]): Parameters of each part.
        flops (dict[str, int]): Operations of each part for one input, a
            multiplication and an addition counted as two.
    """

    shape: tuple[int, ...]
    params: dict[str, int]
    flops: dict[str, int]

    def table(self) -> str:
        """Both by part, with totals."""
        names = list(dict.fromkeys([*self.params, *self.flops]))
        rows = [('part', 'parameters', 'GFLOPs'), *(
            (name, f'{self.params.get(name, 0):,}',
             f'{self.flops.get(name, 0) / 1e9:,.2f}') for name in names),
            ('total', f'{sum(self.params.values()):,}',
             f'{sum(self.flops.values()) / 1e9:,.2f}')]
        widths = [max(len(row[i]) for row in rows) for i in range(3)]
        lines = [f'{a:<{widths[0]}}  {b:>{widths[1]}}  {c:>{widths[2]}}'
                 for a, b, c in rows]
        size = ' x '.join(map(str, self.shape))
        return '\n'.join([
            f'input {size}', *lines,
            'Counted: matrix products, convolutions and attention, a '
            'multiplication and an addition as two (halve it for the MACs '
            'that mm* tools call FLOPs); not counted: sampling, norms and '
            'activations.'])


def complexity(config: ConfigLike,
               shape: Optional[Sequence[int]] = None,
               cfg_options: Optional[dict] = None) -> Complexity:
    """Count parameters and operations of one forward pass.

    Of a vision-language model the operations of vision tower and projector
    are counted, because those of the LLM depend on the dialogue.

    Args:
        config (str | Path | Config): Whose ``model`` is measured.
        shape (Sequence[int], optional): ``(S, )``, ``(H, W)`` or
            ``(C, H, W)``. Defaults to the crop size of the config, else
            ``(512, 512)``.
        cfg_options (dict, optional): Dotted config keys to override.
    """
    cfg = load_config(config, cfg_options)
    if cfg.get('model') is None:
        raise ConfigError(f'{cfg.filename} has no `model`.')
    import_siblings(str(cfg))
    scope = cfg.get('default_scope', 'mmeo')
    if DefaultScope.get_current_instance() is None:
        DefaultScope.get_instance('complexity', scope_name=scope)
    with DefaultScope.overwrite_default_scope(scope):
        model = MODELS.build(cfg.model).eval()
    size = _shape(cfg, model, shape)
    probe = _Probe(model)
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), \
            FlopCounterMode(display=False, depth=None) as counter:
        # The fused kernels of a CPU are unknown to the counter.
        probe(torch.randn(1, *size))
    return Complexity(size, _params(model), _flops(counter, model))


def _shape(cfg: Config, model: nn.Module,
           shape: Optional[Sequence[int]]) -> tuple[int, ...]:
    shape = tuple(shape or cfg.get('crop_size') or _vision_size(cfg)
                  or (512, 512))
    if len(shape) == 1:
        shape *= 2
    if len(shape) == 2:
        backbone = cfg.model.get('backbone', {})
        channels = backbone.get('in_channels') or backbone.get(
            'vit', {}).get('in_channels') or 3
        # Two dates stacked along the channels
        dates = 2 if 'Siamese' in type(model).__name__ else 1
        shape = (channels * dates, *shape)
    if len(shape) != 3 or min(shape) < 1:
        raise ConfigError(f'--shape {" ".join(map(str, shape))}: expected '
                          'SIZE, HEIGHT WIDTH, or CHANNELS HEIGHT WIDTH')
    return shape


def _vision_size(cfg: Config) -> Optional[tuple[int, int]]:
    size = cfg.model.get('vision', {}).get('img_size')
    return None if size is None else (size, size)


def _runner(model: nn.Module) -> Callable[[Tensor], Any]:
    """The forward pass of the model's kind, on ``(1, C, H, W)``."""
    if hasattr(model, 'encode_images'):
        return model.encode_images
    if hasattr(model, 'rpn_head') or hasattr(model, 'bbox_head'):
        return lambda x: model._forward(x, _detection_samples(x))
    if hasattr(model, '_forward'):
        return model._forward
    return model


def _detection_samples(inputs: Tensor) -> list:
    """Detectors ask for the sizes of images even where nothing is scored."""
    from mmdet.structures import DetDataSample
    size = tuple(inputs.shape[-2:])
    return [DetDataSample(metainfo=dict(
        img_shape=size, ori_shape=size, pad_shape=size,
        batch_input_shape=size, scale_factor=(1., 1.)))]


def _params(model: nn.Module) -> dict[str, int]:
    counts = {}
    for name, child in model.named_children():
        own = sum(p.numel() for p in child.parameters())
        if own:
            counts[name] = own
    loose = sum(p.numel() for p in model.parameters(recurse=False))
    return {**counts, 'itself': loose} if loose else counts


class _Probe(nn.Module):
    """Gives the parts of a model their names.

    The counter names modules by the first one that is called, and a model's
    ``_forward`` is called past its ``__call__``.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self.run = _runner(model)

    def forward(self, inputs: Tensor) -> Any:
        return self.run(inputs)


def _flops(counter: FlopCounterMode, model: nn.Module) -> dict[str, int]:
    """Operations by direct child; what none of them ran is ``itself``."""
    by_module = {name: sum(ops.values())
                 for name, ops in counter.get_flop_counts().items()}

    def count(name: str, module: nn.Module) -> int:
        # A part whose ``forward`` was called by that name is unknown to the
        # counter; the modules in it are not.
        return by_module.get(name) or sum(
            count(f'{name}.{key}', child)
            for key, child in module.named_children())

    counts = {name: count(f'_Probe.model.{name}', child)
              for name, child in model.named_children()}
    counts = {name: own for name, own in counts.items() if own}
    rest = by_module.get('Global', 0) - sum(counts.values())
    return {**counts, 'itself': rest} if rest else counts
