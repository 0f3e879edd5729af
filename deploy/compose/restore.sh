#!/usr/bin/env bash
# Puts a backup back: restore.sh FOLDER. For a machine on which compose.yaml has kept nothing yet; where it has,
# `docker compose -f deploy/compose.yaml down --volumes` throws that away. Run it again where it was broken off.
set -euo pipefail
umask 077
[ $# = 1 ] && [ -d "$1" ] || { echo "usage: restore.sh FOLDER" >&2; exit 2; }
folder=$(cd "$1" && pwd)
cd "$(dirname "$0")/.."

compose() { docker compose -f compose.yaml "$@"; }

# What is there must be what was kept.
put_back() {
    if [ ! -e "$2" ]; then
        cp -R "$1" "$2"
    elif ! diff -r "$2" "$1" > /dev/null; then
        echo "deploy/$2 is another one than in the backup: move it away" >&2
        exit 1
    fi
}

put_back "$folder/secrets" secrets
# In a folder that is closed to others they are open, since they are read in containers by other users (secrets.sh).
chmod 444 secrets/*
if [ -e "$folder/env" ]; then put_back "$folder/env" .env; fi

compose stop proxy api worker temporal temporal-ui
compose up -d --wait postgresql mongodb-1 mongodb-2 mongodb-3
compose run --rm mongodb-init
for database in temporal temporal_visibility; do
    compose exec -T postgresql dropdb -U temporal --if-exists --force "$database"
    compose exec -T postgresql createdb -U temporal "$database"
    compose exec -T postgresql pg_restore -U temporal --exit-on-error -d "$database" < "$folder/$database.pgdump"
done
# shellcheck disable=SC2016 # the password is read in the container
compose exec -T mongodb-1 bash -c 'exec mongorestore --quiet --oplogReplay --drop --archive --gzip --uri \
    "mongodb://root:$(cat /run/secrets/mongodb-root-password)@mongodb-1,mongodb-2,mongodb-3/?replicaSet=rs0&authSource=admin"' \
    < "$folder/mongodb.archive"
compose run --rm -T --no-deps --entrypoint tar api -C /state/snapshots -xf - < "$folder/snapshots.tar"
compose up -d --wait
echo "what was kept in $folder runs again"
