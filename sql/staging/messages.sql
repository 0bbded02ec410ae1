-- staging.messages
-- Messages as they stand now, one row each: SMS, MMS, faxes, voicemails and pager messages of every extension's message store.
--
-- grain: one message of one message store
-- key: account_id, message_id
-- unit: day
-- reads: main.messages
-- caveats: a message between colleagues is in the sender's store and in that of each recipient, under ids of their own: who counts
--   messages of the company counts one direction. What was deleted in RingCentral stays here, as it was last seen, since it was sent or
--   received all the same. delivery is a reading of message_status, without regard to case; values that are new are unknown.
--   The faxes and voicemails of the call log are here under message_id.
-- columns:
--   account_id: RingCentral account, from the path
--   start_date: day of created_at in UTC, from the path
--   message_id: RingCentral's id of the message, that of the call log's message_id
--   extension_id: extension whose message store has it
--   created_at: when the message was made [UTC]
--   local_created_at: the same, on the clocks of the time zone [local time]
--   local_date: day of local_created_at
--   message_type: SMS, Fax, VoiceMail or Pager, as sent
--   kind: sms, mms (an SMS with attachments), fax, voicemail, pager or unknown
--   direction: Inbound or Outbound, as sent; the view of the store's owner
--   message_status: Queued, Sent, Delivered, DeliveryFailed, SendingFailed or Received, as sent
--   delivery: received, queued, sent, delivered, failed or unknown
--   is_internal: whether sender and first recipient both have an extension
--   from_phone_number: number of the sender, verbatim
--   from_extension_id: extension id of the sender
--   from_name: name of the sender
--   to_phone_number: number of the first recipient, verbatim
--   to_extension_id: extension id of the first recipient
--   to_name: name of the first recipient
--   recipient_count: recipients [recipients]
--   external_phone_number: number of the party outside, verbatim, null for internal messages
--   external_digits: its digits alone, for joins, or the token that privacy put in its place; null if masked or withheld
--   conversation_id: conversation that it belongs to
--   subject: text of the message, perhaps cut
--   delivery_error_code: why it was not delivered, as sent
--   fax_error_code: why the fax did not reach its first recipient, as sent
--   segment_count: segments of an SMS, each of which is charged [segments]
--   fax_page_count: pages of a fax [pages]
--   voicemail_s: length of a voicemail [s]
--   attachment_count: attachments [attachments]
--   read_status: Read or Unread, as sent
--   transcription_status: state of a voicemail's transcription, as sent
--   availability: Alive, Deleted or Purged, as sent
--   is_deleted: whether it was deleted in RingCentral
--   last_modified_at: when RingCentral last changed the message [UTC]
with parties as (
    select
        *,
        timezone(coalesce(getvariable('timezone'), 'UTC'), creation_time) as local_creation_time,
        "to"[1] as recipient,
        coalesce(lower(direction), '') = 'outbound' as is_outgoing,
        list_max(list_transform(attachments, lambda a: a.vm_duration)) as longest_s
    from main.messages
),
sides as (
    select
        *,
        coalesce(from_extension_id, from_extension_number) is not null
            and coalesce(recipient.extension_id, recipient.extension_number) is not null
            and (from_phone_number is null or recipient.phone_number is null) as between_extensions
    from parties
),
outside as (
    select
        *,
        case
            when between_extensions then null
            when is_outgoing then recipient.phone_number
            else from_phone_number
        end as outside_number
    from sides
)
select
    account_id,
    start_date,
    id as message_id,
    extension_id,
    creation_time as created_at,
    local_creation_time as local_created_at,
    cast(local_creation_time as date) as local_date,
    type as message_type,
    case
        when lower(type) in ('sms', 'text') and coalesce(len(list_filter(attachments, lambda a: lower(a.type) = 'mmsattachment')), 0) > 0 then 'mms'
        when lower(type) in ('sms', 'text') then 'sms'
        when lower(type) in ('fax', 'voicemail', 'pager') then lower(type)
        else 'unknown'
    end as kind,
    direction,
    message_status,
    case
        when lower(message_status) in ('received', 'queued', 'sent', 'delivered') then lower(message_status)
        when lower(message_status) in ('deliveryfailed', 'sendingfailed') then 'failed'
        else 'unknown'
    end as delivery,
    between_extensions as is_internal,
    from_phone_number,
    from_extension_id,
    from_name,
    recipient.phone_number as to_phone_number,
    recipient.extension_id as to_extension_id,
    recipient.name as to_name,
    coalesce(len("to"), 0) as recipient_count,
    outside_number as external_phone_number,
    case
        when regexp_matches(outside_number, '^(hmac|erased):') then outside_number
        when not coalesce(regexp_matches(outside_number, '[Xx*]{2}'), false)
        then nullif(regexp_replace(outside_number, '[^0-9]', '', 'g'), '')
    end as external_digits,
    conversation_id,
    subject,
    delivery_error_code,
    recipient.fax_error_code as fax_error_code,
    segment_count,
    fax_page_count,
    longest_s as voicemail_s,
    coalesce(len(attachments), 0) as attachment_count,
    read_status,
    vm_transcription_status as transcription_status,
    availability,
    coalesce(lower(availability), 'alive') <> 'alive' as is_deleted,
    last_modified_time as last_modified_at
from outside;
