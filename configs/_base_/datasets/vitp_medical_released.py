# Copyright (c) mmeo contributors. All rights reserved.
# ViTP's medical mixture as the authors' released list has it: against Table 11
# QuiltVQA x10 is added, the largest general set is at x0.01 (not 0.02), and a
# fraction takes the first lines of a file. 1 048 143 samples.
_base_ = './vitp_instruct.py'

# Row of the table, domain, annotation file, its records, repeat, greatest
# number of tiles, JPEG re-compression.
mixture = [
    ('Huatuo-VQA', 'medical', 'huatuo_vqa', 646759, 0.5, 12, False),
    ('PMC-VQA', 'medical', 'pmc_vqa', 226924, 0.5, 12, False),
    ('Quilt-Instruct', 'medical', 'quilt_instruct', 107131, 1, 12, False),
    ('Quilt-Instruct', 'medical', 'quilt_instruct_part2',
     20000, 1, 12, False),
    ('Quilt-Instruct', 'medical', 'quilt_instruct_part3',
     20000, 1, 12, False),
    ('GMAI-MMBench', 'medical', 'gmai_mmbench', 4550, 20, 12, False),
    ('OmniMedical', 'medical', 'omnimedvqa', 88996, 1, 12, False),
    ('PMC-OA', 'medical', 'pmc_oa', 1646527, 0.05, 12, False),
    ('Quilt-1M', 'medical', 'quilt_1m', 723328, 0.1, 12, False),
    ('Huatuo-OA', 'medical', 'huatuo_oa', 646759, 0.1, 12, False),
    ('Open-i', 'medical', 'openi', 7466, 5, 12, False),
    ('QuiltVQA', 'medical', 'quilt_vqa', 1283, 10, 12, False),
]
# The first of them at half the rate of the others.
mixture += [('Mini-InternVL', 'general', name, length,
             0.01 if name.startswith('sharegpt4v_mix') else 0.02, 6, False)
            for name, length in _base_.general_sets]

train_dataloader = dict(
    dataset=dict(
        fraction='first',
        datasets=[
            dict(
                type='InstructDataset',
                name=name,
                metainfo=dict(row=row),
                ann_file=f'{domain}/annotations/{name}.jsonl',
                data_prefix=dict(img_path=f'{domain}/images/{name}'),
                length=length,
                repeat=repeat,
                max_tiles=max_tiles,
                jpeg_augment=jpeg_augment) for row, domain, name, length,
            repeat, max_tiles, jpeg_augment in mixture
        ]))
