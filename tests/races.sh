#!/usr/bin/env bash
# Runs every test of things that happen at once, so many times in a row (20 unless said), from one build. A race that one run
# in twenty loses is a bug. Stops at the first failure; one line per round.
#
# A new test of this kind goes into the list: package, test binary, and parts of the tests' names; without parts all of it.
set -euo pipefail
cd "$(dirname "$0")/.."
rounds="${1:-20}"

list() {
    cat <<'LIST'
tests single_use
tests account_life at_once
tests deletion fifty_deletions_at_once
tests recovery at_once
tests passkeys of_fifty
tests idempotency fifty_at_once at_once_one_does
tests kill_switch fifty
tests limits a_tightening_and_a_loosening_at_once
tests costs parallel
tests fence_meets_an_attach
tests fence_meets_a_paused_signer
function-login endpoints fifty at_once burst
function-second-factor changing parallel overtaken
function-signup endpoints fifty
function-password-reset completing parallel burst
function-password-reset requesting parallel
function-tick one_of_many_wins
function-paper-exchange money at_once
function-connections attach at_once both_win
function-mailer mail two_workers_at_once
function-shredder shred two_workers_at_once
function-signer in_flight
emulators conformance_dynamodb parallel
LIST
}

# One build; for each binary the folder that cargo would run it in.
targets=()
while read -r package binary _; do targets+=(-p "$package" --test "$binary"); done < <(list)
built="$(mktemp)"
trap 'rm -f "$built"' EXIT
"${CARGO:-cargo}" test --no-run --message-format=json "${targets[@]}" | python3 -c '
import json, os, sys
for line in sys.stdin:
    message = json.loads(line) if line.startswith("{") else {}
    if message.get("executable") and message.get("profile", {}).get("test"):
        folder = os.path.dirname(message["manifest_path"])
        package = next(row.split("=")[1].strip().strip("\"") for row in open(message["manifest_path"]) if row.startswith("name ="))
        print(package, message["target"]["name"], folder, message["executable"])
' > "$built"

# A second name for each, so that a build beside the rounds changes none of them.
kept="$(dirname "$(awk 'NR == 1 { print $4 }' "$built")")/races.$$"
mkdir "$kept"
trap 'rm -rf "$built" "$built.said" "$built.passed" "$kept"' EXIT
while read -r package binary folder program; do
    ln "$program" "$kept/$package.$binary"
    echo "$package $binary $folder $kept/$package.$binary"
done < "$built" > "$built.said"
mv "$built.said" "$built"

# Runs one line of the list; a part that names no test is a mistake in the list.
run() {
    local package="$1" binary="$2" folder program
    shift 2
    read -r folder program < <(awk -v p="$package" -v b="$binary" '$1 == p && $2 == b { print $3, $4 }' "$built")
    for part in "$@"; do
        [ "$(cd "$folder" && "$program" --list "$part" | grep -c ': test$')" -gt 0 ] || { echo "no test is named $part in $package $binary"; return 1; }
    done
    (cd "$folder" && "$program" --quiet "$@") > "$built.said" 2>&1 || { cat "$built.said"; echo "failed: $package $binary $*"; return 1; }
    sed -n 's/^test result: ok. \([0-9]*\) passed.*/\1/p' "$built.said" >> "$built.passed"
}

for round in $(seq 1 "$rounds"); do
    started="$(date +%s)"
    : > "$built.passed"
    while read -r -a line; do run "${line[@]}" < /dev/null; done < <(list)
    echo "round $round of $rounds: $(awk '{ sum += $1 } END { print sum }' "$built.passed") tests passed in $(($(date +%s) - started)) s"
done
