#!/bin/bash
# Makes the three servers one replica set, and the service's user in it. May be run again at any time.
set -euo pipefail
root="mongodb://root:$(cat /run/secrets/mongodb-root-password)@"

first="${root}mongodb-1/?authSource=admin&directConnection=true"

# It is started twice the first time, and is away in between.
until mongosh --quiet "$first" --eval 'db.adminCommand("ping")' > /dev/null 2>&1; do sleep 1; done
mongosh --quiet "$first" --eval '
try {
    rs.status();
} catch (error) {
    if (error.codeName !== "NotYetInitialized") throw error;
    const hosts = ["mongodb-1:27017", "mongodb-2:27017", "mongodb-3:27017"];
    rs.initiate({ _id: "rs0", members: hosts.map((host, number) => ({ _id: number, host })) });
}'

# Whichever is the primary by now takes the writes.
mongosh --quiet "${root}mongodb-1,mongodb-2,mongodb-3/admin?replicaSet=rs0&authSource=admin" --eval '
if (db.getUser("provisioning") === null) {
    db.createUser({
        user: "provisioning",
        pwd: fs.readFileSync("/run/secrets/mongodb-password", "utf8").trim(),
        roles: [{ role: "readWrite", db: "provisioning" }],
    });
}'
