#!/usr/bin/env bash
# How long `shearpin up` takes from its start to the first answer, five times on fresh folders, and how many market minutes it
# does per second when the speed has no practical limit. Prints figures and asserts nothing.
#
#   cli/benches/up.sh [PROGRAM]       PROGRAM is target/release/shearpin unless given
set -euo pipefail
program="${1:-target/release/shearpin}"
folder="$(mktemp -d)"
trap 'kill "${pid:-}" 2>/dev/null || true; rm -rf "$folder"' EXIT
python3 - "$program" "$folder" <<'PYTHON'
import json, socket, subprocess, sys, time, urllib.request
program, folder = sys.argv[1:]

def start(name):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    began = time.perf_counter()
    arguments = [program, "up", "--json", "--speed", "1000000", "--port", str(port), "--data", f"{folder}/{name}"]
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)
    while process.poll() is None:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=1).read()
            return process, (time.perf_counter() - began) * 1000
        except OSError:
            time.sleep(0.001)
    sys.exit(f"{program} ended with {process.returncode}")

def stop(process):
    process.send_signal(2)
    out, _ = process.communicate(timeout=30)
    return json.loads(out.splitlines()[-1])

times = []
for run in range(5):
    process, took = start(f"fresh-{run}")
    times.append(took)
    stop(process)
process, again = start("fresh-0")
time.sleep(5)
stopped = stop(process)
print("start to first answer, fresh folder:", " ".join(f"{t:.0f}" for t in sorted(times)), "ms")
print(f"start to first answer, existing folder: {again:.0f} ms")
print(f"market minutes per second, no bot: {stopped['per_minute'] / 60:.0f}")
PYTHON
