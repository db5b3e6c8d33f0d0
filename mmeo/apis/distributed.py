# Copyright (c) mmeo contributors. All rights reserved.
"""What mmengine's launchers need so that they also run on a CPU."""

import datetime
import os

import torch
from mmengine.config import Config
from torch import distributed as torch_dist

from mmeo.errors import ConfigError


def prepare(cfg: Config, launcher: str = 'none',
            local_rank: int = 0) -> None:
    """Set the launcher in ``cfg`` and, on a CPU, open the gloo group.

    mmengine's launcher calls ``torch.cuda.set_device`` whatever the backend
    and hands GPU ids to DDP, so without CUDA the process group is opened
    here, which the Runner then finds, and DDP is told of no device.

    Args:
        cfg (Config): Changed in place.
        launcher (str): ``'none'``, ``'pytorch'``, ``'slurm'`` or ``'mpi'``.
            Defaults to 'none'.
        local_rank (int): Rank on this machine, where the launcher does not
            set it in the environment. Defaults to 0.
    """
    cfg.launcher = launcher
    os.environ.setdefault('LOCAL_RANK', str(local_rank))
    if launcher == 'none' or torch.cuda.is_available():
        return
    if launcher == 'slurm':
        _slurm_environment()
    elif launcher == 'mpi':
        _mpi_environment()
    if 'RANK' not in os.environ:
        raise ConfigError(
            f'--launcher {launcher}: this process was not started by it. '
            'Use `tools/dist_train.sh CONFIG N`, torchrun, or '
            '`--launcher none`.')
    if not torch_dist.is_initialized():
        timeout = cfg.get('env_cfg', {}).get('dist_cfg', {}).get('timeout')
        options = {} if timeout is None else dict(
            timeout=datetime.timedelta(seconds=timeout))
        torch_dist.init_process_group('gloo', **options)
    if 'strategy' not in cfg:
        cfg.model_wrapper_cfg = {
            'type': 'MMDistributedDataParallel',
            'broadcast_buffers': False,
            'find_unused_parameters': cfg.get('find_unused_parameters',
                                              False),
            'device_ids': None,
            **cfg.get('model_wrapper_cfg', {}),
        }


def _slurm_environment() -> None:
    """The variables that torch reads, from those of Slurm."""
    if 'SLURM_PROCID' not in os.environ:
        return
    if int(os.environ['SLURM_NTASKS']) > 1 and \
            'MASTER_ADDR' not in os.environ:
        raise ConfigError('--launcher slurm on CPUs needs MASTER_ADDR; '
                          'tools/slurm_train.sh sets it.')
    os.environ.setdefault('MASTER_ADDR', '127.0.0.1')
    os.environ.setdefault('MASTER_PORT', '29500')
    os.environ['RANK'] = os.environ['SLURM_PROCID']
    os.environ['WORLD_SIZE'] = os.environ['SLURM_NTASKS']
    os.environ['LOCAL_RANK'] = os.environ.get('SLURM_LOCALID', '0')


def _mpi_environment() -> None:
    """The variables that torch reads, from those of Open MPI."""
    if 'OMPI_COMM_WORLD_RANK' not in os.environ:
        return
    os.environ.setdefault('MASTER_ADDR', '127.0.0.1')
    os.environ.setdefault('MASTER_PORT', '29500')
    os.environ['RANK'] = os.environ['OMPI_COMM_WORLD_RANK']
    os.environ['WORLD_SIZE'] = os.environ['OMPI_COMM_WORLD_SIZE']
    os.environ['LOCAL_RANK'] = os.environ['OMPI_COMM_WORLD_LOCAL_RANK']
