#!/bin/sh
# The databases and roles of an installation: of each service an owner of its tables and one that only works there, and the
# auditor, who reads. Run once by the image of postgres, as its superuser; by hand: with PGHOST, PGUSER and the passwords.
set -eu
psql --quiet --no-psqlrc --set=ON_ERROR_STOP=1 --dbname=postgres <<SQL
create role settle_auditor login password '$SETTLE_AUDITOR_PASSWORD';
grant pg_read_all_data to settle_auditor;
SQL
for service in order credit_ledger card_redemption; do
    upper=$(echo "$service" | tr '[:lower:]' '[:upper:]')
    eval "working=\$SETTLE_${upper}_PASSWORD owning=\$SETTLE_${upper}_OWNER_PASSWORD"
    psql --quiet --no-psqlrc --set=ON_ERROR_STOP=1 --dbname=postgres <<SQL
create role settle_${service}_owner login password '$owning';
create role settle_${service} login password '$working';
create database "$service" owner settle_${service}_owner;
revoke all on database "$service" from public;
grant connect on database "$service" to settle_${service}, settle_auditor;
grant temporary on database "$service" to settle_auditor;
\connect "$service"
alter schema public owner to settle_${service}_owner;
SQL
done
