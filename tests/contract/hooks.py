"""Lets schemathesis past the step-up: shows a real proof for exactly the request that it is about to send.

Only where the account that asks stays what it is. Who deletes the account, changes its password or its address asks no
more after it, so those routes are tried without a proof alone.
"""

import hashlib
import os

import requests
import schemathesis

PASSWORD = os.environ.get("ACCOUNT_PASSWORD")
# Their success would end the run's session.
ENDS_THE_SESSION = {"delete_account", "change_password", "start_email_change"}


@schemathesis.hook
def before_call(context, case, kwargs):
    operation = case.operation.definition.raw.get("operationId")
    if not PASSWORD or operation in ENDS_THE_SESSION or not wants_proof(case):
        return
    base = os.environ["API"]
    asked = requests.Request(**{**case.as_transport_kwargs(base_url=base), "cookies": None}).prepare()
    body = asked.body or b""
    if isinstance(body, str):
        body = body.encode()
    form = {
        "method": case.method, "path": asked.path_url.split("?")[0], "password": PASSWORD,
        "body_sha256": hashlib.sha256(body).hexdigest(),
    }
    headers = {"Authorization": f"Bearer {os.environ['SESSION']}"}
    given = requests.post(f"{base}/v1/step-up", json=form, headers=headers, timeout=20)
    if given.status_code == 429:
        # The budget of hashes per minute is used up: a minute of the local clock is free.
        requests.post(f"{base}/dev/clock", json={"advance_s": 60}, timeout=20)
    if given.status_code == 200:
        case.headers["X-Step-Up"] = given.json()["proof"]


def wants_proof(case):
    """Whether a proof was to be sent, and its place was not what the case spoils."""
    if not case.headers or "X-Step-Up" not in case.headers or case.meta is None:
        return False
    return all(part.mode.is_positive for place, part in case.meta.components.items() if place.value == "header")
