#!/bin/bash
# The whole journey, on real input: each step is a command of the product, shown as it is typed. Stays up for the browser
# until Ctrl-C; with CI=true it removes everything and ends.
set -euo pipefail
cd "$(dirname "$0")/.."

chandlery=$PWD/target/debug/chandlery
folder=$PWD/target/demo
registry_port=${REGISTRY_PORT:-7600}
host_port=${HOST_PORT:-7700}
text="Chandlery fits out GPU fleets"
password="a password for the demo"

export CLICOLOR_FORCE=1
export CHANDLERY_REGISTRY=http://127.0.0.1:$registry_port
export CHANDLERY_HOST=http://127.0.0.1:$host_port
export PIP_CACHE_DIR=${PIP_CACHE_DIR:-$PWD/target/pip}
unset CHANDLERY_HOST_TOKEN CHANDLERY_ACCOUNT || true

bold() { printf '\n\033[1;36m%s\033[0m\n' "$*"; }
typed() { printf '\033[2m%s $\033[0m \033[1m%s\033[0m\n' "$who" "$*"; }

# Everyone has a folder of their own; only who holds the host's token can use the host.
who=nobody
as() {
    who=$1
    export CHANDLERY_HOME=$folder/home/$who
}
run() {
    typed chandlery "$@"
    "$chandlery" "$@"
}
field() { python3 -c 'import json, sys; value = json.load(sys.stdin)
for key in sys.argv[1:]: value = value[int(key) if isinstance(value, list) else key]
print(value)' "$@"; }

# A fresh marketplace; Python environments are kept, since they are named by what is in them.
mkdir -p "$folder/data/host/local"
find "$folder" -mindepth 1 -maxdepth 1 ! -name data -exec rm -rf {} +
rm -rf "$folder/data/registry"
find "$folder/data/host" -mindepth 1 -maxdepth 1 ! -name local -exec rm -rf {} +
find "$folder/data/host/local" -mindepth 1 -maxdepth 1 ! -name environments -exec rm -rf {} +

up=
finish() {
    [ -n "$up" ] || return 0
    as platform
    "$chandlery" remove ocr-server >/dev/null 2>&1 || true
    kill "$up" 2>/dev/null || true
    wait "$up" 2>/dev/null || true
    if [ "${CI:-}" = true ]; then rm -rf "$folder"; fi
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

bold "1. A registry and a host, on this machine"
as operator
typed chandlery up --data target/demo/data
# A session of its own: Ctrl-C must reach this script alone, which removes the deployment while the host is there.
setsid "$chandlery" up --data "$folder/data" --registry-listen 127.0.0.1:"$registry_port" --host-listen 127.0.0.1:"$host_port" \
    --meter-seconds 2 --no-publish-first-party >"$folder/up.log" 2>&1 &
up=$!
for _ in $(seq 300); do
    if grep -q 'host at' "$folder/up.log"; then break; fi
    if ! kill -0 "$up" 2>/dev/null; then up=; cat "$folder/up.log" >&2; exit 1; fi
    sleep 0.1
done
cat "$folder/up.log"
CHANDLERY_HOST_TOKEN=$(cat "$folder/data/host/host.token")
export CHANDLERY_HOST_TOKEN
run login operator <"$folder/data/registry/operator.password"

bold "2. A partner opens an account, takes a namespace and makes a key"
as acme
run register acme <<<"$password"
run namespace take acme
run keys new acme
run keys add acme

bold "3. The partner publishes: signed, checked, logged"
run publish target/plugins/ocr-server.wasm
run orders price acme:ocr-server "100.00 USD"

bold "4. A platform team finds it and installs it, each link of the chain checked"
as platform
run register platform <<<"$password"
run host claim
run search ocr
run install acme:ocr-server@^1 --accept-price "100.00 USD"

bold "5. What would be deployed"
run plan ocr-server

bold "6. Deployed"
run deploy ocr-server
run status ocr-server

bold "7. A picture is drawn, sent to the server, and its text comes back"
status=$("$chandlery" status ocr-server --json)
address=$(field 0 endpoints 0 address <<<"$status")
python=$(dirname "$(field 0 replicas 0 program <<<"$status")")/python
"$python" - "$text" "$folder/picture.png" <<'PYTHON'
import sys
from PIL import Image, ImageDraw, ImageFont
picture = Image.new("RGB", (760, 120), "white")
ImageDraw.Draw(picture).text((20, 30), sys.argv[1], fill="black", font=ImageFont.load_default(size=48))
picture.save(sys.argv[2])
PYTHON
typed curl -F image_file=@target/demo/picture.png "http://$address/ocr"
answer=$(curl -sS -F image_file=@"$folder/picture.png" "http://$address/ocr")
printf 'drawn: %s\nread:  \033[1;32m%s\033[0m\n' "$text" "$(field 0 rec_txt <<<"$answer")"
[ "$(field 0 rec_txt <<<"$answer" | tr -d ' ')" = "$(tr -d ' ' <<<"$text")" ]

bold "8. Its use is metered, and counted by the registry"
for _ in $(seq 100); do
    if [ "$("$chandlery" usage --json | field sent)" -gt 0 ]; then break; fi
    sleep 0.2
done
run usage

bold "9. What was ordered to be installed is paid and shared"
run orders list
reference=$("$chandlery" orders list --json | field items 0 reference)
as operator
run orders paid "$reference" "100.00 USD" --bank-reference DEMO-TRANSFER-1
run books check
run books journal
as acme
run payouts balance acme

bold "10. The partner's dashboard"
code=$(curl -sS -o "$folder/dashboard.html" -w '%{http_code}' -L -c "$folder/cookies" -b "$folder/cookies" \
    --data-urlencode name=acme --data-urlencode "password=$password" --data-urlencode next=/dashboard/acme \
    -H "Origin: $CHANDLERY_REGISTRY" "$CHANDLERY_REGISTRY/login")
[ "$code" = 200 ] && grep -q '85.00 USD' "$folder/dashboard.html"
printf 'open    \033[1;4m%s/dashboard/acme\033[0m\nlog in  acme, with the password: %s\n' "$CHANDLERY_REGISTRY" "$password"

if [ "${CI:-}" = true ]; then
    bold "11. Everything is removed"
    as platform
    run remove ocr-server
    exit 0
fi
printf '\nCtrl-C removes the deployment and stops the registry and the host.\n'
wait "$up"
