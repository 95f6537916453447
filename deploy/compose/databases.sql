create database "order";
create database credit_ledger;
create database card_redemption;
