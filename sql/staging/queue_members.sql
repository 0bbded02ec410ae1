-- staging.queue_members
-- Who was a member of which call queue on each day with a snapshot.
--
-- grain: one member of one queue on one day with a snapshot
-- key: account_id, snapshot_date, queue_id, extension_id
-- unit: all
-- reads: main.call_queues
-- caveats: whether a member took calls of the queue at a moment is not known; the snapshot has the list alone.
-- columns:
--   account_id: RingCentral account, from the path
--   snapshot_date: day of the snapshot, from the path [UTC]
--   queue_id: extension id of the queue
--   extension_id: extension id of the member
--   extension_number: short number of the member
with members as (
    select distinct
        account_id,
        start_date,
        id,
        unnest(members) as member
    from main.call_queues
)
select
    account_id,
    start_date as snapshot_date,
    id as queue_id,
    member.id as extension_id,
    member.extension_number as extension_number
from members;
