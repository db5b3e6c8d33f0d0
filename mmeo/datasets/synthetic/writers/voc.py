# Copyright (c) mmeo contributors. All rights reserved.
"""Pascal VOC xml."""

from mmeo.datasets.synthetic.annotations import Instance


def voc_xml(file_name: str, size: int, instances: list[Instance]) -> str:
    """Annotation of one image; boxes are whole pixels counted from 1."""
    parts = [
        '<annotation>', '  <folder>dota/images</folder>',
        f'  <filename>{file_name}</filename>',
        '  <source><database>SynthEarth</database></source>',
        f'  <size><width>{size}</width><height>{size}</height>'
        '<depth>3</depth></size>', '  <segmented>0</segmented>']
    for item in instances:
        x1, y1, x2, y2 = item.box
        low = [min(int(v) + 1, size) for v in (x1, y1)]
        high = [min(max(int(v + .999), 1), size) for v in (x2, y2)]
        touched = int(min(x1, y1) <= 0 or max(x2, y2) >= size)
        parts.append(
            f'  <object><name>{item.name}</name><pose>Unspecified</pose>'
            f'<truncated>{touched}</truncated>'
            f'<difficult>{item.difficult}</difficult><bndbox>'
            f'<xmin>{low[0]}</xmin><ymin>{low[1]}</ymin>'
            f'<xmax>{high[0]}</xmax><ymax>{high[1]}</ymax>'
            '</bndbox></object>')
    parts.append('</annotation>')
    return '\n'.join(parts) + '\n'
