#!/usr/bin/env python3
"""Prepares accounts on a local installation and prints what `run.sh` needs of them, as lines of a shell.

    account.py API                 the address that `shearpin up` printed

An owner with a verified address, a paper key and a stopped bot; a session of theirs. Every call is one of the documented
API; mail is read from the local mailbox.
"""

import hashlib
import json
import re
import shlex
import sys
import time
import urllib.error
import urllib.request
import uuid

API = sys.argv[1]
PASSWORD = "a bicycle bell under the old bridge"


def call(method, path, body=None, headers=()):
    """The answer's JSON; ends the program with the problem when there is one."""
    sent = {"Accept": "application/json", **dict(headers)}
    data = None
    if body is not None:
        data = json.dumps(body).encode()
        sent["Content-Type"] = "application/json"
    if method == "POST" and path.startswith("/v1/"):
        sent["Idempotency-Key"] = str(uuid.uuid4())
    request = urllib.request.Request(API + path, data, sent, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            text = answer.read()
    except urllib.error.HTTPError as refused:
        sys.exit(f"{method} {path} answered {refused.code}: {refused.read().decode(errors='replace')}")
    return json.loads(text) if text else None


def mailed(email, word):
    """The token behind WORD?token= in a mail to this address."""
    for _ in range(100):
        for mail in call("GET", "/dev/mail"):
            found = re.search(re.escape(word) + r"\?token=([A-Za-z0-9_-]+)", mail["text"] or "")
            if mail["to"] == email and found:
                return found[1]
        time.sleep(0.1)
    sys.exit(f"no mail with {word} came")


email = f"contract-{uuid.uuid4().hex[:8]}@example.org"
call("POST", "/v1/signup", {"email": email, "password": PASSWORD})
call("POST", "/v1/signup/verify", {"token": mailed(email, "verify")})
call("POST", "/dev/clock", {"advance_s": 2})
token = call("POST", "/v1/login", {"email": email, "password": PASSWORD})["session"]["token"]
session = {"Authorization": f"Bearer {token}"}
key = call("POST", "/v1/paper/keys", {}, session)
form = {"exchange": "paper", "label": "contract", "allowed_pairs": ["BTC-USDT"], **key}
digest = hashlib.sha256(json.dumps(form).encode()).hexdigest()
call("POST", "/dev/clock", {"advance_s": 2})
asked = {"method": "POST", "path": "/v1/connections", "body_sha256": digest, "password": PASSWORD}
proof = call("POST", "/v1/step-up", asked, session)["proof"]
connection = call("POST", "/v1/connections", form, {**session, "X-Step-Up": proof})["connection"]["id"]
call("POST", "/v1/bots", {
    "kind": "dca", "name": "contract", "connection": connection, "pair": "BTC-USDT",
    "base_order": {"amount": "100"}, "take_profit": {"pct": "1"},
}, session)
print(f"export SESSION={token} ACCOUNT_PASSWORD={shlex.quote(PASSWORD)}")
