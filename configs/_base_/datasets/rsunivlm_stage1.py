# Copyright (c) mmeo contributors. All rights reserved.
# RSUniVLM's data of stage 1: Tables 10 and 11 of the paper (arXiv 2412.05679),
# 985k remote-sensing and 547k general samples. The abstract and section 4.1
# speak of 1.2M, which no sum of rows gives; of "five tasks" (3.3) and "6
# tasks" (7); of "fifteen datasets" where Table 10 has 16 besides GeoChat,
# VRSBench and FIT-RS. The tables count. They give thousands: each set
# contributes exactly so many samples, drawn with a seed where its file holds
# more. How the authors drew theirs is not published.
data_root = 'data/rsunivlm'
# Folder of Qwen2-0.5B's tokenizer.
tokenizer = 'weights/Qwen2-0.5B'

# Row of the table, annotation file, folder of images, samples.
rs_sets = [
    ('GeoChat', 'geochat', 'geochat', 216000),
    ('VRSBench', 'vrsbench', 'vrsbench', 141000),
    ('FIT-RS', 'fit_rs', 'fit_rs', 160000),
    ('RSTeller', 'rsteller', 'rsteller', 100000),
    ('RSVQA-LR', 'rsvqa_lr', 'rsvqa_lr', 57000),
    ('RSVQA-HR', 'rsvqa_hr', 'rsvqa_hr', 100000),
    ('RSITMD', 'rsitmd', 'rsitmd', 2000),
    ('RSICD', 'rsicd', 'rsicd', 1000),
    ('UCM', 'ucm', 'ucm', 2000),
    ('NWPU', 'nwpu', 'nwpu', 5000),
    ('fMoW', 'fmow', 'fmow', 53000),
    ('DIOR-RSVG', 'dior_rsvg', 'dior_rsvg', 30000),
    ('OPT-RSVG', 'opt_rsvg', 'opt_rsvg', 24000),
    # 6815 pairs with five captions and a mask each are 40 890, here 40 000 in
    # the same proportion.
    ('LEVIR-MCI', 'levir_mci_captions', 'levir_mci', 33333),
    ('LEVIR-MCI', 'levir_mci_masks', 'levir_mci', 6667),
    ('Potsdam', 'potsdam', 'potsdam', 12000),
    ('UAVid', 'uavid', 'uavid', 8000),
    ('LoveDA', 'loveda', 'loveda', 8000),
    ('OpenEarthMap', 'openearthmap', 'openearthmap', 14000),
    ('landcover', 'landcover_ai', 'landcover_ai', 12000),
]
general_sets = [
    ('ShareGPT4V', 'sharegpt4v', 'sharegpt4v', 100000),
    ('AllSeeingV2', 'allseeing_v2', 'allseeing_v2', 200000),
    ('DVQA', 'dvqa', 'dvqa', 40000),
    ('ChartQA', 'chartqa', 'chartqa', 3000),
    ('AI2D', 'ai2d', 'ai2d', 2000),
    ('DocVQA', 'docvqa', 'docvqa', 2000),
    ('COCO stuff', 'coco_stuff', 'coco_stuff', 200000),
]
mixture = rs_sets + general_sets
num_samples = sum(samples for _, _, _, samples in mixture)

train_pipeline = [
    dict(type='LoadDialogueImages'),
    # One view of 729 tokens, and the token behind it that LLaVA-OneVision
    # learnt. The paper does not name the mode.
    dict(type='ImageViews', mode='single', image_size=384, newline=True),
    dict(
        type='PackDialogue',
        tokenizer=tokenizer,
        template='qwen_1_5',
        max_seq_len=4096,
        # Whole rounds are dropped from the end and counted; an answer is
        # never cut in two (the LLaVA code cuts anywhere).
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
        datasets=[
            dict(
                type='InstructDataset',
                name=name,
                metainfo=dict(row=row),
                ann_file=f'annotations/{name}.jsonl',
                data_prefix=dict(img_path=f'images/{images}'),
                samples=samples) for row, name, images, samples in mixture
        ]))
