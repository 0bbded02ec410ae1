-- staging.rate_card
-- What contacts are charged for calls, as the configuration says.
--
-- grain: one rate card: of one contact, or the default one, over some time
-- key: card_contact_id, valid_from
-- unit: day
-- reads: settings.rate_card
-- settings: rate_card
-- caveats: cards of one contact do not overlap in time. All accounts of the lake have the same ones.
-- columns:
--   card_contact_id: contact of staging.contact_map whose card it is; empty for the default card
--   currency: code of ISO 4217
--   rate_per_minute: rate, to four digits [currency a minute]
--   rate_e4: the same in ten-thousandths, as a whole number [0.0001 currency a minute]
--   step_e4: the least amount that the currency has, in ten-thousandths of it [0.0001 currency]
--   initial_s: what a call is charged for at least, once it is charged [s]
--   increment_s: beyond that, seconds are rounded up to whole increments [s]
--   minimum_s: likewise least seconds that are charged, after rounding [s]
--   grace_s: calls that take no longer are free [s]
--   is_internal_free: whether calls between extensions are free
--   is_missed_free: whether calls that nobody answered are free
--   is_voicemail_free: whether calls that ended in a voicemail box are free
--   rounding_rule: how seconds are rounded, in words
--   valid_from: first local date of the card; 0001-01-01 without a bound
--   valid_to: last local date of the card; 9999-12-31 without a bound
select
    coalesce(contact_id, '') as card_contact_id,
    currency,
    rate_per_minute,
    cast(rate_per_minute * 10000 as bigint) as rate_e4,
    cast(10 ** (4 - currency_digits) as bigint) as step_e4,
    initial_s,
    increment_s,
    minimum_s,
    grace_s,
    is_internal_free,
    is_missed_free,
    is_voicemail_free,
    'first ' || initial_s || ' s, then by ' || increment_s || ' s'
        || case when minimum_s > initial_s then ', at least ' || minimum_s || ' s' else '' end
        || case when grace_s > 0 then ', up to ' || grace_s || ' s free' else '' end as rounding_rule,
    coalesce(valid_from, date '0001-01-01') as valid_from,
    coalesce(valid_to, date '9999-12-31') as valid_to
from settings.rate_card;
