#!/usr/bin/env bash
# From sign-up to a fill and through a password reset, against a running `shearpin up`. Needs bash, curl and python3.
#
#   docs/examples/walk.sh [ADDRESS]          ADDRESS is http://localhost:8080 unless given
#
# Every call is one of the documented HTTP API; mail is read from the local mailbox, and the local clock is moved instead of
# waiting for the next authenticator code.
set -euo pipefail

api="${1:-http://localhost:8080}"
email="walk-$(python3 -c 'import secrets; print(secrets.token_hex(4))')@example.org"
password="a bicycle bell under the old bridge"
new_password="three herons wait for the morning ferry"
token=""
proof=""

say() { printf '%s\n' "$*"; }
fail() { printf 'walk: %s\n' "$*" >&2; exit 1; }

# field NAME...: a member of the JSON on standard input, an array's member by its number.
field() {
  python3 -c 'import json, sys
value = json.load(sys.stdin)
for name in sys.argv[1:]:
    value = value[int(name)] if isinstance(value, list) else value[name]
print(value if isinstance(value, str) else json.dumps(value))' "$@"
}

# form NAME VALUE...: a JSON object of strings.
form() { python3 -c 'import json, sys; a = sys.argv[1:]; print(json.dumps(dict(zip(a[::2], a[1::2]))))' "$@"; }

# call STATUS METHOD PATH [BODY]: prints the answer; fails when its status is another one.
call() {
  local wanted="$1" method="$2" path="$3" body="${4:-}" answer status
  local headers=(-H 'Accept: application/json')
  [ -z "$token" ] || headers+=(-H "Authorization: Bearer $token")
  [ -z "$proof" ] || headers+=(-H "X-Step-Up: $proof")
  if [ "$method" = POST ]; then
    headers+=(-H 'Content-Type: application/json' -H "Idempotency-Key: $(python3 -c 'import uuid; print(uuid.uuid4())')")
    answer="$(printf '%s' "$body" | curl -sS -w '\n%{http_code}' -X POST "${headers[@]}" --data-binary @- "$api$path")"
  else
    answer="$(curl -sS -w '\n%{http_code}' -X "$method" "${headers[@]}" "$api$path")"
  fi
  status="${answer##*$'\n'}"
  [ "$status" = "$wanted" ] || fail "$method $path answered $status instead of $wanted: ${answer%$'\n'*}"
  printf '%s\n' "${answer%$'\n'*}"
}

# mailed WORD: the token behind WORD?token= in the newest mail to us; waits for the mail.
mailed() {
  local try
  for try in $(seq 100); do
    if curl -sS -H 'Accept: application/json' "$api/dev/mail" | python3 -c 'import json, re, sys
for mail in json.load(sys.stdin):
    found = re.search(re.escape(sys.argv[2]) + r"\?token=([A-Za-z0-9_-]+)", mail["text"] or "")
    if mail["to"] == sys.argv[1] and found:
        print(found[1]); break
else:
    sys.exit(1)' "$email" "$1"; then return; fi
    sleep 0.1
  done
  fail "no mail with $1 came"
}

# advance SECONDS: moves the wall clock of the local installation; needs no waiting for codes and tries.
advance() { call 200 POST /dev/clock "{\"advance_s\": $1}" >/dev/null; }

