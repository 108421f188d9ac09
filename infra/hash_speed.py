#!/usr/bin/env python3
"""Times our password hash against the reference implementation in C, in turns, in one run.

usage: hash_speed.py COMMAND...

COMMAND runs crates/account/benches/hash.rs. The C library is that of the Python package argon2-cffi, which
hands it to this process; both verify the same stored hash at the same cost. Prints the medians in milliseconds and their
ratio, and fails when a ratio is above the aim.
"""
import importlib.metadata
import statistics
import subprocess
import sys
import time

import argon2

AIM = 0.7
ROUNDS = 31
COSTS = ["19456/2/1", "65536/3/1"]
PASSWORD = bytes([1] * 32)


def c_library(phc):
    began = time.perf_counter_ns()
    argon2.low_level.verify_secret(phc, PASSWORD, argon2.low_level.Type.ID)
    return time.perf_counter_ns() - began


def main():
    bench = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
    print(f"argon2-cffi {importlib.metadata.version('argon2-cffi')}, {ROUNDS} rounds in turns, medians")
    print("| cost (KiB/passes/lanes) | ours, ms | C, ms | ours / C |\n| --- | --- | --- | --- |")
    worst = 0.0
    for cost in COSTS:
        ours, theirs = [], []
        for turn in range(ROUNDS + 1):
            bench.stdin.write(cost + "\n")
            bench.stdin.flush()
            nanoseconds, phc = bench.stdout.readline().split()
            its = c_library(phc.encode())
            if turn > 0:  # The first turn warms up both.
                ours.append(int(nanoseconds))
                theirs.append(its)
        ratio = statistics.median(ours) / statistics.median(theirs)
        worst = max(worst, ratio)
        print(f"| {cost} | {statistics.median(ours) / 1e6:.1f} | {statistics.median(theirs) / 1e6:.1f} | {ratio:.2f} |")
    bench.stdin.close()
    bench.wait()
    if worst > AIM:
        sys.exit(f"The aim is {AIM}, reached is {worst:.2f}.")


if __name__ == "__main__":
    main()
