-- audits.recovery_follows
-- Whoever called back did so after the missed call and within the days that count, and all missed calls are there.
--
-- grain: one missed conversation that breaks it
-- reads: marts.missed_recovery, marts.sessions
-- caveats: holds by construction, whatever the data; it fails only if a model is changed wrongly.
-- remedy: report it; the model missed_recovery is wrong, not the data
-- columns:
--   account_id: RingCentral account
--   session_key: the missed conversation
--   missed_at: when it started [UTC]
--   called_back_s: time until the call back [s]
select
    sessions.account_id,
    sessions.session_key,
    sessions.start_at as missed_at,
    recovery.called_back_s
from marts.sessions as sessions
left join marts.missed_recovery as recovery
    on recovery.account_id = sessions.account_id and recovery.session_key = sessions.session_key
where lower(sessions.direction) = 'inbound'
    and not sessions.is_internal
    and sessions.call_type <> 'Fax'
    and sessions.outcome in ('missed', 'abandoned', 'voicemail')
    and (
        recovery.session_key is null
        or recovery.called_back_s < 0
        or recovery.called_back_s > 86400 * recovery.within_days
        or recovery.returned_at < recovery.missed_at
        or recovery.tried_at > recovery.called_back_at
    );
