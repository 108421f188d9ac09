#!/usr/bin/env bash
# Starts the product on a fresh data folder and asks it everything that docs/openapi.json allows, and much that it does not:
# signed out, then signed in. Fails at an answer with 5xx, one that is not documented, and bad input that is taken.
#
# SCHEMATHESIS    the program (default: `st` in the path); .ci/run installs the pinned version
set -euo pipefail
cd "$(dirname "$0")/../.."

st="${SCHEMATHESIS:-st}"
work="$(mktemp -d)"
product=""
finish() {
  [ -z "$product" ] || { kill "$product" 2>/dev/null && wait "$product" 2>/dev/null; } || true
  rm -rf "$work"
}
trap finish EXIT

cargo build --quiet -p shearpin
"${CARGO_TARGET_DIR:-target}/debug/shearpin" up --market sim --data "$work/data" >"$work/log" 2>&1 &
product=$!
for _ in $(seq 300); do
  [ ! -f "$work/data/endpoints.json" ] || break
  kill -0 "$product" 2>/dev/null || { cat "$work/log"; exit 1; }
  sleep 0.1
done
api="$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["api"])' "$work/data/endpoints.json")"

# ask STATE ARGUMENTS…: one run.
ask() {
  local state="$1"; shift
  echo "== the contract, $state"
  if ! "$st" --config-file tests/contract/schemathesis.toml run docs/openapi.json --url "$api" "$@"; then
    echo "The contract was broken $state. The product's log ends with:"
    tail -n 20 "$work/log"
    return 1
  fi
}

export API="$api" SCHEMATHESIS_HOOKS=hooks PYTHONPATH=tests/contract
prepared="$(python3 tests/contract/account.py "$api")"
SESSION=none ask "signed out"
eval "$prepared"
# What ends the session of the run itself is asked apart and last: from then on everything would answer 401.
ask "signed in" --exclude-operation-id log_out --exclude-operation-id end_session
curl -fsS -o "$work/me" -H "Authorization: Bearer $SESSION" "$api/v1/me" || { echo "The session ended during the run: name in run.sh what ends it."; exit 1; }
ask "signing out" --include-operation-id log_out --include-operation-id end_session
