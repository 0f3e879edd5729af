#!/bin/sh
# Makes Temporal's two databases and brings their schemas up to date. May be run again at any time.
set -eu
SQL_PASSWORD=$(cat /run/secrets/postgresql-password)
export SQL_PASSWORD

for name in temporal temporal_visibility; do
    kind=${name#temporal_}
    temporal-sql-tool --db "$name" create
    temporal-sql-tool --db "$name" setup-schema -v 0.0
    temporal-sql-tool --db "$name" update-schema -d "/etc/temporal/schema/postgresql/v12/$kind/versioned"
done
