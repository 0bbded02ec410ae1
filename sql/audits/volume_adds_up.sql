-- audits.volume_adds_up
-- Every voice call started in one hour of its local day, in marts.volume_hourly and marts.heatmap, and no hour is busier than it can be.
--
-- grain: one account and local day whose sums differ
-- reads: marts.heatmap, marts.volume_hourly, staging.calls
-- caveats: holds by construction, whatever the data; it fails if a model is changed wrongly, or a time zone has an offset that is no
--   multiple of 15 minutes.
-- remedy: report it with the time zone; a model of hours is wrong, not the data
-- columns:
--   account_id: RingCentral account
--   local_date: day on which the calls started
--   staged: voice calls in staging.calls [calls]
--   hourly: calls in marts.volume_hourly [calls]
--   cells: calls in marts.heatmap [calls]
with counted as (
    select account_id, local_date, count(*) as staged, 0 as hourly, 0 as cells, 0 as too_busy
    from staging.calls
    where not is_fax
    group by account_id, local_date

    union all

    select
        account_id,
        local_date,
        0 as staged,
        sum(calls) as hourly,
        0 as cells,
        sum(case when occupied_s > peak_concurrency * length_s then 1 else 0 end) as too_busy
    from marts.volume_hourly
    group by account_id, local_date

    union all

    select account_id, local_date, 0 as staged, 0 as hourly, sum(calls) as cells, 0 as too_busy
    from marts.heatmap
    group by account_id, local_date
)
select account_id, local_date, sum(staged) as staged, sum(hourly) as hourly, sum(cells) as cells
from counted
group by account_id, local_date
having sum(staged) <> sum(hourly) or sum(staged) <> sum(cells) or sum(too_busy) > 0;
