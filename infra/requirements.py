#!/usr/bin/env python3
"""Checks that every test named on a page of requirements passed in a run.

usage: requirements.py LOG PAGE...

LOG is the output of `cargo test --workspace`. A name that several files have must have passed as often as the page's files
name it. Prints what is missing or failed and fails when anything is.
"""
import collections
import re
import sys

NAMED = re.compile(r"^\* (?:passed|failed|not run) `([^`]+)::(\w+)`$", re.M)
RAN = re.compile(r"^test (?:\S+::)?(\w+)(?: - should panic)? \.\.\. (ok|FAILED)", re.M)


def main():
    log, pages = sys.argv[1], sys.argv[2:]
    with open(log, errors="replace") as file:
        ran = collections.Counter(RAN.findall(file.read()))
    places = collections.defaultdict(set)
    for page in pages:
        with open(page) as file:
            for path, name in NAMED.findall(file.read()):
                places[name].add(path)
    missing = [
        f"{path}::{name}"
        for name, paths in sorted(places.items())
        for path in sorted(paths)
        if ran[name, "FAILED"] > 0 or ran[name, "ok"] < len(paths)
    ]
    named = sum(len(paths) for paths in places.values())
    print(f"{named} tests named by {' and '.join(pages)}: {named - len(missing)} passed in this run.")
    if missing:
        sys.exit("Not passed:\n  " + "\n  ".join(missing))


if __name__ == "__main__":
    main()
