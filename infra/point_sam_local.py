#!/usr/bin/env python3
"""Points `sam local` at a running `shearpin up`.

Reads endpoints.json of the data folder and env.json of this repository, and writes two files that `sam local` takes:
.aws-sam/env.json (addresses and table names filled in) and .aws-sam/local/template.yaml (the built template, in which
every function declares the AWS_ variables; `sam local` passes on only declared ones, and Lambda itself would refuse
them, so they are never in template.yaml).

Run `sam build` first. Needs only Python's standard library. Never touches template.yaml or the data folder.
"""

import argparse
import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILT = ROOT / ".aws-sam" / "build" / "template.yaml"
# Addresses that a browser sees and no function dials: they keep their names.
SHOWN = ("ALLOWED_ORIGIN", "MAIL_LINK_BASE")


def stop(why):
    sys.exit(f"point_sam_local: {why}")


def address_in(endpoints, path):
    """The value at a dotted path such as `aws.dynamodb`."""
    value = endpoints
    for step in path.split("."):
        if not isinstance(value, dict) or step not in value:
            stop(f"endpoints.json has no `{path}`; is it from this version of shearpin?")
        value = value[step]
    return value


def main():
    parser = argparse.ArgumentParser(description="Points `sam local` at a running `shearpin up`.")
    parser.add_argument("--data", default=".shearpin", help="data folder of `shearpin up` (default .shearpin)")
    parser.add_argument("--host", default="host.docker.internal", help="name under which a container reaches this machine")
    given = parser.parse_args()

    try:
        endpoints = json.loads((Path(given.data) / "endpoints.json").read_text())
    except FileNotFoundError:
        stop(f"no endpoints.json in {given.data}; start `shearpin up` or name its folder with --data")
    except json.JSONDecodeError as broken:
        stop(f"endpoints.json in {given.data} is not JSON: {broken}")
    if not BUILT.exists():
        stop("nothing built yet; run `sam build` first (see docs/sam-local.md)")

    def filled(name, text):
        value = re.sub(r"\{([a-z_.]+)\}", lambda found: address_in(endpoints, found[1]), text)
        if name in SHOWN:
            return value
        return re.sub(r"//(127\.0\.0\.1|localhost)(?=[:/]|$)", f"//{given.host}", value)

    env = {
        function: {name: filled(name, text) for name, text in variables.items()}
        for function, variables in json.loads((ROOT / "env.json").read_text()).items()
    }

    undeclared = sorted({name for variables in env.values() for name in variables if name.startswith("AWS_")})
    # env.json fills these; one stays empty only for a service that the function has no client of.
    declared = re.sub(
        r"^( *)Variables:$",
        lambda found: "\n".join([found[0], *(f'{found[1]}  {name}: ""' for name in undeclared)]),
        BUILT.read_text(),
        flags=re.MULTILINE,
    )
    # Paths of the artefacts are relative to the template.
    declared = re.sub(r"^( *)CodeUri: (?!/)(.+)$", lambda found: f"{found[1]}CodeUri: ../build/{found[2]}", declared, flags=re.MULTILINE)

    local = ROOT / ".aws-sam" / "local" / "template.yaml"
    local.parent.mkdir(parents=True, exist_ok=True)
    local.write_text(declared)
    (ROOT / ".aws-sam" / "env.json").write_text(json.dumps(env, indent=2) + "\n")
    print("sam local start-api --template .aws-sam/local/template.yaml --env-vars .aws-sam/env.json --parameter-overrides Architecture=x86_64")


if __name__ == "__main__":
    main()
