#!/bin/sh
# The entry point of the test's Postgres image: as much of the public image's contract as compose.yaml relies on.
set -eu
data=$PGDATA
if [ "$(id -u)" = 0 ]; then
    mkdir -p "$data"
    chown postgres:postgres "$data" /var/run/postgresql
    chmod 700 "$data"
    exec setpriv --reuid=postgres --regid=postgres --clear-groups "$0" "$@"
fi
umask 077
if [ ! -s "$data/PG_VERSION" ]; then
    initdb --pgdata="$data" --username="$POSTGRES_USER" --pwfile="$POSTGRES_PASSWORD_FILE" \
        --auth=scram-sha-256 --encoding=UTF8 --locale=C
    echo "host all all all scram-sha-256" >>"$data/pg_hba.conf"
    PGPASSWORD=$(cat "$POSTGRES_PASSWORD_FILE")
    export PGPASSWORD
    pg_ctl --pgdata="$data" --options="-c listen_addresses=''" --wait start
    psql --username="$POSTGRES_USER" --dbname=postgres --command="CREATE DATABASE \"$POSTGRES_DB\""
    pg_ctl --pgdata="$data" --mode=fast --wait stop
    unset PGPASSWORD
fi
exec "$@" -D "$data" -c "listen_addresses=*"
