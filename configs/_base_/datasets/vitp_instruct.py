# Copyright (c) mmeo contributors. All rights reserved.
# What ViTP's three pretraining mixtures share: InternVL 2.5's tiling (448
# pixels, 256 tokens a tile) and template, samples of up to 4096 tokens without
# padding, and the eight general-domain sets that each mixture takes a share
# of.
data_root = 'data/vitp'
# Folder of InternVL2.5-1B's tokenizer (docs/en/vitp_pretraining.md).
tokenizer = 'weights/InternVL2_5-1B'

# Annotation file and its records; together 1 023 375.
general_sets = [
    ('sharegpt4v_mix665k_cap23k_coco-ap9k_lcs3k_sam9k_div2k', 578326),
    ('sharegpt4v_instruct_gpt4-vision_cap100k', 102025),
    ('dvqa_train_200k', 200000),
    ('chartqa_train_18k', 18317),
    ('ai2d_train_12k', 12413),
    ('docvqa_train_10k', 10211),
    ('geoqa+', 72318),
    ('synthdog_en', 29765),
]

train_pipeline = [
    dict(type='LoadDialogueImages'),
    # Domain sets set their own 12 (`max_tiles`).
    dict(type='DynamicTiling', image_size=448, max_tiles=6),
    dict(
        type='PackDialogue',
        tokenizer=tokenizer,
        tokens_per_tile=256,
        max_seq_len=4096,
        # Whole rounds are dropped from the end and counted; an answer is
        # never cut in two (the released code cuts anywhere).
        too_long='cut_rounds'),
]
train_dataloader = dict(
    batch_size=4,
    num_workers=8,
    persistent_workers=True,
    sampler=dict(type='ResumableInfiniteSampler', shuffle=True),
    dataset=dict(
        type='MixtureDataset',
        data_root=data_root,
        pipeline=train_pipeline,
        datasets=[]))
