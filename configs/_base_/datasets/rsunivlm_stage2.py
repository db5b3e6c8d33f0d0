# Copyright (c) mmeo contributors. All rights reserved.
# RSUniVLM's data of stage 2: the sets of Table 12 (arXiv 2412.05679), without
# general ones. "A small portion" of stage 1's data, "based on the granularity
# and variety of tasks": no size is published. Ours: 60k of each granularity
# (the pixel level has 61k in all), shared out equally over its sets as far as
# each goes; sizes are those of Table 10, and of the files for VRSBench (20k
# captions, 36k expressions). GeoChat* is its region descriptions. Other sizes:
# change `samples`.
_base_ = './rsunivlm_stage1.py'

# Granularity, row of the table, annotation file, folder of images, samples.
mixture = [
    ('image', 'RSITMD', 'rsitmd', 'rsitmd', 2000),
    ('image', 'RSICD', 'rsicd', 'rsicd', 1000),
    ('image', 'UCM', 'ucm', 'ucm', 2000),
    ('image', 'NWPU', 'nwpu', 'nwpu', 5000),
    ('image', 'fMoW', 'fmow', 'fmow', 12500),
    ('image', 'RSVQA', 'rsvqa_lr', 'rsvqa_lr', 6250),
    ('image', 'RSVQA', 'rsvqa_hr', 'rsvqa_hr', 6250),
    ('image', 'VRSBench-Cap', 'vrsbench_cap', 'vrsbench', 12500),
    ('image', 'LEVIR-MCI', 'levir_mci_captions', 'levir_mci', 12500),
    ('region', 'DIOR-RSVG', 'dior_rsvg', 'dior_rsvg', 15000),
    ('region', 'OPT-RSVG', 'opt_rsvg', 'opt_rsvg', 15000),
    ('region', 'VRSBench-Ref', 'vrsbench_ref', 'vrsbench', 15000),
    ('region', 'GeoChat*', 'geochat_reg', 'geochat', 15000),
    ('pixel', 'Potsdam', 'potsdam', 'potsdam', 12000),
    ('pixel', 'UAVid', 'uavid', 'uavid', 8000),
    ('pixel', 'LoveDA', 'loveda', 'loveda', 8000),
    ('pixel', 'OpenEarthMap', 'openearthmap', 'openearthmap', 13333),
    ('pixel', 'landcover', 'landcover_ai', 'landcover_ai', 12000),
    ('pixel', 'LEVIR-MCI', 'levir_mci_masks', 'levir_mci', 6667),
]
num_samples = sum(samples for _, _, _, _, samples in mixture)

train_pipeline = _base_.train_pipeline
# One expert serves a whole dialogue: its questions are of one granularity.
train_pipeline[-1].update(task_rounds='same')
train_dataloader = dict(
    dataset=dict(
        pipeline=train_pipeline,
        datasets=[
            dict(
                type='InstructDataset',
                name=name,
                metainfo=dict(row=row, granularity=level),
                ann_file=f'annotations/{name}.jsonl',
                data_prefix=dict(img_path=f'images/{images}'),
                samples=samples) for level, row, name, images, samples in
            mixture
        ]))
