#!/usr/bin/env bash
# Changes one thing at a time in the rules of accounts and in the session layer, and shows which change no test notices.
#
#   infra/mutants.sh            every 5th change of `account`, every 2nd of the session layer: at most 120 in all
#   infra/mutants.sh 2          the third choice of the same size; together the choices 0 to 4 are all changes of `account`
#   infra/mutants.sh 0 3        no more than the first 3 of each, to try the recipe
#
# Works on a copy of the last commit with a target folder of its own, outside the checkout. A change of `account` is judged by
# that crate's tests. One of the session layer by those of `api`, and what they let pass by the stories about every route,
# repeated requests, versions and tokens, and by the tests of `function-login`. The result goes to docs/mutants.md;
# explanations of survivors stand in infra/mutants.tsv.
set -euo pipefail
cd "$(dirname "$0")/.."
checkout="$PWD"
choice="${1:-0}"
first="${2:-}"
cache="${SHEARPIN_CI_CACHE:-$HOME/.cache/shearpin-ci}"
version=27.1.0
tool="$cache/mutants/bin/cargo-mutants"
[ -x "$tool" ] || cargo install --locked --quiet "cargo-mutants@$version" --root "$cache/mutants"

work="$(mktemp -d "${TMPDIR:-/tmp}/shearpin-mutants.XXXXXX")"
trap 'rm -rf "$work"' EXIT
git archive HEAD | tar -x -C "$work"
mkdir -p "$checkout/target/mutants"
began=$SECONDS

# mutants NAME ARGUMENTS…: one run; exit codes 2 (something survived) and 3 (something took too long) are results, not faults.
mutants() {
  local name="$1" code=0; shift
  # Without debug information: it is a third of the time and most of the disk.
  CARGO_PROFILE_DEV_DEBUG=0 CARGO_TERM_COLOR=never "$tool" mutants --dir "$work" --in-place --no-shuffle \
    --output "$checkout/target/mutants/$name" "$@" > "$checkout/target/mutants-$name.log" 2>&1 || code=$?
  grep -E "^(MISSED|TIMEOUT|[0-9]+ mutants tested)" "$checkout/target/mutants-$name.log" || true
  case "$code" in 0|2|3) ;; *) grep -E "^(error|ERROR|test .* FAILED)" "$checkout/target/mutants-$name.log"; return "$code" ;; esac
}

# few PACKAGE SHARD: the arguments that choose changes; with a limit they are named one by one.
few() {
  if [ -z "$first" ]; then
    printf -- '--sharding\nround-robin\n--shard\n%s\n' "$2"
    return
  fi
  "$tool" mutants --dir "$work" --list --line-col=true -p "$1" --no-shuffle --sharding round-robin --shard "$2" | head -n "$first" | by_name
}

# by_name: names of mutants as arguments that choose exactly these.
by_name() {
  sed -E 's/[][().*+?^$|\\{}]/\\&/g; s/^/--re\n^/; s/$/$/'
}

rm -rf "$checkout/target/mutants"/*
mapfile -t chosen < <(few account "$choice/5")
mutants account -p account --timeout 90 "${chosen[@]}"
mapfile -t chosen < <(few api "$((choice % 2))/2")
mutants api -p api --timeout 120 "${chosen[@]}"
# The second look, at survivors alone. The unchanged tree was tested before; these are the tests of other crates.
missed=target/mutants/api/mutants.out/missed.txt
if [ -s "$missed" ]; then
  mapfile -t chosen < <(by_name < "$missed")
  mutants api -p api --baseline=skip --timeout 300 "${chosen[@]}" --test-package tests,function-login --cargo-test-arg=--lib \
    --cargo-test-arg=--test=policies --cargo-test-arg=--test=bad_input --cargo-test-arg=--test=idempotency \
    --cargo-test-arg=--test=conventions --cargo-test-arg=--test=api_tokens --cargo-test-arg=--test=client_kinds \
    --cargo-test-arg=--test=endpoints
fi

python3 infra/mutants.py target/mutants infra/mutants.tsv "$(git rev-parse --short HEAD)" "$choice" $((SECONDS - began)) > docs/mutants.md
echo "docs/mutants.md is written."