# code: an authenticator code that was not used yet (RFC 6238, SHA-1, 30 s, 6 digits), by the installation's clock.
code() {
  advance 30
  call 200 GET /dev/clock | python3 -c 'import base64, datetime, hashlib, hmac, json, struct, sys
wall = datetime.datetime.fromisoformat(json.load(sys.stdin)["wall"].replace("Z", "+00:00"))
seed = sys.argv[1]
key = base64.b32decode(seed + "=" * (-len(seed) % 8))
mac = hmac.new(key, struct.pack(">Q", int(wall.timestamp()) // 30), hashlib.sha1).digest()
at = mac[-1] & 15
print("%06d" % ((struct.unpack(">I", mac[at:at + 4])[0] & 0x7FFFFFFF) % 1000000))' "$seed"
}

# stepped_up STATUS PATH BODY: POST behind a proof made for exactly this method, path and body.
stepped_up() {
  local body="$3" digest ask
  digest="$(printf '%s' "$body" | python3 -c 'import hashlib, sys; print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest())')"
  if [ -n "${seed:-}" ]; then
    ask="$(form method POST path "$2" body_sha256 "$digest" password "$password" totp "$(code)")"
  else
    ask="$(form method POST path "$2" body_sha256 "$digest" password "$password")"
  fi
  proof="$(call 200 POST /v1/step-up "$ask" | field proof)"
  call "$1" POST "$2" "$body"
  proof=""
}

# sign_in: password, then the authenticator when the account has one.
sign_in() {
  local answer
  advance 2 # past the pause after an earlier try
  token=""
  answer="$(call 200 POST /v1/login "$(form email "$email" password "$password")")"
  if [ -n "${seed:-}" ]; then
    answer="$(call 200 POST /v1/login/second-factor "$(form challenge "$(field challenge id <<<"$answer")" totp "$(code)")")"
  fi
  token="$(field session token <<<"$answer")"
}

call 202 POST /v1/signup "$(form email "$email" password "$password")" >/dev/null
call 204 POST /v1/signup/verify "$(form token "$(mailed verify)")" >/dev/null
sign_in
say "Signed up as $email; the address is verified."

enrolled="$(stepped_up 200 /v1/second-factors/totp '{}')"
seed="$(field secret <<<"$enrolled")"
call 200 POST /v1/second-factors/totp/confirm "$(form code "$(code)")" >/dev/null
say "An authenticator is on."

market_waits=0
until pair_price="$(call 200 GET /dev/clock | field market)" && [ "$pair_price" != null ]; do
  market_waits=$((market_waits + 1))
  [ "$market_waits" -lt 1200 ] || fail "no market minute passed; start with a higher --speed"
  sleep 0.1
done

key="$(call 201 POST /v1/paper/keys '{}')"
attach="$(python3 -c 'import json, sys
key = json.load(sys.stdin)
print(json.dumps({"exchange": "paper", "label": "walk", "api_key": key["api_key"], "api_secret": key["api_secret"],
                  "allowed_pairs": ["BTC-USDT"]}))' <<<"$key")"
connection="$(stepped_up 201 /v1/connections "$attach" | field connection id)"
say "A paper key is attached: $connection."

config="$(python3 -c 'import json, sys; print(json.dumps({
  "kind": "dca", "name": "walk", "connection": sys.argv[1], "pair": "BTC-USDT", "direction": "long",
  "base_order": {"amount": "80", "unit": "quote", "type": "market"},
  "averaging": {"amount": "30", "unit": "quote", "count": 3, "active": 2, "deviation_pct": "1",
                "step_scale": "1.5", "volume_scale": "1.4", "reference": "base"},
  "reference_price": "fill_with_fee",
  "take_profit": {"pct": "5", "of": "total", "trailing_pct": None, "steps": []},
  "stop_loss": {"pct": "22", "reference": "base", "then": "keep_running", "timeout_s": None, "trailing": False},
  "start": {"when": "immediately"}, "limits": {"deals": 1, "cooldown_s": 0, "stop_after_deals": None}}))' "$connection")"
say "Funds needed: $(call 200 POST /v1/bots/preview "$config" | field funds quote) USDT."
bot="$(call 201 POST /v1/bots "$config" | field id)"
call 200 POST "/v1/bots/$bot/start" '{}' >/dev/null
say "The bot is started: $bot."

fills=0
for _ in $(seq 1200); do
  deal="$(call 200 GET "/v1/bots/$bot/deals" | python3 -c 'import json, sys
items = json.load(sys.stdin)["items"]
print(items[0]["id"] if items else "")')"
  if [ -n "$deal" ]; then
    fills="$(call 200 GET "/v1/deals/$deal" | python3 -c 'import json, sys
deal = json.load(sys.stdin)
print(len(deal.get("deal", deal)["fills"]))')"
    [ "$fills" -eq 0 ] || break
  fi
  sleep 0.1
done
[ "$fills" -gt 0 ] || fail "no fill came"
say "Filled: deal $deal has $fills fill(s)."
[ "${WALK_UNTIL:-}" != fill ] || { printf '%s\n' "$token" >"${WALK_SESSION:-/dev/null}"; exit 0; }

call 202 POST /v1/password-reset "$(form email "$email")" >/dev/null
done_="$(call 200 POST /v1/password-reset/complete "$(form token "$(mailed reset)" password "$new_password" totp "$(code)")")"
say "The password is reset: $(field connections_removed <<<"$done_") connection removed in the same transaction."
call 401 GET /v1/me >/dev/null
say "The old session is refused."
password="$new_password"
advance 10
sign_in
status="$(call 200 GET "/v1/bots/$bot" | python3 -c 'import json, sys
bot = json.load(sys.stdin)
print(bot.get("bot", bot)["status"])')"
say "The bot says: $status"
call 409 POST "/v1/bots/$bot/start" '{}' >/dev/null
say "Without a new key it does not start. The walk is done."
