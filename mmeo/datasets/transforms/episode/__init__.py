# Copyright (c) mmeo contributors. All rights reserved.
from .crop import EpisodeCrop
from .pack_episode import PackEpisode

__all__ = ['EpisodeCrop', 'PackEpisode']
