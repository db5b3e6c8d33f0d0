# Copyright (c) mmeo contributors. All rights reserved.
import json

import pytest
import torch

import mmeo
from mmeo.apis.probe import SynthEarthProbe
from mmeo.apis.probe_features import class_shares
from mmeo.apis.probe_runs import probe_table
from mmeo.errors import MissingDataError


def test_shares_count_labelled_pixels_only():
    label = torch.tensor([[0, 0, 1, 255], [2, 0, 255, 255]])
    shares, known = class_shares(label, (1, 2), 3)
    torch.testing.assert_close(
        shares, torch.tensor([[.75, 0, .25], [0, 1., 0]]))
    assert known.all()
    assert not class_shares(label[:, 3:], (1, 1), 3)[1].any()


class Oracle(torch.nn.Module):
    """A backbone that shows the mean colour of each 16 pixels."""

    def forward(self, x, modality):
        shrink = torch.nn.functional.avg_pool2d
        side = 16 if modality == 'hr' else 4
        return [shrink(x, side)] * 4


def test_probe_reads_what_features_show(synthearth):
    probe = SynthEarthProbe(str(synthearth), legend_level=0)
    seen = probe.run(Oracle(), ('hr', 's2'))
    blind = probe.run(mmeo.build(
        'SkySenseV2', arch=dict(embed_dims=8, depths=(1, 1, 1, 1),
                                head_dim=4)).apply(_constant), ('hr', ))
    assert set(seen) == {'mIoU (last)', 'mIoU (all)', 'scene hr', 'scene s2'}
    assert seen['mIoU (last)'] > blind['mIoU (last)']
    assert all(0 <= score <= 100 for score in seen.values())


def _constant(module):
    """Make the output independent of the input."""
    if isinstance(module, torch.nn.LayerNorm):
        torch.nn.init.zeros_(module.weight)


def test_absent_data_say_how_to_make_them(tmp_path):
    with pytest.raises(MissingDataError, match='make_synthearth'):
        SynthEarthProbe(str(tmp_path))


def test_table_of_means_and_deviations(tmp_path):
    with pytest.raises(MissingDataError, match='probe.json'):
        probe_table(str(tmp_path))
    for name, values in {'pretrained': (10., 14.), 'random init': (5., )
                         }.items():
        for seed, value in enumerate(values):
            folder = tmp_path / name / f'seed{seed}'
            folder.mkdir(parents=True)
            (folder / 'probe.json').write_text(json.dumps(dict(
                variant=name, seed=seed, scores={'mIoU (last)': value})))
    table = probe_table(str(tmp_path))
    assert '| pretrained | 12.0 ± 2.8 | 2 |' in table
    assert '| random init | 5.0 | 1 |' in table
    names = [line.split('|')[1].strip() for line in table.splitlines()[2:]]
    assert names == ['pretrained', 'random init']
    table = probe_table(str(tmp_path), ['random init'])
    assert table.splitlines()[2].startswith('| random init')
