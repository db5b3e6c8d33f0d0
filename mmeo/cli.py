# Copyright (c) mmeo contributors. All rights reserved.


def main() -> int:
    return 0
