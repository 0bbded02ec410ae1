-- staging.own_records
-- Which records of extensions' own logs count: those of days that the company's log does not hold, each conversation from one log.
--
-- grain: one record of main.extension_call_log that counts
-- key: account_id, start_date, record_key
-- unit: day
-- reads: main.call_log, main.extension_call_log
-- caveats: a conversation (the records of one telephony session, else session, else the record alone) is in the log of everybody who took
--   part; the records of one log stand for it: of the one with the most records and legs of it, then the earliest start, then the
--   lowest extension id. A conversation whose records start on both sides of midnight (UTC) in different logs counts on both days.
--   Records that are deleted, or that the company's log holds on the day or one beside it, do not count.
-- columns:
--   account_id: RingCentral account, from the path
--   start_date: UTC day of the call, from the path
--   record_key: key of log and record in main.extension_call_log
with own_logs as (
    -- Which conversation a record is of, and whose log has how much of it.
    select
        account_id,
        start_date,
        record_key,
        coalesce(owner_extension_id, record_key) as log_owner,
        coalesce(telephony_session_id, nullif(session_id, '0'), id) as conversation,
        sum(1 + coalesce(len(legs), 0)) over one_log as extent,
        min(start_time) over one_log as began_at
    from main.extension_call_log as own
    where not coalesce(deleted, false)
        and not exists (
            select 1 from main.call_log as company where company.account_id = own.account_id and company.start_date = own.start_date
        )
        -- Nor a call that moved over midnight after the company's log was read.
        and not exists (
            select 1 from main.call_log as company
            where company.account_id = own.account_id and company.id = own.id
                and company.start_date between own.start_date - 1 and own.start_date + 1
        )
    window one_log as (
        partition by account_id, start_date, coalesce(telephony_session_id, nullif(session_id, '0'), id),
            coalesce(owner_extension_id, record_key)
    )
)
select account_id, start_date, record_key
from own_logs
qualify log_owner = first(log_owner) over (
    partition by account_id, start_date, conversation
    order by extent desc, began_at, try_cast(log_owner as bigint) nulls last, log_owner
);
