-- intermediate.interactions
-- Everything that went between the company and somebody, from call log and message store, each thing once.
--
-- grain: one call, or one message and one of its other ends
-- key: account_id, source, source_id, party_index
-- unit: day -1 +1
-- reads: staging.calls, staging.message_parties
-- caveats: the call log and the message store are joined by the id of the message that a call names, within 24 hours. Of a message to several
--   the number must be the same, too. A fax of both is the message, on its day. A call that ended in a voicemail box is a call, and the
--   voicemail is another thing.
-- columns:
--   account_id: RingCentral account
--   local_date: day on which it began or was made, in the time zone of the mart
--   source: call_log or message_store
--   source_id: id of the call or the message
--   party_index: place among the recipients of a message, 0 for all else
--   kind: call, fax, sms, mms, voicemail, pager or unknown
--   direction: inbound, outbound or unknown
--   contact: digits of the number outside, or the token that privacy put in its place; else masked, internal or withheld
--   status: what became of it: of calls the outcome, of all else received, queued, sent, delivered, failed or unknown
--   seen_in: call_log, message_store or both
--   duration_s: length of a call or voicemail, 0 for all else and where not known [s]
with named as (
    select
        account_id,
        call_id,
        local_date,
        start_ms,
        is_fax,
        case when lower(direction) in ('inbound', 'outbound') then lower(direction) else 'unknown' end as direction,
        case
            when external_digits is not null then external_digits
            when is_number_masked then 'masked'
            when is_internal then 'internal'
            else 'withheld'
        end as contact,
        external_digits,
        outcome,
        message_id,
        coalesce(duration_s, 0) as duration_s
    from staging.calls
),
pairs as (
    select
        named.account_id,
        named.call_id,
        parties.message_id,
        parties.party_index
    from named
    inner join staging.message_parties as parties
        on parties.account_id = named.account_id and parties.message_id = named.message_id
        and abs(parties.created_ms - named.start_ms) <= 86400000
        and (parties.party_count = 1 or parties.external_digits = named.external_digits)
),
paired_calls as (
    select distinct account_id, call_id
    from pairs
),
paired_parties as (
    select distinct account_id, message_id, party_index
    from pairs
)
select
    named.account_id,
    named.local_date,
    'call_log' as source,
    named.call_id as source_id,
    0 as party_index,
    case when named.is_fax then 'fax' else 'call' end as kind,
    named.direction,
    named.contact,
    case
        when named.is_fax and named.outcome = 'fax_ok' and named.direction = 'inbound' then 'received'
        when named.is_fax and named.outcome = 'fax_ok' then 'sent'
        when named.is_fax and named.outcome = 'fax_failed' then 'failed'
        when named.is_fax then 'unknown'
        else named.outcome
    end as status,
    'call_log' as seen_in,
    case when named.is_fax then 0 else named.duration_s end as duration_s
from named
left join paired_calls
    on paired_calls.account_id = named.account_id and paired_calls.call_id = named.call_id
where not named.is_fax or paired_calls.call_id is null

union all

select
    parties.account_id,
    parties.local_date,
    'message_store' as source,
    parties.message_id as source_id,
    parties.party_index,
    parties.kind,
    parties.direction,
    case
        when parties.external_digits is not null then parties.external_digits
        when parties.is_number_masked then 'masked'
        when parties.is_internal then 'internal'
        else 'withheld'
    end as contact,
    parties.delivery as status,
    case when paired_parties.message_id is not null then 'both' else 'message_store' end as seen_in,
    coalesce(parties.voicemail_s, 0) as duration_s
from staging.message_parties as parties
left join paired_parties
    on paired_parties.account_id = parties.account_id and paired_parties.message_id = parties.message_id
    and paired_parties.party_index = parties.party_index;
