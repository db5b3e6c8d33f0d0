# Copyright (c) mmeo contributors. All rights reserved.
# ViTP's remote-sensing mixture as the authors' released list has it: against
# Table 10 RSVQA x1 (not 0.1), three sets of VHM repeated, Million-AID a second
# time x0.01, general sets x0.01 (not 0.03), and the first lines of a file
# where a fraction is taken. 1 088 702 samples.
_base_ = './vitp_instruct.py'

# Row of the table, domain, annotation file, its records, repeat, greatest
# number of tiles, JPEG re-compression.
mixture = [
    ('DIOR-RSVG', 'rs', 'dior_rsvg_train', 27133, 8, 12, False),
    ('VRSBench', 'rs', 'vrsbench_train', 38689, 5, 12, False),
    ('GeoChat', 'rs', 'geochat_train', 63883, 2, 12, False),
    ('VHM', 'rs', 'vqa_rgb_samrs', 105547, 1, 12, False),
    ('VHM', 'rs', 'vqa_rgb_lrben', 57223, 1, 12, False),
    ('VHM', 'rs', 'cls_rgb_nwpu-resisc45', 31500, 1, 12, False),
    ('VHM', 'rs', 'cls_rgb_meter-ml', 1497, 8, 12, True),
    ('VHM', 'rs', 'cls_rgb_ucm', 2100, 5, 12, True),
    ('VHM', 'rs', 'rsvqa_lr', 10000, 1, 12, False),
    ('VHM', 'rs', 'cls_rgb_fmow', 4969, 1, 12, False),
    ('VHM', 'rs', 'rsitmd', 484, 10, 12, False),
    ('VHM', 'rs', 'panc_dota', 3920, 1, 12, False),
    ('VHM', 'rs', 'deepglobe', 2000, 1, 12, False),
    ('VHM', 'rs', 'crowdai', 2000, 1, 12, False),
    ('VHM', 'rs', 'vqa_rgb_fmow', 1871, 1, 12, False),
    ('VHM', 'rs', 'fbp', 366, 1, 12, False),
    ('VHM', 'rs', 'bandon', 200, 1, 12, False),
    ('VHM', 'rs', 'msar', 200, 1, 12, False),
    ('VHM', 'rs', 'mts-wh', 200, 1, 12, False),
    ('RSVQA', 'rs', 'rsvqa_hr_train_100k', 100000, 1, 12, False),
    ('FIT_RS', 'rs', 'fit_rs_100k', 99999, 0.1, 12, False),
    ('RSVG', 'rs', 'rsvg_train', 5505, 10, 12, False),
    ('Million-AID', 'rs', 'million_aid_cot', 920057, 0.05, 12, False),
    ('Million-AID', 'rs', 'million_aid', 920057, 0.01, 12, False),
    ('GAIA', 'rs', 'gaia_train', 32832, 1, 12, False),
    ('LevirCCcaptions', 'rs', 'levircc_train', 50385, 0.5, 12, False),
    ('SAR_Sentinel-1&2', 'rs', 'sar_sentinel12', 16000, 1, 12, False),
    ('ISPRS_SAR', 'rs', 'isprs_sar', 1500, 1, 12, False),
]
# The first of them at half the rate of the others.
mixture += [('Mini-InternVL', 'general', name, length,
             0.005 if name.startswith('sharegpt4v_mix') else 0.01, 6, False)
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
