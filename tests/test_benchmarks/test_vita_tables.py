# Copyright (c) mmeo contributors. All rights reserved.
"""SkySense-VITA's numbers as data, and our column beside them."""

from pathlib import Path

import pytest
from mmengine.config import Config

from mmeo import apis
from mmeo.benchmarks.comparison import compare, missing_commands, own_rows
from mmeo.benchmarks.paper_tables import (
    PaperTable,
    load_tables,
    read_cost,
    systems,
)
from mmeo.benchmarks.run_record import find_records, make_record, write_record

ROOT = Path(__file__).resolve().parents[2]
OURS = 'SkySense-VITA'


@pytest.fixture(scope='module')
def tables() -> dict[str, PaperTable]:
    return {table.number: table for table in load_tables('skysense_vita')}


def cell(table: PaperTable, row: str, column: str) -> float:
    for part in table.parts:
        if column in [each.name for each in part.columns] and \
                row in part.rows:
            return part.value(row, column)
    raise AssertionError((row, column))


# Read from the sources a second time, by hand, apart from the files:
# SkySense++, SkySense-O, then visual, textual, fused.
@pytest.mark.parametrize('number, dataset, values', [
    ('in-distribution', 'Potsdam', (62.70, 23.42, 71.34, 81.53, 81.94)),
    ('in-distribution', 'FBP', (41.62, 8.09, 47.04, 58.87, 57.26)),
    ('in-distribution', 'LoveDA', (47.25, 34.61, 56.11, 60.54, 62.08)),
    ('in-distribution', 'iSAID', (47.74, 20.93, 56.07, 61.55, 59.89)),
    ('in-distribution', 'ETCI-Flood', (None, None, 27.40, 29.27, 29.58)),
    ('generalisation', 'GLH-Water', (74.28, None, 82.02, 86.09, 86.85)),
    ('generalisation', 'Vaihingen', (55.37, None, 51.62, 60.94, 62.75)),
    ('generalisation', 'FloodNet', (54.92, None, 53.19, 57.52, 62.19)),
    ('generalisation', 'GVLM', (18.50, None, 14.20, 44.97, 46.08)),
    ('generalisation', 'C2S-SAR', (None, None, None, None, 16.82)),
])
def test_numbers_of_the_paper(tables, number, dataset, values) -> None:
    table = tables[number]
    assert (
        cell(table, 'SkySense++ [retrained]', f'{dataset}, visual'),
        cell(table, 'SkySense-O [zero-shot]', f'{dataset}, textual'),
        *(cell(table, OURS, f'{dataset}, {mode}')
          for mode in ('visual', 'textual', 'fused'))) == values


def test_numbers_that_tables_share(tables) -> None:
    ablations = tables['ablations']
    for mode in ('visual', 'textual', 'fused'):
        assert cell(ablations, 'VITA-Former, all modes',
                    f'FloodNet, {mode}') == cell(
            tables['generalisation'], OURS, f'FloodNet, {mode}')
    for row, table, column in (
            ('prototypes attended', 'in-distribution', 'ETCI-Flood, fused'),
            ('prototypes attended', 'generalisation', 'FloodNet, fused'),
            ('semantic granularity annealing', 'in-distribution',
             'iSAID, fused'),
            ('SAR aligned with optical images', 'generalisation',
             'C2S-SAR, fused')):
        assert cell(ablations, row, column) == cell(
            tables[table], OURS, column)
    assert cell(tables['prompts'], 'mask', 'iSAID, visual') == cell(
        tables['in-distribution'], OURS, 'iSAID, visual')


def test_printed_gains(tables) -> None:
    """Differences that the sources print apart from the numbers."""
    ablations = tables['ablations']

    def gain(row: str, other: str, column: str) -> float:
        return round(cell(ablations, row, column)
                     - cell(ablations, other, column), 2)

    assert gain('semantic granularity annealing', 'no annealing',
                'iSAID, fused') == 2.18
    assert gain('VITA-Former, all modes', 'concatenation and convolution',
                'FloodNet, fused') > 14
    # Adding prototypes is worse than having none.
    assert gain('prototypes added', 'no prototypes',
                'ETCI-Flood, fused') < -11


