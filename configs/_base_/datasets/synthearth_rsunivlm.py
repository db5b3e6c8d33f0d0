# Copyright (c) mmeo contributors. All rights reserved.
# All seven tasks of RSUniVLM on SynthEarth: images of 128 pixels and 64
# tokens, masks of 8 x 8 cells. Written by
#   make_synthearth.py --size 256 --rsunivlm
data_root = 'data/synthearth'
ann_file = 'rsunivlm/instruct.jsonl'
image_size, patch_size, mask_grid = 128, 16, 8
tokenizer = dict(
    type='ByteBPETokenizer',
    corpus=f'{data_root}/train/{ann_file}',
    vocab_size=1024,
    cache=f'{data_root}/train/rsunivlm/tokenizer.json',
    template='qwen_1_5')

load = [
    dict(type='LoadDialogueImages'),
    dict(
        type='ImageViews',
        mode='single',
        image_size=image_size,
        patch_size=patch_size,
        newline=True),
]
# Without the system turn, which would be a sixth of the text.
pack = dict(
    type='PackDialogue',
    tokenizer=tokenizer,
    template='qwen_1_5',
    system='',
    max_seq_len=1024)
train_dataloader = dict(
    batch_size=16,
    num_workers=0,
    sampler=dict(type='ResumableInfiniteSampler', shuffle=True),
    dataset=dict(
        type='InstructDataset',
        data_root=f'{data_root}/train',
        ann_file=ann_file,
        data_prefix=dict(img_path='rsunivlm'),
        # One pass of the vision tower serves all questions about an image
        # that are of one granularity.
        max_rounds=12,
        pipeline=[*load, dict(pack, task_rounds='same')]))

# All evaluation files of the split, see eval.json.
test_dataloader = dict(
    batch_size=64,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='InstructDataset',
        data_root=f'{data_root}/val',
        ann_file='rsunivlm/eval.json',
        test_mode=True,
        pipeline=[*load, dict(pack, task_rounds='any', generation=True)]))

label_root = f'{data_root}/val/rsunivlm'
themes = ('suburb', 'town centre', 'industrial area', 'harbour', 'airport',
          'farming area', 'riverside', 'leisure area', 'natural area')
# Words as they are and no METEOR: nothing here needs java.
captions = dict(type='CaptionMetric', tokens='space', meteor=False)
test_evaluator = dict(
    type='MetricsBySet',
    sets=dict(
        eval_vqa=[dict(type='VQAAccuracy')],
        eval_cls=[dict(type='SceneAccuracy', classes=themes)],
        eval_cap=[captions],
        eval_vg=[dict(type='GroundingMetric')],
        eval_ref=[captions],
        eval_seg=[
            dict(
                type='MaskTextMetric',
                label_root=label_root,
                grid=mask_grid,
                # Cells that no class claims.
                unclaimed='background')
        ],
        eval_ccd=[dict(type='ChangeCaptionMetric', meteor=False)],
        eval_cd=[
            dict(
                type='ChangeTextMetric',
                label_root=label_root,
                grid=mask_grid)
        ]))
test_cfg = dict(type='DialogueTestLoop')
