#!/usr/bin/env python3
"""Prints the size of release binaries and fails when one is 12 MB or more.

usage: measure_size.py FOLDER NAME...
"""
import pathlib
import sys

# The limit of the project's size aim, in bytes; binaries are stripped by the release profile.
SIZE_BYTES_MAX = 12_000_000


def main() -> int:
    if len(sys.argv) < 3:
        print(__doc__.strip().splitlines()[-1], file=sys.stderr)
        return 2
    folder, names = pathlib.Path(sys.argv[1]), sys.argv[2:]
    too_big = 0
    for name in names:
        path = folder / name
        if not path.is_file():
            print(f"{path}: not built", file=sys.stderr)
            return 1
        size = path.stat().st_size
        verdict = "" if size < SIZE_BYTES_MAX else "  TOO BIG"
        too_big += size >= SIZE_BYTES_MAX
        print(f"{size / 1e6:6.2f} MB  {name}{verdict}")
    print(f"limit {SIZE_BYTES_MAX / 1e6:.0f} MB: {'held' if not too_big else f'{too_big} of {len(names)} above it'}")
    return 1 if too_big else 0


if __name__ == "__main__":
    sys.exit(main())
