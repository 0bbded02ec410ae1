-- audits.reconciliation_adds_up
-- Every call and every message is in marts.reconciliation_daily once, and every fax once, however many places have it.
--
-- grain: one account and local day whose sums differ
-- reads: marts.reconciliation_daily, staging.calls, staging.message_parties
-- caveats: holds by construction, whatever the data; it fails only if a model is changed wrongly.
-- remedy: report it; a model of interactions is wrong, not the data
-- columns:
--   account_id: RingCentral account
--   local_date: day on which things began or were made
--   calls: calls, and faxes that only the call log has, in staging.calls [calls]
--   messages: messages by their other ends in staging.message_parties [interactions]
--   from_call_log: of the mart, those that only the call log has [interactions]
--   from_message_store: of the mart, all others [interactions]
with parties as (
    select account_id, message_id, party_count, external_digits, created_ms, local_date
    from staging.message_parties
),
counted as (
    select account_id, local_date, 1 as calls, 0 as messages, 0 as from_call_log, 0 as from_message_store
    from staging.calls as calls
    where not is_fax or not exists (
        select 1
        from parties
        where parties.account_id = calls.account_id and parties.message_id = calls.message_id
            and parties.created_ms between calls.start_ms - 86400000 and calls.start_ms + 86400000
            and (parties.party_count = 1 or parties.external_digits = calls.external_digits)
    )

    union all

    select account_id, local_date, 0 as calls, 1 as messages, 0 as from_call_log, 0 as from_message_store
    from parties

    union all

    select
        account_id,
        local_date,
        0 as calls,
        0 as messages,
        case when seen_in = 'call_log' then interactions else 0 end as from_call_log,
        case when seen_in = 'call_log' then 0 else interactions end as from_message_store
    from marts.reconciliation_daily
)
select
    account_id,
    local_date,
    sum(calls) as calls,
    sum(messages) as messages,
    sum(from_call_log) as from_call_log,
    sum(from_message_store) as from_message_store
from counted
group by account_id, local_date
having sum(calls) <> sum(from_call_log) or sum(messages) <> sum(from_message_store);
