# Copyright (c) mmeo contributors. All rights reserved.
"""The transcription of RSUniVLM's tables, and cells that are means."""

from pathlib import Path

import pytest
from mmengine.config import Config

from mmeo import apis
from mmeo.benchmarks.comparison import (
    Cell,
    compare,
    missing_commands,
    own_rows,
)
from mmeo.benchmarks.paper_tables import PaperTable, Part, load_tables

ROOT = Path(__file__).resolve().parents[2]
STAGE1 = 'configs/rsunivlm/train/rsunivlm-1b_stage1_1e.py'
STAGE2 = 'configs/rsunivlm/train/rsunivlm-1b_stage2-gmoe_1e.py'


@pytest.fixture(scope='module')
def tables() -> dict[str, PaperTable]:
    return {table.number: table for table in load_tables('rsunivlm')}


def cell(table: PaperTable, row: str, column: str) -> float:
    for part in table.parts:
        if row in part.rows and column in [c.name for c in part.columns]:
            return part.value(row, column)
    raise AssertionError((row, column))


def test_all_tables_are_there(tables) -> None:
    rows = {number: sum(len(part.rows) for part in table.parts)
            for number, table in tables.items()}
    assert rows == {'2': 18, '3': 7, '4': 12, '5': 9, '6': 6, '7': 6, '8': 4}


# Read from the paper a second time, by hand, apart from the files.
@pytest.mark.parametrize('number, row, column, value', [
    ('2', 'RSUniVLM-1B', 'LR Presence', 91.51),
    ('2', 'RSUniVLM-1B', 'HR Compare', 90.88),
    ('2', 'GeoChat-7B [32]', 'LR Compare', 94.00),
    ('2', 'LHRS-Bot-7B [60]', 'HR Avg.', 92.55),
    ('2', 'QWen-VL-Chat [2]', 'LR Presence', 47.65),
    ('3', 'RSUniVLM-1B', 'NWPU', 86.86),
    ('3', 'GeoChat-7B [32]', 'NWPU', None),
    ('3', 'LHRS-Bot-7B [60]', 'AID', 91.26),
    ('3', 'InstructBLIP [19]', 'SIRI-WHU', 18.20),
    ('4', 'RSUniVLM-1B', 'DIOR-RSVG acc@0.7', 56.17),
    ('4', 'CogVLM*-17B [73]', 'VRSBench-Ref acc@0.7', 15.22),
    ('4', 'H2RSVLM-7B [62]', 'VRSBench-Ref acc@0.5', None),
    ('5', 'RSUniVLM', 'ROUGE-L', 80.09), ('5', 'Sen [95]', 'CIDEr', 136.02),
    ('5', 'InternVL2-8B [12]', 'METEOR', 16.46),
    ('6', 'RSUniVLM', 'OA', 92.64), ('6', 'SemiCD [3]', 'IoU', 64.96),
    ('7', 'RSUniVLM', 'UDD5', 65.41), ('7', 'GEM [6]', 'Avg.', 35.13),
    ('8', 'MoE', 'VG', 49.44), ('8', 'G-MoE', 'Trainable', 313),
    ('8', 'LoRA', 'Runtime', 987),
])
def test_numbers_of_the_paper(tables, number, row, column, value) -> None:
    assert cell(tables[number], row, column) == value


def test_averages_of_table_2(tables) -> None:
    """Means over types; those that are not are named in the note."""
    wrong = []
    for part in tables['2'].parts:
        for row in part.rows:
            *values, average = [part.value(row, column.name)
                                for column in part.columns]
            if abs(sum(values) / len(values) - average) > 0.0051:
                wrong.append((row, round(sum(values) / len(values), 2)))
    name = 'SkyEyeGPT-7B [87]'
    assert wrong == [(name, 84.19), (name, 80.06)]
    assert '84.19 and 80.07' in tables['2'].note


def test_averages_of_table_7(tables) -> None:
    part, = tables['7'].parts
    for row in part.rows:
        *values, average = [part.value(row, c.name) for c in part.columns]
        assert sum(values) / 3 == pytest.approx(average, abs=0.0051), row


def test_table_8_comes_from_tables_2_and_4(tables) -> None:
    five = [part.value('RSUniVLM-1B', column.name)
            for part in tables['2'].parts for column in part.columns
            if not column.name.endswith('Avg.')]
    assert len(five) == 5
    assert sum(five) / 5 == pytest.approx(cell(tables['8'], 'G-MoE', 'VQA'))
    both = [cell(tables['4'], 'RSUniVLM-1B', f'{name} acc@0.5')
            for name in ('DIOR-RSVG', 'VRSBench-Ref')]
    assert sum(both) / 2 == pytest.approx(
        cell(tables['8'], 'G-MoE', 'VG'), abs=0.0101)


def test_only_the_row_of_rsunivlm_contradicts_itself(tables) -> None:
    """F1 and IoU of Table 6 follow from precision and recall, and these
    with OA say how much has changed."""
    part, = tables['6'].parts
    f1, iou, changed = {}, {}, {}
    for row in part.rows:
        get = {c.name: part.value(row, c.name) / 100 for c in part.columns}
        p, r = get['Pre.'], get['Rec.']
        f1[row] = 100 * abs(2 * p * r / (p + r) - get['F1'])
        iou[row] = 100 * abs(1 / (1 / p + 1 / r - 1) - get['IoU'])
        # Errors per changed pixel: those missed, and those made up.
        changed[row] = (1 - get['OA']) / ((1 - r) + r * (1 - p) / p)
    ours = 'RSUniVLM'
    assert f1.pop(ours) > 1 and max(f1.values()) < 0.02
    assert iou.pop(ours) > 0.05 and max(iou.values()) < 0.02
    assert changed.pop(ours) == pytest.approx(0.129, abs=5e-4)
    assert all(value == pytest.approx(0.0397, abs=3e-4)
               for value in changed.values())


