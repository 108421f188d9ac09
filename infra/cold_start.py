#!/usr/bin/env python3
"""Measures the time from starting a function's process to its first `next`, under a Runtime API of our own.

usage: cold_start.py FOLDER NAME...

The environment is that of env.json with addresses nobody listens on: a function calls nothing before its first event, and this
would show it if one did. Prints median and worst of several starts; fails when a function ends or never asks for an event.
"""
import http.server
import json
import os
import pathlib
import re
import subprocess
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
STARTS = 11
WAIT_S_MAX = 10
# What template.yaml gives and env.json leaves as it is.
FROM_TEMPLATE = {"MARKET_PAIRS": "BTC-USDT,ETH-USDT", "PAPER_MARKET": "sim:1", "SEND_WINDOW_MS_MAX": "3000"}
NEXT = "/2018-06-01/runtime/invocation/next"


def environment_of(name: str) -> dict:
    """What `env.json` gives the function; every address becomes the discard port, every name a plain one."""
    logical = "".join(part.capitalize() for part in name.split("-")) + "Function"
    declared = json.loads((ROOT / "env.json").read_text())[logical]

    def fill(value: str) -> str:
        value = re.sub(r"\{tables\.([a-z]+)\}", r"shearpin-\1", value)
        return re.sub(r"\{[^}]+\}", "http://127.0.0.1:9", value)

    return FROM_TEMPLATE | {variable: fill(value) for variable, value in declared.items()}


class RuntimeApi(http.server.BaseHTTPRequestHandler):
    """Notes when `next` arrives and keeps the caller waiting, as Lambda does."""

    asked = threading.Event()
    released = threading.Event()
    asked_at = 0.0

    def do_GET(self) -> None:
        if self.path == NEXT and not RuntimeApi.asked.is_set():
            RuntimeApi.asked_at = time.monotonic()
            RuntimeApi.asked.set()
        RuntimeApi.released.wait(WAIT_S_MAX)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        print(f"  the function reports: {body.decode(errors='replace')}", file=sys.stderr)
        self.send_response(202)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def measure(binary: pathlib.Path, name: str, address: str) -> "float | None":
    """Milliseconds of one start, or None when the function never asked."""
    RuntimeApi.asked.clear()
    RuntimeApi.released.clear()
    environment = environment_of(name) | {
        "AWS_LAMBDA_RUNTIME_API": address,
        "AWS_LAMBDA_FUNCTION_NAME": name,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
        "AWS_LAMBDA_FUNCTION_VERSION": "1",
        "AWS_REGION": "us-east-1",
        "PATH": os.environ.get("PATH", ""),
    }
    started = time.monotonic()
    process = subprocess.Popen([binary], env=environment, stdout=subprocess.DEVNULL)
    try:
        while not RuntimeApi.asked.wait(0.02):
            if process.poll() is not None:
                print(f"{name}: ended with code {process.returncode} before its first `next`", file=sys.stderr)
                return None
            if time.monotonic() - started > WAIT_S_MAX:
                print(f"{name}: no `next` within {WAIT_S_MAX} s", file=sys.stderr)
                return None
        return (RuntimeApi.asked_at - started) * 1000
    finally:
        process.kill()
        process.wait()
        RuntimeApi.released.set()


def main() -> int:
    if len(sys.argv) < 3:
        print(__doc__.strip().splitlines()[2], file=sys.stderr)
        return 2
    folder, names = pathlib.Path(sys.argv[1]).resolve(), sys.argv[2:]
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), RuntimeApi)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"127.0.0.1:{server.server_port}"
    print(f"start of the process to the first `next`, {STARTS} starts each, in ms")
    print(f"{'median':>8} {'worst':>8}")
    failed = False
    for name in names:
        if not (folder / name).is_file():
            print(f"{folder / name}: not built", file=sys.stderr)
            return 1
        times = []
        for _ in range(STARTS):
            took = measure(folder / name, name, address)
            if took is None:
                break
            times.append(took)
        if len(times) < STARTS:
            failed = True
            continue
        times.sort()
        print(f"{times[len(times) // 2]:8.1f} {times[-1]:8.1f}  {name}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
