# Copyright (c) mmeo contributors. All rights reserved.
# Captions, questions and referring expressions about SynthEarth scenes, one
# tile of 224 pixels (64 image tokens) an image.
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
        tokens_per_tile=64,
        max_seq_len=2048),
]
train_dataloader = dict(
    batch_size=8,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file=ann_file,
        # Many short questions are asked of each image: answer them together.
        max_rounds=8,
        pipeline=train_pipeline))
