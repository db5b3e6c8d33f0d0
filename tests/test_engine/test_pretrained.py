# Copyright (c) mmeo contributors. All rights reserved.
"""``init_cfg=dict(type='Pretrained')`` in scope ``mmeo``."""

import pytest
import torch
from mmengine.model import BaseModule
from mmengine.registry import DefaultScope
from torch import nn

from mmeo.errors import CheckpointError


class Net(BaseModule):
    def __init__(self, width: int, **init) -> None:
        super().__init__(init_cfg=dict(type='Pretrained', **init))
        self.stem = nn.Linear(3, width)
        self.head = nn.Linear(width, 2)


@pytest.fixture
def file(tmp_path):
    source = nn.ModuleDict(dict(stem=nn.Linear(3, 4), head=nn.Linear(4, 2)))
    state = {f'backbone.{k}': v for k, v in source.state_dict().items()}
    torch.save(dict(state_dict={**state, 'neck.weight': torch.ones(1)}),
               tmp_path / 'weights.pth')
    return str(tmp_path / 'weights.pth')


def start(net: Net) -> Net:
    with DefaultScope.overwrite_default_scope('mmeo'):
        net.init_weights()
    return net


def test_loads_below_the_prefix(file):
    net = start(Net(4, checkpoint=file, prefix='backbone'))
    state = torch.load(file)['state_dict']
    assert torch.equal(net.stem.weight, state['backbone.stem.weight'])


def test_stops_where_it_does_not_fit(file):
    with pytest.raises(CheckpointError, match=r'stem.weight: \(4, 3\) in'):
        start(Net(5, checkpoint=file, prefix='backbone.'))
    with pytest.raises(CheckpointError, match='no weights below .*backbone'):
        start(Net(4, checkpoint=file, prefix='bone'))
    with pytest.raises(CheckpointError, match='none of its 5 keys'):
        start(Net(4, checkpoint=file))
    with pytest.raises(CheckpointError, match='gone.pth'):
        start(Net(4, checkpoint='gone.pth'))


def test_leaves_out_on_purpose(file):
    net = start(Net(4, checkpoint=file, prefix='backbone',
                    exclude=('^head',)))
    state = torch.load(file)['state_dict']
    assert torch.equal(net.stem.bias, state['backbone.stem.bias'])
    assert not torch.equal(net.head.bias, state['backbone.head.bias'])