def part_sources(part: Part) -> set[tuple[str, str]]:
    """Config and key of all that a part maps."""
    keys = {column.name: column.key for column in part.columns}
    found = set()
    for columns in part.ours.values():
        for name, configs in columns.items():
            for each in [configs] if isinstance(configs, str) else configs:
                path, _, key = each.partition(' ')
                found.add((path, key or keys[name]))
    return found


def sources(tables) -> set[tuple[str, str]]:
    return {each for table in tables.values() for part in table.parts
            for each in part_sources(part)}


KINDS = {'vqa': 'VQAAccuracy', 'scene': 'SceneAccuracy',
         'grounding': 'GroundingMetric', 'change': 'ChangeTextMetric',
         'change_caption': 'ChangeCaptionMetric', 'seg': 'MaskTextMetric'}


def test_what_is_mapped(tables) -> None:
    found = sources(tables)
    assert all(key for _, key in found)
    assert {key.split('/')[0] for _, key in found} == set(KINDS)
    assert len({path for path, _ in found}) == 13 + 3 * 4
    unmapped = [(row, column.name) for table in tables.values()
                for part in table.parts for row in own_rows(part)
                for column in part.columns
                if column.name not in part.ours.get(row, {})]
    assert unmapped == [(row, column) for row in (
        'LoRA', 'MoE', 'Full-parameter', 'G-MoE')
        for column in ('Trainable', 'Runtime')]


def test_mapped_configs_exist_and_have_the_metric(tables) -> None:
    for path, key in sorted(sources(tables)):
        assert (ROOT / path).is_file(), path
        evaluators = Config.fromfile(ROOT / path).test_evaluator
        evaluators = evaluators if isinstance(evaluators, list) else [
            evaluators]
        prefix = key.split('/')[0]
        # A prefix of its own would hide the numbers from the table.
        assert any(each['type'] == KINDS[prefix]
                   and each.get('prefix', prefix) == prefix
                   for each in evaluators), (path, key)


def test_what_is_trained_is_what_is_tested(tables) -> None:
    for table in tables.values():
        for part in table.parts:
            trained = part.trained_by or table.trained_by
            assert trained[0] == STAGE1
            model = Config.fromfile(ROOT / trained[-1]).model
            for path in sorted({path for path, _ in part_sources(part)}):
                cfg = Config.fromfile(ROOT / path).model
                cfg = cfg.get('model', cfg)  # two turns wrap the model
                for name in ('vision', 'projector', 'moe'):
                    assert cfg.get(name) == model.get(name), (path, name)
                assert cfg.llm.get('lora') == model.llm.get('lora'), path


def test_a_cell_may_be_a_mean(tables) -> None:
    part = tables['7'].parts[0]
    paths = part.ours['RSUniVLM']['Avg.']
    assert len(paths) == 3
    runs = [dict(config=path, metrics={'seg/mIoU': value}, file=f'{path}.json',
                 checkpoint=dict(path='w.pth'))
            for path, value in zip(paths, (54.46, 65.41, 49.6))]
    found = {each.column: each for each in compare(tables['7'], runs)}
    assert found['Avg.'].status == found['VDD'].status == 'reproduced'
    assert found['Avg.'].ours == pytest.approx(169.47 / 3)
    assert found['Avg.'].record.count('.json') == 3
    assert not found['Avg.'].missing
    found = {each.column: each for each in compare(tables['7'], runs[:2])}
    assert found['Avg.'].status == 'not run'
    assert found['Avg.'].missing == (paths[2], )
    assert found['UDD5'].status == 'reproduced'


def test_a_mean_over_other_keys(tables) -> None:
    part = tables['8'].parts[-1]
    low, high = dict.fromkeys(each.partition(' ')[0] for each in
                              part.ours['G-MoE']['VQA'])
    numbers = {'vqa/presence': 91.51, 'vqa/comp': 92.65, 'vqa/macro': 0.}
    runs = [dict(config=low, metrics=numbers),
            dict(config=high, metrics={'vqa/presence': 90.81,
                                       'vqa/comp': 90.88})]

    def vqa() -> Cell:
        return next(each for each in compare(tables['8'], runs)
                    if (each.row, each.column) == ('G-MoE', 'VQA'))
    assert vqa().status == 'not run' and vqa().missing == (low, )
    numbers['vqa/rural_urban'] = 92.
    assert vqa().ours == pytest.approx(91.57) and vqa().status == 'reproduced'
    assert vqa().remark == 'no checkpoint named'  # said once


def test_commands_train_both_stages_first(tables) -> None:
    lines = missing_commands(compare(tables['6'], []))
    assert [line.split()[:3] for line in lines] == [
        ['tools/dist_train.sh', STAGE1, '4'],
        ['tools/dist_train.sh', STAGE2, '4'],
        ['tools/dist_test.sh',
         'configs/rsunivlm/whucd/rsunivlm-1b_cd_whucd.py',
         '$(cat']]
    assert 'work_dirs/rsunivlm-1b_stage2-gmoe_1e/last_checkpoint' in lines[2]
    lines = missing_commands(compare(tables['8'], []))
    trainings = [line for line in lines if 'dist_train' in line]
    assert len(trainings) == 5 and len(lines) == 5 + 16


def test_printed(tables) -> None:
    text = apis.table('rsunivlm', records=None)
    assert text.count('\nTable') == 6 and 'Table 2.' in text
    assert '120 GPU-hours' in text and 'contradicts itself' in text
    assert '0 of 47 cells measured' in text
