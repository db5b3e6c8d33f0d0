# Copyright (c) mmeo contributors. All rights reserved.
# What RSUniVLM's evaluations share: one question a record, written by
# tools/dataset_converters/to_instruct.py --style rsunivlm --truth, and images
# as in training. Another mode of images than 'single' has to be set here and
# as the model's image_mode.
data_root = 'data/rsunivlm'
# Folder of Qwen2-0.5B's tokenizer.
tokenizer = 'weights/Qwen2-0.5B'

test_pipeline = [
    dict(type='LoadDialogueImages'),
    dict(type='ImageViews', mode='single', image_size=384, newline=True),
    dict(
        type='PackDialogue',
        tokenizer=tokenizer,
        template='qwen_1_5',
        task_rounds='any',
        # Far more than one view and the longest list of classes.
        max_seq_len=8192,
        generation=True),
]
# DialogueTestLoop sorts into batches by length.
test_dataloader = dict(
    batch_size=32,
    num_workers=8,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='InstructDataset',
        data_root=data_root,
        ann_file='',
        test_mode=True,
        pipeline=test_pipeline))
