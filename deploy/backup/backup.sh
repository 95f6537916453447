#!/bin/sh
# Copy a PostgreSQL server with the three databases, as they were at one instant, while the engine runs: docs/backup.md.
#   deploy/backup/backup.sh DSN FOLDER      DSN: of a role that may replicate, on the server of all three databases
# PG_BIN names the folder of pg_basebackup and pg_verifybackup, if they are not on the PATH. FOLDER must not exist.
set -eu
[ $# -eq 2 ] || { sed -n '2,4p' "$0" >&2; exit 2; }
dsn=$1 folder=$2
[ ! -e "$folder" ] || { echo "$folder exists; a backup goes to a folder of its own" >&2; exit 2; }
PATH=${PG_BIN:+$PG_BIN:}$PATH

# One cluster has one log, so one copy of it holds one instant of all three databases. Dumps of each, one after the other,
# would hold a settlement in one that another has not heard of yet.
pg_basebackup --dbname="$dsn" --pgdata="$folder.part" --wal-method=stream --checkpoint=fast --no-password
pg_verifybackup --quiet "$folder.part"
mv "$folder.part" "$folder"
echo "backup of $(date -u +%Y-%m-%dT%H:%M:%SZ) in $folder, verified"
