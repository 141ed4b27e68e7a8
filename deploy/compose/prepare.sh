#!/bin/sh
# Makes what compose.yaml reads and no repository holds: .env (from .env.example) and secrets/. What is there already stays.
#
#   deploy/compose/prepare.sh [DIRECTORY]
#
# DIRECTORY is where they go; without it, beside compose.yaml.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
to=${1:-$here}
umask 077
mkdir -p "$to/secrets"
# Nobody else of this machine gets into the directory. A container sees one file of it, as whichever user it runs.
chmod 700 "$to/secrets"

[ -f "$to/.env" ] || cp "$here/.env.example" "$to/.env"

# keep NAME TEXT: writes a secret that is not there yet.
keep() {
    [ -e "$to/secrets/$1" ] || printf '%s' "$2" >"$to/secrets/$1"
    chmod 444 "$to/secrets/$1"
}

# 32 random bytes as 64 digits.
random() {
    od -An -tx1 -N32 /dev/urandom | tr -d ' \n'
}

for name in postgres-password gateway-token worker-token code-pepper secrets-key admin-password grafana-password; do
    keep "$name" "$(random)"
done
keep postgres-dsn \
    "postgres://galaxy:$(cat "$to/secrets/postgres-password")@postgres:5432/galaxy?search_path=backend&sslmode=disable"
# Empty until a relay wants a login; .env then names it as BACKEND_SMTP_PASSWORD_FILE.
keep smtp-password ''

# What the demo game is told: where the platform is, as seen from its network, and the gateway's and administrator's credentials.
user=$(sed -n 's/^BACKEND_ADMIN_BOOTSTRAP_USER=\(..*\)/\1/p' "$to/.env")
keep stack.json "{
  \"rest\": [\"http://api-server.platform:8080\"],
  \"grpc\": [\"http://api-server.platform:8081\"],
  \"ops\": [],
  \"mail_page\": \"http://mail-catcher:8025\",
  \"smtp\": \"mail-catcher:1025\",
  \"postgres_dsn\": \"\",
  \"gateway_token\": \"$(cat "$to/secrets/gateway-token")\",
  \"worker_token\": \"\",
  \"admin_user\": \"${user:-root}\",
  \"admin_password\": \"$(cat "$to/secrets/admin-password")\",
  \"admin_email\": \"ops@galaxy.example\",
  \"driver\": \"docker\",
  \"docker_host\": null,
  \"instance\": \"galaxy\",
  \"engine_version\": \"1.0.0\",
  \"engine_image\": \"galaxy-engine:1.0.0\"
}"
