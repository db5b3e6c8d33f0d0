# Copyright (c) mmeo contributors. All rights reserved.
from mmeo.utils import quiet_imports

with quiet_imports():
    from .episode_visualizer import EpisodeVisualizer
    from .rendering import read_rgb, side_by_side, stretch
    from .scene_visualizer import SceneVisualizer
    from .visualizers import ChangeVisualizer, GeoSegVisualizer

__all__ = [
    'ChangeVisualizer', 'EpisodeVisualizer', 'GeoSegVisualizer',
    'SceneVisualizer', 'read_rgb', 'side_by_side', 'stretch'
]
