#!/usr/bin/env bash
# Makes the secrets that compose.yaml and the Kubernetes files use, as files in one folder: deploy/secrets, or the
# argument. What is there stays, so it can be run again. Back the folder up: encryption-key opens what is in the
# database, ssh-key the servers.
set -euo pipefail
umask 077
folder=${1:-$(cd "$(dirname "$0")" && pwd)/secrets}
mkdir -p "$folder"
# The folder is closed to others; its files are open, since they are read in containers by other users.
chmod 700 "$folder"
cd "$folder"

# Takes the secret from standard input; whole or not at all.
keep() {
    if [ -e "$1" ]; then cat > /dev/null; return; fi
    cat > ".$1.new"
    [ -s ".$1.new" ] || { echo "$1 could not be made" >&2; exit 1; }
    chmod 444 ".$1.new"
    mv ".$1.new" "$1"
}

random() { openssl rand -hex 32; }

for name in admin-password jwt-secret encryption-key mongodb-password mongodb-root-password postgresql-password; do
    random | keep "$name"
done
openssl rand -base64 756 | keep mongodb-key
hosts=mongodb-1:27017,mongodb-2:27017,mongodb-3:27017
echo "mongodb://provisioning:$(cat mongodb-password)@$hosts/?replicaSet=rs0&authSource=admin" | keep mongodb-uri
if [ ! -e ssh-key ]; then
    rm -f .ssh-key .ssh-key.pub
    ssh-keygen -q -t ed25519 -N "" -C provisioning -f .ssh-key
    keep ssh-key < .ssh-key
    rm .ssh-key .ssh-key.pub
fi
echo "the secrets are in $folder"
