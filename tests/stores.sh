#!/bin/bash
# Runs a command with a PostgreSQL cluster and an S3 server of its own, both thrown away afterwards. The tests use them
# when they find them in the environment: `tests/stores.sh cargo test --package chandlery-tests`.
set -euo pipefail
cd "$(dirname "$0")/.."

tools=$PWD/target/tools
postgres=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | tail -1)
folder=$(mktemp -d)
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

# PostgreSQL does not run as root.
as_postgres() {
    if [ "$(id -u)" -eq 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi
}

stop() {
    as_postgres "$postgres/pg_ctl" -D "$folder/postgres" -m immediate stop >/dev/null 2>&1 || true
    [ -z "${moto:-}" ] || kill "$moto" 2>/dev/null || true
    rm -rf "$folder"
}
trap stop EXIT

[ -x "$tools/bin/moto_server" ] || { echo "no S3 server here: run tests/system.sh" >&2; exit 1; }
[ "$(id -u)" -ne 0 ] || chown postgres "$folder"
port=$(free_port)
as_postgres "$postgres/initdb" -D "$folder/postgres" --username chandlery --auth trust --encoding UTF8 --locale C.UTF-8 >/dev/null
as_postgres "$postgres/pg_ctl" -D "$folder/postgres" -l "$folder/postgres.log" -w start \
    -o "-p $port -c listen_addresses=127.0.0.1 -c unix_socket_directories=$folder -c max_connections=500" >/dev/null

s3_port=$(free_port)
"$tools/bin/moto_server" -H 127.0.0.1 -p "$s3_port" >"$folder/s3.log" 2>&1 &
moto=$!
export CHANDLERY_TEST_POSTGRES=postgres://chandlery@127.0.0.1:$port
export AWS_ENDPOINT=http://127.0.0.1:$s3_port AWS_REGION=us-east-1 AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test
# It may take long to begin: it is a program in Python.
until curl -sf -X PUT "$AWS_ENDPOINT/chandlery" >/dev/null; do
    kill -0 "$moto" 2>/dev/null && [ $SECONDS -lt 300 ] || { cat "$folder/s3.log" >&2; echo "the S3 server did not start" >&2; exit 1; }
    sleep 0.1
done
"$@"
