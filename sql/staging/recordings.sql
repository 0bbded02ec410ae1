-- staging.recordings
-- Recordings of calls, one row each: what became of the audio, and where it lies.
--
-- grain: one recording that a call names
-- key: account_id, recording_id
-- unit: day
-- reads: main.recordings
-- caveats: the audio itself is an object beside the table, under audio_object within the lake. A recording is one row also where several calls
--   name it: call_id is the earliest. Join staging.calls by recording_id to have all of them. What was not asked for yet, or may yet
--   come, has no row.
-- columns:
--   account_id: RingCentral account, from the path
--   start_date: day of call_started_at in UTC, from the path
--   recording_id: RingCentral's id of the recording
--   call_id: earliest call that names it
--   call_started_at: when that call began [UTC]
--   local_call_started_at: the same, on the clocks of the time zone [local time]
--   local_date: day of local_call_started_at
--   recording_type: Automatic or OnDemand, as sent
--   state: held, gone (RingCentral does not have it any more), erased (somebody in it was erased) or redacted (by a privacy policy)
--   audio_object: key of the audio in the lake
--   content_type: MIME type of the audio
--   audio_bytes: size of the audio [bytes]
--   audio_sha256: SHA-256 of the audio, in hexadecimal
--   fetched_at: when the audio was in the lake [UTC]
--   gone_at: when RingCentral said that it does not have it any more [UTC]
--   erased_at: when it was removed, or left out, for an erased person [UTC]
with placed as (
    select
        *,
        timezone(coalesce(getvariable('timezone'), 'UTC'), start_time) as local_start_time
    from main.recordings
)
select
    account_id,
    start_date,
    id as recording_id,
    call_id,
    start_time as call_started_at,
    local_start_time as local_call_started_at,
    cast(local_start_time as date) as local_date,
    type as recording_type,
    case
        when erased_at is not null then 'erased'
        when object is not null then 'held'
        when gone_at is not null then 'gone'
        else 'redacted'
    end as state,
    object as audio_object,
    content_type,
    bytes as audio_bytes,
    sha256 as audio_sha256,
    fetched_at,
    gone_at,
    erased_at
from placed;
