-- intermediate.session_calls
-- Which conversation each call record belongs to.
--
-- grain: one call
-- key: account_id, call_id
-- unit: day -1 +1
-- reads: intermediate.call_links, staging.calls
-- caveats: what ties records is inferred, see intermediate.call_links. Tied records are joined within half a day (from 00:00 or
--   12:00 UTC), if they are at most four others away from the first, and then with those of the half-day behind it: what starts
--   within twelve hours stays whole. What goes on longer is cut into several conversations, and they are marked. So a day depends
--   on the day before and the day after, whatever else is there.
-- columns:
--   account_id: RingCentral account
--   local_date: day on which the call started, in the time zone of the mart
--   call_id: RingCentral's id of the call record
--   session_key: id of the first call record of the conversation
--   is_cut: whether the conversation goes on in another one, because it is too long
with
-- Four times over: every link takes the smallest call that it has, every call the smallest that its links have.
link_1 as (
    select account_id, half_day, link, min(place) as smallest
    from intermediate.call_links as links
    group by account_id, half_day, link
),
call_1 as (
    select links.account_id, links.half_day, links.place, min(link_1.smallest) as smallest
    from intermediate.call_links as links
    inner join link_1
        on link_1.account_id = links.account_id and link_1.half_day = links.half_day and link_1.link = links.link
    group by links.account_id, links.half_day, links.place
),
link_2 as (
    select links.account_id, links.half_day, links.link, min(call_1.smallest) as smallest
    from intermediate.call_links as links
    inner join call_1
        on call_1.account_id = links.account_id and call_1.half_day = links.half_day and call_1.place = links.place
    group by links.account_id, links.half_day, links.link
),
call_2 as (
    select links.account_id, links.half_day, links.place, min(link_2.smallest) as smallest
    from intermediate.call_links as links
    inner join link_2
        on link_2.account_id = links.account_id and link_2.half_day = links.half_day and link_2.link = links.link
    group by links.account_id, links.half_day, links.place
),
link_3 as (
    select links.account_id, links.half_day, links.link, min(call_2.smallest) as smallest
    from intermediate.call_links as links
    inner join call_2
        on call_2.account_id = links.account_id and call_2.half_day = links.half_day and call_2.place = links.place
    group by links.account_id, links.half_day, links.link
),
call_3 as (
    select links.account_id, links.half_day, links.place, min(link_3.smallest) as smallest
    from intermediate.call_links as links
    inner join link_3
        on link_3.account_id = links.account_id and link_3.half_day = links.half_day and link_3.link = links.link
    group by links.account_id, links.half_day, links.place
),
link_4 as (
    select links.account_id, links.half_day, links.link, min(call_3.smallest) as smallest
    from intermediate.call_links as links
    inner join call_3
        on call_3.account_id = links.account_id and call_3.half_day = links.half_day and call_3.place = links.place
    group by links.account_id, links.half_day, links.link
),
call_4 as (
    select links.account_id, links.half_day, links.place, min(link_4.smallest) as smallest
    from intermediate.call_links as links
    inner join link_4
        on link_4.account_id = links.account_id and link_4.half_day = links.half_day and link_4.link = links.link
    group by links.account_id, links.half_day, links.place
),
grouped as materialized (
    select
        account_id,
        half_day,
        place,
        min(place) over (partition by account_id, half_day, smallest) as first_place
    from call_4
),
linked as materialized (
    select links.account_id, links.call_id, links.link, links.half_day, grouped.first_place
    from intermediate.call_links as links
    inner join grouped
        on grouped.account_id = links.account_id and grouped.half_day = links.half_day and grouped.place = links.place
),
linked_groups as materialized (
    select distinct account_id, link, half_day, first_place
    from linked
),
-- A group that goes on from the half-day before joins the first group there that does not itself go on from before.
going_on as materialized (
    select distinct
        later.account_id,
        later.half_day,
        later.first_place,
        earlier.first_place as earlier_place
    from linked_groups as later
    inner join linked_groups as earlier
        on earlier.account_id = later.account_id and earlier.link = later.link and earlier.half_day = later.half_day - 1
),
not_first as (
    select distinct account_id, half_day, first_place
    from going_on
),
joining as (
    select
        going_on.account_id,
        going_on.half_day,
        going_on.first_place,
        min(going_on.earlier_place) as earlier_place
    from going_on
    left join not_first
        on not_first.account_id = going_on.account_id
        and not_first.half_day = going_on.half_day - 1
        and not_first.first_place = going_on.earlier_place
    where not_first.first_place is null
    group by going_on.account_id, going_on.half_day, going_on.first_place
),
sessions as materialized (
    select
        linked.account_id,
        linked.call_id,
        linked.link,
        linked.half_day,
        case when joining.earlier_place is null then linked.half_day else linked.half_day - 1 end as session_half_day,
        coalesce(joining.earlier_place, linked.first_place) as session_place
    from linked
    left join joining
        on joining.account_id = linked.account_id and joining.half_day = linked.half_day and joining.first_place = linked.first_place
),
keys as (
    select distinct account_id, half_day as session_half_day, place as session_place, call_id as session_key
    from intermediate.call_links as links
),
linked_sessions as materialized (
    select distinct account_id, link, half_day, session_half_day, session_place
    from sessions
),
cut as (
    select distinct one.account_id, one.session_half_day, one.session_place
    from linked_sessions as one
    inner join linked_sessions as other
        on other.account_id = one.account_id and other.link = one.link
    where other.half_day between one.half_day - 1 and one.half_day + 1
        and (other.session_half_day <> one.session_half_day or other.session_place <> one.session_place)
),
belonging as (
    select distinct
        sessions.account_id,
        sessions.call_id,
        keys.session_key,
        cut.session_place is not null as is_cut
    from sessions
    inner join keys
        on keys.account_id = sessions.account_id
        and keys.session_half_day = sessions.session_half_day
        and keys.session_place = sessions.session_place
    left join cut
        on cut.account_id = sessions.account_id
        and cut.session_half_day = sessions.session_half_day
        and cut.session_place = sessions.session_place
)
select
    calls.account_id,
    calls.local_date,
    calls.call_id,
    coalesce(belonging.session_key, calls.call_id) as session_key,
    coalesce(belonging.is_cut, false) as is_cut
from staging.calls as calls
left join belonging
    on belonging.account_id = calls.account_id and belonging.call_id = calls.call_id;
