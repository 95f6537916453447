-- What the role of card_redemption may do beside what services/runtime/grants.sql says, which tells how it is applied.
-- Versions of channels are only added to; of a code only its wrapping changes, of an attempt only its place in the record.
grant insert, update, delete on notices to :"service";
grant insert, update on sagas to :"service";
grant insert on channel_versions to :"service";
grant insert, update (key_version, wrapped_key) on card_codes to :"service";
grant insert, update (volume, number, link) on attempts to :"service";
grant insert, update (attempts, attempts_head) on record_volumes to :"service";
grant insert, update on gift_cards, card_tenders, merchant_shares, channels, calendars, redemption_orders, freeze_cases,
    redeemers, enterprise_agreements, agreement_years, revocation_batches, disputes to :"service";
