# Copyright (c) mmeo contributors. All rights reserved.
# Label maps in words, captions, questions and referring expressions about
# SynthEarth scenes; one tile of 224 pixels (64 image tokens) an image.
dataset_type = 'InstructDataset'
data_root = 'data/synthearth/train'
ann_file = 'instruct/instruct.jsonl'
tokenizer = dict(
    type='ByteBPETokenizer',
    corpus=f'{data_root}/{ann_file}',
    vocab_size=1024,
    cache=f'{data_root}/instruct/tokenizer.json')

train_pipeline = [
    dict(type='LoadDialogueImages'),
    dict(type='DynamicTiling', image_size=224, max_tiles=1),
    dict(
        type='PackDialogue',
        tokenizer=tokenizer,
        system='',
        tokens_per_tile=64,
        max_seq_len=2048),
]
train_dataloader = dict(
    batch_size=4,
    num_workers=0,
    sampler=dict(type='ResumableInfiniteSampler', shuffle=True),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file=ann_file,
        # All questions about an image in one dialogue: one pass of the vision
        # tower serves them all.
        max_rounds=16,
        pipeline=train_pipeline))
