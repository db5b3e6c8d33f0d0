# Copyright (c) mmeo contributors. All rights reserved.
"""The transcription of ViTP's tables, and our column from run records."""

import csv
import io
import json
from pathlib import Path

import pytest
from mmengine.config import Config

from mmeo import apis
from mmeo.benchmarks.comparison import compare, missing_commands, own_rows
from mmeo.benchmarks.paper_tables import PaperTable, load_tables, read_table
from mmeo.benchmarks.run_record import (
    config_name,
    find_records,
    make_record,
    write_record,
)
from mmeo.cli import main
from mmeo.errors import ConfigError, DataError, MissingDataError

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope='module')
def tables() -> dict[str, PaperTable]:
    return {table.number: table for table in load_tables('vitp')}


def cell(table: PaperTable, row: str, column: str) -> float:
    for part in table.parts:
        if column in [each.name for each in part.columns]:
            return part.value(row, column)
    raise AssertionError(column)


def test_all_tables_are_there(tables) -> None:
    assert list(tables) == ['1', '2', '3', '4', '5', '6', '7', '8', '13',
                            '14', '15', '16', 'figure 6']
    rows = {number: sum(len(part.rows) for part in table.parts)
            for number, table in tables.items()}
    assert rows == {'1': 28, '2': 24, '3': 32, '4': 10, '5': 39, '6': 9,
                    '7': 5, '8': 5, '13': 9, '14': 7, '15': 3, '16': 8,
                    'figure 6': 3}


# Read from the paper a second time, by hand, apart from the files.
@pytest.mark.parametrize('number, row, column, value', [
    ('1', 'ViTP', 'DIOR', 79.80), ('1', 'ViTP', 'DIOR-R', 75.08),
    ('1', 'ViTP', 'DOTA-v2', 60.23), ('1', 'SkySense [49]', 'DIOR-R', 74.27),
    ('1', 'RingMo [142]', 'DIOR', 75.90), ('1', 'MA3E [94]', 'DIOR-R', 71.82),
    ('1', 'BillionFM [13]', 'DOTA-v2', 58.69),
    ('2', 'ViTP', 'SARDet-100K', 59.7), ('2', 'ViTP', 'RSAR', 72.31),
    ('2', 'SARATR-X [83]', 'SARDet-100K', 57.3),
    ('2', 'LLMRotate [79]', 'RSAR', 64.1),
    ('3', 'ViTP', 'iSAID', 71.14), ('3', 'ViTP', 'LoveDA', 54.28),
    ('3', 'ViTP', 'UAVid', 73.39), ('3', 'LSKNet [89]', 'LoveDA', 54.00),
    ('3', 'SkySense [49]', 'iSAID', 70.91),
    ('4', 'ViTP', 'APbox', 70.80), ('4', 'ViTP', 'APmask75', 81.80),
    ('4', 'CATNet [107]', 'APbox50', 96.46),
    ('4', 'HQ-ISNet [138]', 'APmask75', 81.70),
    ('5', 'ViTP', 'SVCD', 98.63), ('5', 'ViTP', 'S2Looking', 69.89),
    ('5', 'P2V-CD [96]', 'SVCD', 98.42), ('5', 'ChangeCLIP [39]', 'WHU',
                                          94.82),
    ('5', 'SUNet [42]', 'S2Looking', 63.19),
    ('6', 'ViTP', 'CovidQUEx', 91.55), ('6', 'nnUNet [64]', 'CovidQUEx',
                                        90.41),
    ('6', 'IMIS-SAM [31], Box Prompt', 'AMOS2022', 88.71),
    ('7', 'w/o General data', 'RSAR', 52.3), ('7', 'full data', 'RSAR', 54.6),
    ('8', 'ViTP', 'Hours', 23), ('8', 'CL SkySense [49]', 'Hours', 400),
    ('13', 'ViTP', 'APbox', 53.9), ('13', 'MAE [58]', 'APmask', 47.2),
    ('13', 'DINOv2 [127]', 'ADE20K', 55.0), ('14', 'ViTP', 'ADE20K', 51.9),
    ('15', 'ViTP', '2%', 46.98), ('15', 'SatMAE [32]', '10%', 55.24),
    ('15', 'RemoteCLIP [102]', '5%', 47.25),
    ('16', 'ViTP', 'Rotate', 67.10), ('16', 'ViTP', 'Delta TP', 4.37),
    ('16', 'ViTP w/o VRL', 'Average', 67.13),
    ('16', 'SatMAE++ [126]', 'Scale', 48.48),
])
def test_numbers_of_the_paper(tables, number, row, column, value) -> None:
    assert cell(tables[number], row, column) == value


