# Copyright (c) mmeo contributors. All rights reserved.
"""Errors that a user can mend: each names the file, the field and the fix.

Command-line tools print such an error as one message without a traceback
(see :mod:`mmeo.apis.run`); library users catch them as ordinary exceptions.
Every class takes a single string, because mmengine's registries and PyTorch's
data-loader workers re-raise exceptions as ``type(e)(message)``.
"""


class UserError(Exception):
    """Base of all errors whose cause is in the user's input."""


class DataError(UserError, ValueError):
    """A file or an annotation cannot be used as it is."""


class ConfigError(UserError, ValueError):
    """A config asks for something that does not exist or does not fit."""


class CheckpointError(UserError, RuntimeError):
    """A checkpoint cannot be read or does not fit the model."""


class MissingDataError(DataError, FileNotFoundError):
    """A data folder or file is absent."""


class OpNotCompiledError(UserError, NotImplementedError):
    """A compiled mmcv op without a torch stand-in was called."""
