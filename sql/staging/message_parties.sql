-- staging.message_parties
-- Whom messages came from and went to, one row for each: the sender of an inbound one, every recipient of an outbound one.
--
-- grain: one message of one message store and one of its other ends
-- key: account_id, message_id, party_index
-- unit: day
-- reads: main.messages
-- caveats: as for staging.messages: one between colleagues is in the stores of both, under ids of their own. A message of which no other end
--   is known has one row without it.
-- columns:
--   account_id: RingCentral account, from the path
--   message_id: RingCentral's id of the message, that of the call log's message_id
--   party_index: place among the recipients, from 0; 0 for a sender
--   party_count: rows of the message [parties]
--   local_date: day on which the message was made, in the time zone of the marts
--   created_at: when the message was made [UTC]
--   created_ms: the same, as milliseconds since 1970 [ms]
--   kind: sms, mms (an SMS with attachments), fax, voicemail, pager or unknown
--   direction: inbound, outbound or unknown; the view of the store's owner
--   delivery: received, queued, sent, delivered, failed or unknown; to this recipient, where RingCentral says it
--   is_internal: whether both ends have an extension
--   external_phone_number: number of the party outside, verbatim, null for internal messages
--   external_digits: its digits alone, for joins, or the token that privacy put in its place; null if masked or withheld
--   is_number_masked: whether external_phone_number has digits blotted out (+1855201XXXX)
--   voicemail_s: length of a voicemail [s]
--   is_deleted: whether the message was deleted in RingCentral
with ends as (
    select
        *,
        timezone(coalesce(getvariable('timezone'), 'UTC'), creation_time) as local_creation_time,
        coalesce(lower(direction), '') = 'outbound' as is_outgoing,
        case when coalesce(lower(direction), '') = 'outbound' then greatest(coalesce(len("to"), 0), 1) else 1 end as ends
    from main.messages
),
numbered as (
    select *, unnest(range(ends)) as end_index
    from ends
),
parties as (
    select
        *,
        "to"[end_index + 1] as recipient,
        coalesce(from_extension_id, from_extension_number) is not null
            and coalesce("to"[end_index + 1].extension_id, "to"[end_index + 1].extension_number) is not null
            and (from_phone_number is null or "to"[end_index + 1].phone_number is null) as between_extensions
    from numbered
),
outside as (
    select
        *,
        case when between_extensions then null when is_outgoing then recipient.phone_number else from_phone_number end as outside_number,
        lower(case when is_outgoing then coalesce(recipient.message_status, message_status) else message_status end) as status
    from parties
)
select
    account_id,
    id as message_id,
    end_index as party_index,
    ends as party_count,
    cast(local_creation_time as date) as local_date,
    creation_time as created_at,
    epoch_ms(creation_time) as created_ms,
    case
        when lower(type) in ('sms', 'text') and coalesce(len(list_filter(attachments, lambda a: lower(a.type) = 'mmsattachment')), 0) > 0 then 'mms'
        when lower(type) in ('sms', 'text') then 'sms'
        when lower(type) in ('fax', 'voicemail', 'pager') then lower(type)
        else 'unknown'
    end as kind,
    case when lower(direction) in ('inbound', 'outbound') then lower(direction) else 'unknown' end as direction,
    case
        when status in ('received', 'queued', 'sent', 'delivered') then status
        when status in ('deliveryfailed', 'sendingfailed') then 'failed'
        else 'unknown'
    end as delivery,
    between_extensions as is_internal,
    outside_number as external_phone_number,
    case
        when regexp_matches(outside_number, '^(hmac|erased):') then outside_number
        when not coalesce(regexp_matches(outside_number, '[Xx*]{2}'), false)
        then nullif(regexp_replace(outside_number, '[^0-9]', '', 'g'), '')
    end as external_digits,
    coalesce(regexp_matches(outside_number, '[Xx*]{2}') and not regexp_matches(outside_number, '^(hmac|erased):'), false) as is_number_masked,
    list_max(list_transform(attachments, lambda a: a.vm_duration)) as voicemail_s,
    coalesce(lower(availability), 'alive') <> 'alive' as is_deleted
from outside;
