#!/usr/bin/env bash
# From sign-up to the first fill of a DCA deal, then a password reset that cuts the bot off: curl alone, against a running
# `make up`.
# usage: docs/examples/walk.sh [address of the API]     default: http://localhost:8080
set -euo pipefail
api="${1:-http://localhost:8080}"
email="${EMAIL:-owner-$(date +%s)@example.org}"
password="${PASSWORD:-a lighthouse keeps no secrets at noon}"
token=""

# call METHOD PATH [BODY] [more curl options]: prints the answer; a problem ends the walk with its text.
call() {
  local method="$1" path="$2" body="${3:-}" options=()
  if [ "$#" -gt 3 ]; then options=("${@:4}"); fi
  if [ -n "$token" ]; then options+=(-H "Authorization: Bearer $token"); fi
  if [ -n "$body" ]; then options+=(-H "Content-Type: application/json" --data-binary "$body"); fi
  local answer status
  answer="$(curl --silent --show-error --request "$method" "$api$path" --write-out '\n%{http_code}' ${options[@]+"${options[@]}"})"
  status="${answer##*$'\n'}"; answer="${answer%$'\n'*}"
  if [ "${status:0:1}" != 2 ]; then echo "$method $path answers $status: $answer" >&2; return 1; fi
  printf '%s\n' "$answer"
}
# field NAME: the first text of this name in a JSON answer.
field() { grep -o "\"$1\": *\"[^\"]*\"" | head -n 1 | sed 's/^[^:]*: *"//; s/"$//'; }

# mailed PAGE: the token of the newest mail to us that links to this page.
mailed() {
  local found
  for _ in $(seq 50); do
    found="$(call GET /dev/mail '' -H 'Accept: application/json' | tr '{' '\n' | { grep -F "$email" || true; } \
      | { grep -o "/$1?token=[A-Za-z0-9_-]*" || true; } | head -n 1 | cut -d= -f2)"
    if [ -n "$found" ]; then echo "$found"; return; fi
    sleep 0.2
  done
  echo "no mail with a link to /$1 came for $email" >&2
  return 1
}

echo "1. sign up as $email"
call POST /v1/signup "{\"email\": \"$email\", \"password\": \"$password\"}" > /dev/null

echo "2. open the link in the mail (the mailbox is $api/dev/mail)"
call POST /v1/signup/verify "{\"token\": \"$(mailed verify)\"}" > /dev/null

echo "3. sign in"
token="$(call POST /v1/login "{\"email\": \"$email\", \"password\": \"$password\"}" | field token)"

echo "4. make a key at the paper exchange: 10,000 USDT of play money"
key="$(call POST /v1/paper/keys '{}')"
api_key="$(field api_key <<<"$key")"
api_secret="$(field api_secret <<<"$key")"

echo "5. attach the key; that needs a proof for exactly this request (step-up)"
attach="{\"exchange\": \"paper\", \"label\": \"walk\", \"api_key\": \"$api_key\", \"api_secret\": \"$api_secret\", \"allowed_pairs\": [\"BTC-USDT\"]}"
digest="$(printf '%s' "$attach" | sha256sum | cut -d' ' -f1)"
proof="$(call POST /v1/step-up "{\"method\": \"POST\", \"path\": \"/v1/connections\", \"body_sha256\": \"$digest\", \"password\": \"$password\"}" | field proof)"
connection="$(call POST /v1/connections "$attach" -H "X-Step-Up: $proof" | grep -o 'con_[0-9A-Z]*' | head -n 1)"

echo "6. look at the bot before it starts"
bot_form="{
  \"kind\": \"dca\", \"name\": \"first ladder\", \"connection\": \"$connection\", \"pair\": \"BTC-USDT\", \"direction\": \"long\",
  \"base_order\": {\"amount\": \"80\", \"unit\": \"quote\", \"type\": \"market\"},
  \"averaging\": {\"amount\": \"30\", \"unit\": \"quote\", \"count\": 4, \"active\": 2, \"deviation_pct\": \"0.4\",
                \"step_scale\": \"1.5\", \"volume_scale\": \"1.4\", \"reference\": \"base\"},
  \"reference_price\": \"fill_with_fee\",
  \"take_profit\": {\"pct\": \"0.3\", \"of\": \"total\", \"trailing_pct\": null, \"steps\": []},
  \"stop_loss\": {\"pct\": \"15\", \"reference\": \"base\", \"then\": \"keep_running\", \"timeout_s\": null, \"trailing\": false},
  \"start\": {\"when\": \"immediately\"}, \"limits\": {\"deals\": 1, \"cooldown_s\": 0, \"stop_after_deals\": null}
}"
call POST /v1/bots/preview "$bot_form"

echo "7. create and start it"
bot="$(call POST /v1/bots "$bot_form" | grep -o 'bot_[0-9A-Z]*' | head -n 1)"
call POST "/v1/bots/$bot/start" '{}' > /dev/null

echo "8. wait for its first fill (market minutes pass as fast as --speed says)"
shown=""
for _ in $(seq 600); do
  deal="$(call GET "/v1/bots/$bot/deals" | { grep -o 'deal_[0-9A-Z]*' || true; } | head -n 1)"
  if [ -n "$deal" ]; then
    shown="$(call GET "/v1/deals/$deal")"
    if ! grep -q '"fills": *\[\]' <<<"$shown"; then break; fi
    shown=""
  fi
  sleep 1
done
if [ -z "$shown" ]; then echo "No fill within ten minutes." >&2; exit 1; fi
printf '%s\n' "$shown"

echo "9. reset the password by mail, as an owner or a thief would"
call POST /v1/password-reset "{\"email\": \"$email\"}" > /dev/null
call POST /v1/password-reset/complete "{\"token\": \"$(mailed reset)\", \"password\": \"seven grey herons over the weir\"}"

echo "10. the old session is dead"
if call GET /v1/me; then echo "The old session still works." >&2; exit 1; fi

echo "11. sign in with the new password: the key is gone and the bot says why it is paused"
token=""
token="$(call POST /v1/login "{\"email\": \"$email\", \"password\": \"seven grey herons over the weir\"}" | field token)"
call GET "/v1/connections/$connection"
call GET "/v1/bots/$bot" | { grep -o '"status": *"paused[^"]*"' || { echo "The bot is not paused." >&2; exit 1; }; }