def test_what_is_not_printed_differs_from_what_is_not_known(tables) -> None:
    sar = tables['in-distribution'].parts[0].rows['SkySense++ [retrained]']
    assert sar[-1] == '-'
    assert set(tables['generalisation'].parts[1].rows[
        'SkySense-O [zero-shot]']) == {'?'}


def test_mapped_configs_exist_and_measure_the_mode(tables) -> None:
    seen = set()
    for table in tables.values():
        for part in table.parts:
            for configs in part.ours.values():
                for column in part.columns:
                    if column.name not in configs:
                        continue
                    path = configs[column.name]
                    # The name of the data set is that of the column.
                    dataset = column.name.split(',')[0].lower()
                    assert dataset.replace('-', '_') in path
                    mode = column.name.split(', ')[1]
                    assert column.key == f'{mode}/mIoU'
                    seen.add((path, mode))
    # Ten data sets in three modes; points and boxes.
    assert len(seen) == 32
    trained = Config.fromfile(ROOT / tables['prompts'].trained_by)
    for path in sorted({path for path, _ in seen}):
        cfg = Config.fromfile(ROOT / path)
        # What is trained once is what each of them tests.
        for part in ('backbone', 'neck', 'text_encoder', 'former', 'decoder'):
            assert cfg.model[part] == trained.model[part], path
        assert 'InContextMetric' in str(cfg.test_evaluator), path
        asked = {mode for config, mode in seen if config == path}
        assert asked <= set(cfg.model.test_cfg.modes), path


def test_our_column_comes_from_records(tables, tmp_path: Path) -> None:
    config = ('configs/skysense_vita/loveda/'
              'vita-skysense-v1_incontext_loveda.py')
    file = tmp_path / config
    file.parent.mkdir(parents=True)
    file.write_text('model = dict()\n')
    write_record(tmp_path, make_record(Config.fromfile(file), None, {
        'visual/mIoU': 56.0, 'textual/mIoU': 50.54, 'fused/mIoU': 61.5}))
    found = {each.column: each for each in compare(
        tables['in-distribution'], find_records(tmp_path))}
    assert found['LoveDA, visual'].status == 'reproduced'
    assert found['LoveDA, textual'].status == 'differs by -10.00'
    assert found['LoveDA, fused'].status == 'within ±1.0'
    assert found['iSAID, fused'].status == 'not run'
    text = apis.table('skysense_vita', ['in-distribution'], str(tmp_path))
    assert '3 of 15 cells measured' in text


def test_cells_that_are_not_known_are_not_compared(tables) -> None:
    table = tables['prompts']
    assert own_rows(table.parts[0]) == ['points', 'box', 'mask']
    path = table.parts[0].ours['box']['iSAID, visual']
    run = dict(config=path, metrics={'visual/mIoU': 40.}, checkpoint=None)
    box, = (each for each in compare(table, [run]) if each.row == 'box')
    assert (box.paper, box.ours, box.status) == (
        None, 40., 'nothing to compare')


def test_one_training_serves_all_tests(tables) -> None:
    lines = missing_commands(compare(tables['in-distribution'], []))
    assert len(lines) == 6 and lines[0].startswith('tools/dist_train.sh')
    weights = 'work_dirs/vita-skysense-v1_incontext_8xb8-10k'
    assert lines[0].endswith(f'8 --work-dir {weights}')
    for line in lines[1:]:
        assert line.startswith('tools/dist_test.sh configs/skysense_vita/')
        assert f'$(cat {weights}/last_checkpoint)' in line


def test_each_paper_states_its_own_cost() -> None:
    costs = {system: read_cost(system) for system in systems()}
    assert len(set(costs.values())) == len(costs)
    assert 'A40' in costs['vitp'] and 'A100' in costs['skysense_vita']
    for system, cost in costs.items():
        text = apis.table(system, records=None)
        assert [each for each in costs.values() if each in text] == [cost]
