# Copyright (c) mmeo contributors. All rights reserved.
"""From raw data over RSUniVLM's evaluation configs to the paper's tables."""

import json
import shutil

import numpy as np
import pytest
from mmengine.config import Config
from PIL import Image

from mmeo.apis import test as run_test
from mmeo.benchmarks.comparison import compare
from mmeo.benchmarks.paper_tables import load_tables
from mmeo.benchmarks.run_record import find_records
from mmeo.datasets.instruct_converters import convert_instruct
from mmeo.evaluation.answers import read_answers

SIDE = 40


def picture(path, seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    Image.fromarray(rng.integers(0, 255, (SIDE, SIDE, 3), np.uint8)).save(
        path)


def rsvqa(raw, images):
    kinds = ('presence', 'comp', 'rural_urban', 'count')
    rows = dict(
        images=[dict(id=i, active=True) for i in range(2)],
        questions=[dict(id=i, img_id=i % 2, type=kinds[i % 4], active=True,
                        question=f'Is there a farm {i}?', answers_ids=[i])
                   for i in range(8)],
        answers=[dict(id=i, question_id=i, active=True,
                      answer=('yes', 'no', 'rural', '3')[i % 4])
                 for i in range(8)])
    raw.mkdir(parents=True)
    for split in ('test', 'test_phili'):
        for name, entries in rows.items():
            (raw / f'X_split_{split}_{name}.json').write_text(
                json.dumps({name: entries}))
    for i in range(2):
        picture(images / f'{i}.tif', i)
    return raw


def scenes(names):

    def write(raw, images):
        for i, name in enumerate(names):
            picture(images / name / f'{name}_{i}.jpg', i)
        return images

    return write


def dior_rsvg(raw, images):
    (raw / 'Annotations').mkdir(parents=True)
    for i in range(3):
        picture(images / f'{i:05}.jpg', i)
        (raw / f'Annotations/{i:05}.xml').write_text(
            f'<annotation><filename>{i:05}.jpg</filename><object>'
            '<name>ship</name><bndbox><xmin>4</xmin><ymin>8</ymin>'
            '<xmax>30</xmax><ymax>20</ymax></bndbox><description>The ship'
            '</description></object></annotation>')
    (raw / 'test.txt').write_text('0\n2\n')
    return raw


def vrsbench(rows):

    def write(raw, images):
        raw.mkdir(parents=True)
        for i, row in enumerate(rows):
            picture(images / f'{i}.png', i)
            row['image_id'] = f'{i}.png'
        (raw / 'eval.json').write_text(json.dumps(rows))
        return raw / 'eval.json'

    return write


REFERRING = [dict(question='The ship', ground_truth='{<10><20><60><70>}',
                  obj_cls='ship', unique=bool(i)) for i in range(3)]
QUESTIONS = [dict(question='How many ships?', ground_truth='2', type=kind)
             for kind in ('object quantity', 'image')]
CAPTIONS = [dict(question='Describe.', ground_truth='A quay with two ships.')]
AID = ('Airport', 'Beach', 'StorageTanks')
# Config, source, options, raw data, a score, records that are left.
CASES = [
    ('rsvqa_lr/rsunivlm-1b_vqa_rsvqa_lr', 'rsvqa', dict(split='test'), rsvqa,
     'vqa_geochat/macro', 8),
    ('rsvqa_hr/rsunivlm-1b_vqa_rsvqa_hr', 'rsvqa',
     dict(split='test', drop_types='count,area'), rsvqa, 'vqa/comp', 6),
    ('rsvqa_hr/rsunivlm-1b_vqa_rsvqa_hr-phili', 'rsvqa',
     dict(split='test_phili', drop_types='count,area'), rsvqa, 'vqa/macro',
     6),
    ('aid/rsunivlm-1b_cls_aid', 'classification', {}, scenes(AID),
     'scene/mean_recall_lcs', 3),
    ('resisc45/rsunivlm-1b_cls_resisc45', 'classification', {},
     scenes(('airplane', 'sea_ice')), 'scene/mean_recall', 2),
    ('whu_rs19/rsunivlm-1b_cls_whu_rs19', 'classification', {},
     scenes(('footballField', 'Airport')), 'scene/accuracy_lcs', 2),
    ('siri_whu/rsunivlm-1b_cls_siri_whu', 'classification', {},
     scenes(('idle_land', 'pond')), 'scene/unparsed', 2),
    ('dior_rsvg/rsunivlm-1b_vg_dior_rsvg', 'dior_rsvg', dict(split='test'),
     dior_rsvg, 'grounding/mean_iou', 2),
    ('vrsbench/rsunivlm-1b_vg_vrsbench', 'vrsbench_eval', {},
     vrsbench(REFERRING), 'grounding/plus_one_100/unique/acc@0.7', 3),
    ('vrsbench/rsunivlm-1b_vqa_vrsbench', 'vrsbench_eval', {},
     vrsbench(QUESTIONS), 'vqa/scene_type', 2),
    ('vrsbench/rsunivlm-1b_cap_vrsbench', 'vrsbench_eval', {},
     vrsbench(CAPTIONS), 'caption/CIDEr', 1),
]


def shrink(cfg, root, repo_root):
    """The same test of a model with random weights, on a CPU."""
    tiny = Config.fromfile(
        repo_root / 'configs/_base_/models/rsunivlm_tiny_gmoe.py')
    dataset = cfg.test_dataloader.dataset
    ann_file = str(root / dataset.ann_file)
    tokenizer = dict(type='ByteBPETokenizer', corpus=ann_file,
                     vocab_size=1024, template='qwen_1_5')
    cfg.model = dict(tiny.model, tokenizer=tokenizer, generation=dict(
        max_new_tokens=8, do_sample=False))
    dataset.data_root = str(root)
    for step in dataset.pipeline:
        if step.type == 'ImageViews':
            step.image_size = 56
        elif step.type == 'PackDialogue':
            step.tokenizer = tokenizer
    cfg.test_dataloader.num_workers = 0
    cfg.test_cfg.dtype = 'float32'
    cfg.work_dir = str(root / 'work')
    return cfg


# One of each kind; the others take most of a minute.
FAST = ('rsvqa_lr', 'aid', 'dior_rsvg')


@pytest.mark.parametrize('name, source, options, write, key, size', [
    pytest.param(*case, id=case[0].split('/')[1],
                 marks=[] if case[0].startswith(FAST) else pytest.mark.slow)
    for case in CASES])
def test_from_raw_data_to_the_table(name, source, options, write, key, size,
                                    tmp_path, repo_root):
    if 'cap_' in name:
        pytest.importorskip('pycocoevalcap')
        if shutil.which('java') is None:
            pytest.skip('no java for the tokenizer of captions')
    path = repo_root / f'configs/rsunivlm/{name}.py'
    cfg = Config.fromfile(path)
    dataset = cfg.test_dataloader.dataset
    images = tmp_path / dataset.data_prefix.img_path
    convert_instruct(
        source, write(tmp_path / 'raw', images),
        tmp_path / dataset.ann_file, image_root=images, style='rsunivlm',
        truth=True, **options)
    metrics = run_test(shrink(cfg, tmp_path, repo_root), None)
    answers = list(read_answers(tmp_path / 'work/answers.jsonl'))
    assert len(answers) == size
    assert {answer.task for answer in answers} == set(
        Config.fromfile(path).model.task_generation) - {'SEG'}
    assert key in metrics
    # What the paper reports of this config is now in its table.
    records = find_records(tmp_path / 'work')
    cells = [cell for table in load_tables('rsunivlm')
             for cell in compare(table, records) if cell.ours is not None]
    in_paper = not any(word in name for word in ('phili', 'cap_', 'vqa_vrs'))
    assert bool(cells) == in_paper and len(records) == 1