def test_cells_the_paper_leaves_out(tables) -> None:
    assert cell(tables['1'], 'RingMo [142]', 'DIOR-R') is None
    assert cell(tables['5'], 'CLNet [196]', 'WHU') is None
    assert cell(tables['13'], 'CLIP [129]', 'APmask') is None


def test_averages_and_drops_of_table_16(tables) -> None:
    """Avg is the mean of the twelve, Delta TP clean minus Avg, as printed
    (rounded to 0.01, from unrounded values)."""
    part = tables['16'].parts[0]
    for row in part.rows:
        values = [part.value(row, column.name) for column in part.columns]
        clean, corrupted, (average, drop) = (values[0], values[1:13],
                                             values[13:])
        assert len(corrupted) == 12
        assert sum(corrupted) / 12 == pytest.approx(average, abs=0.0101), row
        assert clean - average == pytest.approx(drop, abs=0.0101), row


def test_drops_of_table_15(tables) -> None:
    drops = {'RemoteCLIP [102]': (6.04, 12.08, 21.93, 34.40),
             'SatMAE [32]': (6.63, 12.75, 17.23, 30.09),
             'ViTP': (5.24, 10.63, 15.89, 25.33)}  # printed behind arrows
    for row, expected in drops.items():
        full = cell(tables['15'], row, '100%')
        assert [round(full - cell(tables['15'], row, each), 2)
                for each in ('20%', '10%', '5%', '2%')] == list(expected)


def test_ours_is_best_where_the_paper_says_so(tables) -> None:
    for number in ('1', '2', '3', '5', '6', '8', '14', '15'):
        for part in tables[number].parts:
            for column in part.columns:
                values = {row: part.value(row, column.name)
                          for row in part.rows
                          if part.value(row, column.name) is not None}
                best = (min if column.name == 'Hours' else max)(
                    values, key=values.get) if 'ViTP' in values else None
                assert best == 'ViTP', (number, column.name)


def test_numbers_that_tables_share(tables) -> None:
    assert cell(tables['8'], 'ViTP', 'DIOR-R') == cell(
        tables['1'], 'ViTP', 'DIOR-R')
    assert cell(tables['8'], 'ViTP', 'iSAID') == cell(
        tables['3'], 'ViTP', 'iSAID')
    assert cell(tables['15'], 'ViTP', '100%') == cell(
        tables['2'], 'ViTP', 'RSAR')
    assert cell(tables['7'], 'full data', 'RSAR') == cell(
        tables['figure 6'], 'drop ratio 0.75', 'RSAR')


def mapped(tables) -> list:
    return sorted({(config, column.key) for table in tables.values()
                   for part in table.parts
                   for configs in part.ours.values()
                   for column in part.columns
                   for name, config in configs.items()
                   if name == column.name})


def test_mapped_configs_exist_and_measure_the_key(tables) -> None:
    pairs = mapped(tables)
    assert len(pairs) > 50
    kinds = {'dota': 'RotatedAPMetric', 'coco': 'CocoMetric',
             'change': 'ChangeMetric', 'mIoU': 'IoU', 'mDice': 'DiceMetric',
             'robustness': 'RotatedAPMetric'}
    for path, key in pairs:
        assert (ROOT / path).is_file(), path
        cfg = Config.fromfile(ROOT / path)
        assert kinds[key.split('/')[0]] in str(cfg.test_evaluator) or \
            kinds[key.split('/')[0]] in str(cfg.val_evaluator), (path, key)
    unmapped = [(table.number, row, column.name)
                for table in tables.values() for part in table.parts
                for row in own_rows(part) for column in part.columns
                if column.name not in part.ours.get(row, {})]
    assert unmapped == [('8', 'ViTP', 'Hours')]


def save(folder: Path, config: str, metrics: dict, **kwargs) -> Path:
    # a checkout elsewhere: only the path from configs/ on counts
    file = folder / config
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text('model = dict()\n')
    cfg = Config.fromfile(file)
    return write_record(folder, make_record(cfg, None, metrics, **kwargs))


DIORR = 'configs/vitp/diorr/vitp-l_oriented-rcnn_1x_diorr.py'


