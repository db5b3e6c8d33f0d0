# Copyright (c) mmeo contributors. All rights reserved.
"""DOTA-v1.0 text labels, in their original form."""

from mmeo.datasets.synthetic.annotations import Instance
from mmeo.datasets.synthetic.classes import DOTA_CLASSES
from mmeo.datasets.synthetic.scenes import GSD


def dota_text(instances: list[Instance]) -> str:
    """Header lines, then eight coordinates, class and difficulty a line."""
    lines = ['imagesource:SynthEarth', f'gsd:{GSD}']
    for item in instances:
        if item.name in DOTA_CLASSES:
            corners = ' '.join(f'{x:.1f} {y:.1f}' for x, y in item.quad)
            lines.append(f'{corners} {item.name} {item.difficult}')
    return '\n'.join(lines) + '\n'
