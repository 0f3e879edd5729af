#!/usr/bin/env bash
# A backup of what compose.yaml runs, while it runs: backup.sh FOLDER. The folder appears when all of it is there.
set -euo pipefail
umask 077
[ $# = 1 ] || { echo "usage: backup.sh FOLDER" >&2; exit 2; }
[ ! -e "$1" ] || { echo "$1 is there already" >&2; exit 1; }
mkdir -p "$(dirname "$1")"
folder=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
draft=$(mktemp -d "$folder.XXXXXX")
trap 'rm -rf "$draft"' EXIT
cd "$(dirname "$0")/.."

compose() { docker compose -f compose.yaml "$@"; }

# Temporal comes first. What it does not remember it does once more, and finds done; but what MongoDB forgot while
# Temporal holds it for written would be missing from the ledger for good.
for database in temporal temporal_visibility; do
    compose exec -T postgresql pg_dump -U temporal --format custom "$database" > "$draft/$database.pgdump"
done
# shellcheck disable=SC2016 # the password is read in the container
compose exec -T mongodb-1 bash -c 'exec mongodump --quiet --oplog --archive --gzip --uri \
    "mongodb://root:$(cat /run/secrets/mongodb-root-password)@mongodb-1,mongodb-2,mongodb-3/?replicaSet=rs0&authSource=admin"' \
    > "$draft/mongodb.archive"
compose exec -T api tar -C /state/snapshots -cf - . > "$draft/snapshots.tar"
# Without these keys what is sealed in the database stays sealed, and the servers shut.
cp -R secrets "$draft/secrets"
# Keys may stand here, too: without PROVISIONING_PAYLOAD_KEYS nobody reads what Temporal holds.
if [ -e .env ]; then cp .env "$draft/env"; fi

mv -T "$draft" "$folder"
trap - EXIT
echo "the backup is in $folder"
