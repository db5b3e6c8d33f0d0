# Copyright (c) mmeo contributors. All rights reserved.
