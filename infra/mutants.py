#!/usr/bin/env python3
"""Writes docs/mutants.md from what cargo-mutants left behind.

usage: mutants.py FOLDER EXPLANATIONS COMMIT CHOICE SECONDS

FOLDER has one folder per run. A run that looked twice at its survivors keeps its first look in `mutants.out.old`; the later
word counts. EXPLANATIONS has a line per survivor: its name without line and column, a tab, and why it may live.
"""
import collections
import json
import pathlib
import re
import sys

WORDS = {"CaughtMutant": "caught", "MissedMutant": "survived", "Timeout": "caught (it hung)", "Unviable": "did not compile"}


def outcomes(folder):
    """What became of each mutant, by its name with line and column."""
    found = {}
    for look in ("mutants.out.old", "mutants.out"):
        path = folder / look / "outcomes.json"
        if path.exists():
            for outcome in json.loads(path.read_text())["outcomes"]:
                if outcome["scenario"] != "Baseline":
                    found[outcome["scenario"]["Mutant"]["name"]] = WORDS.get(outcome["summary"], outcome["summary"])
    return found


def main():
    folder, explanations, commit, choice, seconds = sys.argv[1:6]
    lines = [line.split("\t", 1) for line in pathlib.Path(explanations).read_text().splitlines()[1:] if "\t" in line]
    explained = dict(lines)
    print(f"""# Mutants

What `make mutants` found: one thing is changed at a time in the rules of accounts (`crates/account`) and in the session layer
(`crates/api/src/session_check.rs`, `crates/api/src/mount.rs`, `crates/api/src/idempotency.rs`), and the tests should notice. Written by
`infra/mutants.sh`, explanations from `infra/mutants.tsv`; which changes are left out and why: `.cargo/mutants.toml`.

Commit {commit}, choice {choice} of 5, {int(seconds) // 60} minutes on this machine.
""")
    print("| part | tried | caught | survived | did not compile |\n| --- | --- | --- | --- | --- |")
    survivors = []
    for part in sorted(path for path in pathlib.Path(folder).iterdir() if path.is_dir()):
        found = outcomes(part)
        count = collections.Counter(word.split(" (")[0] for word in found.values())
        print(f"| {part.name} | {len(found)} | {count['caught']} | {count['survived']} | {count['did not compile']} |")
        survivors += [re.sub(r":\d+:\d+:", ":", name) for name, word in found.items() if word == "survived"]
    print("\n## Survivors\n")
    for name in sorted(survivors):
        path, change = name.split(": ", 1)
        print(f"* `{path}`: {change.replace('|', chr(92) + '|')}. {explained.get(name, '**Not explained yet.**')}")
    if not survivors:
        print("None.")


if __name__ == "__main__":
    main()
