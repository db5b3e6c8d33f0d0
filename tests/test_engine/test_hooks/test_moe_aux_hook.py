# Copyright (c) mmeo contributors. All rights reserved.
"""Injected losses keep their weight whatever the loss is scaled by."""

from types import SimpleNamespace

import pytest
import torch
from mmengine.logging import MessageHub
from mmengine.optim import OptimWrapper
from torch import Tensor, nn

from mmeo.engine.hooks import MoEAuxHook
from mmeo.engine.hooks.moe_aux_hook import loss_factor
from mmeo.errors import ConfigError
from mmeo.models.layers import MoEFFN


class ScaledWrapper(OptimWrapper):
    """As mmengine's AmpOptimWrapper, which wants a GPU, does it."""

    def __init__(self, scale: float, **kwargs) -> None:
        super().__init__(**kwargs)
        self.loss_scaler = SimpleNamespace(get_scale=lambda: scale)
        self.scale = scale

    def backward(self, loss: Tensor, **kwargs) -> None:
        (loss * self.scale).backward()
        self._inner_count += 1

    def step(self, **kwargs) -> None:
        for group in self.optimizer.param_groups:
            for param in group['params']:
                param.grad /= self.scale
        super().step(**kwargs)


def train(scale: float, accumulate: int) -> tuple[MoEFFN, MessageHub]:
    torch.manual_seed(0)
    model = nn.Sequential(MoEFFN(8, 16, 4, jitter=0., aux_loss_weight=1.))
    x = torch.randn(32, 8)
    wrapper = ScaledWrapper(
        scale, optimizer=torch.optim.SGD(model.parameters(), lr=0.1),
        accumulative_counts=accumulate)
    hub = MessageHub.get_instance(f'moe-{scale}-{accumulate}')
    runner = SimpleNamespace(model=model, optim_wrapper=wrapper,
                             message_hub=hub)
    hook = MoEAuxHook()
    for _ in range(2 * accumulate):  # two steps of the optimizer
        hook.before_train_iter(runner)
        wrapper.update_params(model(x).square().mean())
        hook.after_train_iter(runner)
    return model[0], hub


@pytest.mark.parametrize('scale, accumulate', [(1024., 1), (1., 4),
                                               (256., 2)])
def test_scaled_losses_train_alike(scale: float, accumulate: int) -> None:
    expected, _ = train(1., 1)
    found, hub = train(scale, accumulate)
    for a, b in zip(found.parameters(), expected.parameters()):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)
    assert loss_factor(ScaledWrapper(
        scale, optimizer=torch.optim.SGD(found.parameters(), lr=0.1),
        accumulative_counts=accumulate)) == scale / accumulate
    share = hub.get_scalar('train/moe_max_share').current()
    assert 0.25 <= share < 1
    assert hub.get_scalar('train/moe_aux_loss').current() == pytest.approx(
        found.last_aux_loss.item())


def test_collected_losses_are_left_alone() -> None:
    layer = MoEFFN(8, 16, 4, inject_aux=False)
    runner = SimpleNamespace(
        model=nn.Sequential(layer), message_hub=MessageHub.get_instance('x'),
        optim_wrapper=OptimWrapper(
            torch.optim.SGD(layer.parameters(), lr=0.1)))
    layer(torch.randn(4, 8))
    MoEAuxHook().after_train_iter(runner)
    assert layer.pop_aux_loss() > 0


def test_a_wrapper_that_does_not_tell() -> None:
    """DeepSpeed's engine scales the loss inside."""
    with pytest.raises(ConfigError, match='DDP or FSDP'):
        loss_factor(SimpleNamespace())
