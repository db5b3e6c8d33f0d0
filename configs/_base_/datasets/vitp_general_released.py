# Copyright (c) mmeo contributors. All rights reserved.
# ViTP's general-domain mixture as the authors' released list has it: Table 9
# without GAIA and Million-AID. 1 023 375 samples.
_base_ = './vitp_instruct.py'

# Row of the table, domain, annotation file, its records, repeat, greatest
# number of tiles, JPEG re-compression.
mixture = [
]
# The row of Table 9 by the first letters of the file.
rows = dict(
    sharegpt4v='ShareGPT4V',
    dvqa='DVQA',
    chartqa='ChartQA',
    ai2d='AI2D',
    docvqa='DocVQA',
    geoqa='GeoQA+',
    synthdog='SynthDoG-EN')
mixture += [(rows[name.replace('+', '').split('_')[0]], 'general', name,
             length, 1, 6, False) for name, length in _base_.general_sets]

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