def test_our_column_comes_from_records(tables, tmp_path: Path) -> None:
    cells = compare(tables['1'], [])
    assert [each.status for each in cells] == ['not run'] * 3
    assert all(each.ours is None for each in cells)
    save(tmp_path / 'a', DIORR, {'dota/AP50': 0.5})
    save(tmp_path / 'a', DIORR, {'dota/AP50': 0.7481})  # the newest counts
    save(tmp_path / 'b', DIORR, {'dota/mAP': 0.99})  # holds no AP50
    save(tmp_path / 'c', 'configs/vitp/diorr/other.py', {'dota/AP50': 0.9})
    by = {each.column: each for each in
          compare(tables['1'], find_records(tmp_path))}
    assert by['DIOR-R'].ours == pytest.approx(74.81)
    assert by['DIOR-R'].runs == 2
    assert by['DIOR-R'].status == 'reproduced'
    assert by['DIOR'].ours is None
    for value, status in ((0.7508 - 0.009, 'within ±1.0'),
                          (0.7708, 'differs by +2.00'),
                          (0.7538, 'reproduced')):
        save(tmp_path / 'd', DIORR, {'dota/AP50': value})
        by = {each.column: each for each in
              compare(tables['1'], find_records(tmp_path))}
        assert by['DIOR-R'].status == status
    assert len(missing_commands(list(by.values()))) == 2


def test_what_sets_a_run_apart_is_said(tables, tmp_path: Path) -> None:
    save(tmp_path, DIORR, {'dota/AP50': 0.7}, tta=True, options={
        'test_dataloader.dataset.data_root': '/d',
        'model.test_cfg.rcnn.score_thr': 0.5})
    text = apis.table('vitp', ['1'], str(tmp_path))
    assert '70.00*' in text and '-5.08' in text
    assert 'model.test_cfg.rcnn.score_thr=0.5; test-time augmentation' in text
    assert 'data_root' not in text
    assert '1 of 3 cells measured' in text
    assert '`' not in text and 'dist_train.sh configs/vitp/dior/' in text


def test_formats(tmp_path: Path) -> None:
    save(tmp_path, DIORR, {'dota/AP50': 0.7508})
    rows = list(csv.DictReader(io.StringIO(apis.table(
        'vitp', ['1'], str(tmp_path), 'csv'))))
    assert rows[1]['ours'] == '75.08' and rows[1]['status'] == 'reproduced'
    assert rows[0]['ours'] == '' and rows[0]['paper'] == '79.80'
    data = json.loads(apis.table('vitp', ['1'], str(tmp_path), 'json'))
    assert data[1]['ours'] == pytest.approx(75.08)
    assert data[0]['ours'] is None
    markdown = apis.table('vitp', ['1'], str(tmp_path), 'md')
    assert '| ViTP | DIOR-R | AP50 | 75.08 | 75.08* | +0.00 |' in markdown
    with pytest.raises(ConfigError, match='--table 9: .*13'):
        apis.table('vitp', ['9'])
    with pytest.raises(ConfigError, match="of 'vit': choose .*vitp"):
        apis.table('vit')
    with pytest.raises(MissingDataError, match='no such folder'):
        apis.table('vitp', records=str(tmp_path / 'x'))


def test_record_by_hand(tmp_path: Path) -> None:
    config = 'configs/vitp/dotav2/vitp-l_oriented-rcnn_1x_dotav2.py'
    weights = tmp_path / 'w.pth'
    weights.write_bytes(b'abc')
    apis.record(str(ROOT / config), ['dota/AP50=0.6023'], str(weights),
                note='evaluation server', work_dir=str(tmp_path / 'w'))
    record, = find_records(tmp_path)
    assert record['config'] == config
    assert record['checkpoint']['sha256'].startswith('ba7816bf8f01cfea')
    assert record['environment']['versions']['torch']
    text = apis.table('vitp', ['1'], str(tmp_path))
    assert '60.23*' in text and 'evaluation server' in text
    with pytest.raises(ConfigError, match='KEY=VALUE'):
        apis.record(str(ROOT / config), ['dota/AP50'])


def test_command_line(capsys, tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as info:
        main(['table', 'vitp', '--table', '7', '--records', str(tmp_path),
              '--no-commands'])
    assert info.value.code == 0
    out = capsys.readouterr().out
    assert 'w/o Grounding' in out and 'dist_train' not in out


def test_config_names() -> None:
    assert config_name('/x/mmeo/.mim/configs/vitp/a.py') == 'configs/vitp/a.py'
    assert config_name('/x/projects/low/configs/a.py') == \
        'projects/low/configs/a.py'
    assert config_name('a.py') == 'a.py'


def test_broken_files(tmp_path: Path) -> None:
    bad = tmp_path / 'run_record_1.json'
    bad.write_text('{"schema": "other"}')
    with pytest.raises(DataError, match='run_record_1.json: not a run'):
        find_records(tmp_path)
    bad.write_text('{')
    with pytest.raises(DataError, match='not JSON'):
        find_records(tmp_path)
    table = tmp_path / 'table.yml'
    table.write_text("table: '1'\ntitle: a\nsource: b\nparts:\n  - columns:\n"
                     '      - {name: A, metric: m}\n    rows: |\n'
                     '      x | 1 | 2\n')
    with pytest.raises(DataError, match='2 cells for 1 columns'):
        read_table(table)
