# Copyright (c) mmeo contributors. All rights reserved.
"""Interactive pages. Need gradio (``pip install mmeo[optional]``).

Nothing is imported here: ``mmeo demo --help`` must start without gradio.
"""
