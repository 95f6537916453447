#!/bin/sh
# Make the data of a new PostgreSQL server from a backup: docs/backup.md says what comes before and after it.
#   deploy/backup/restore.sh FOLDER DATA    DATA: the new server's data folder; it must not exist
# PG_BIN names the folder of pg_verifybackup, if it is not on the PATH.
set -eu
[ $# -eq 2 ] || { sed -n '2,4p' "$0" >&2; exit 2; }
folder=$1 data=$2
[ ! -e "$data" ] || { echo "$data exists; a backup is restored beside what there was, never over it" >&2; exit 2; }
[ ! -e "$data.part" ] || { echo "$data.part is half a copy, of a restoration that did not end: remove it" >&2; exit 2; }
PATH=${PG_BIN:+$PG_BIN:}$PATH

pg_verifybackup --quiet "$folder"
mkdir "$data.part"
cp -R -p "$folder/." "$data.part"  # what is in it: of a link to a backup, cp would copy the link
chmod 0700 "$data.part"
# Services ask for it, and refuse to start beside topics that hold what these databases have never heard of.
echo "settle.restored = '$(date -u +%Y-%m-%dT%H:%M:%SZ)'" >> "$data.part/postgresql.auto.conf"
mv "$data.part" "$data"
echo "restored to $data; empty the topics of Kafka: no service starts on it before"
