-- audits.extension_daily_adds_up
-- In marts.extension_daily, inbound calls are the sum of their outcomes.
--
-- grain: one account, local day and extension whose sums differ
-- reads: marts.extension_daily
-- caveats: holds by construction, whatever the data; it fails only if a model is changed wrongly.
-- remedy: report it; the model extension_daily is wrong, not the data
-- columns:
--   account_id: RingCentral account
--   local_date: day on which the calls started
--   extension_id: the extension
--   inbound: inbound calls [calls]
--   outcomes: sum of their outcomes [calls]
select
    account_id,
    local_date,
    extension_id,
    inbound,
    answered + missed + voicemail + answered_elsewhere + inbound_other as outcomes
from marts.extension_daily
where inbound <> answered + missed + voicemail + answered_elsewhere + inbound_other;
