-- intermediate.rated_items
-- What conversations cost those whom they were with.
--
-- grain: one voice conversation and one contact; a number that no contact has is one by itself, and so is a conversation without a party outside
-- key: account_id, item_id
-- unit: day -1 +1
-- reads: intermediate.party_contacts, intermediate.sides, staging.calls, staging.local_hours, staging.rate_card
-- caveats: see marts.billing_items. Amounts are whole numbers of ten-thousandths of the currency until the last step: nothing is lost
--   on the way, and nothing is rounded twice.
-- columns:
--   account_id: RingCentral account
--   local_date: day on which the conversation started, in the time zone of the mart
--   item_id: md5 of account, conversation and contact, in hexadecimal
--   session_key: the conversation, as in marts.sessions
--   contact_key: contact: and its id, else who the party outside is, as in intermediate.session_records
--   contact_id: the contact, null where none is known
--   matter: what the item is booked on; empty where nothing was said
--   start_at: when the conversation started [UTC]
--   local_hour: hour of the clock in which it started
--   hour_start_at: when that hour started [UTC]
--   direction: Inbound or Outbound, as sent for the outermost record; Unknown where missing
--   kind: answered, missed, voicemail, internal, in_progress or unknown
--   extension_id: who answered, else who called, else whose call it is
--   external_phone_number: number of the party outside, verbatim
--   call_ids: ids of the call records, in order, with commas between
--   is_billable: whether it costs something
--   reason: rated, or why it costs nothing
--   raw_s: time in which somebody talked [s]
--   rated_s: time that is charged, 0 unless billable [s]
--   currency: code of ISO 4217; empty without a rate card
--   rate_per_minute: rate of the card in force; null without one [currency a minute]
--   rounding_rule: how seconds are rounded, in words; null without a rate card
--   rated_e4: rate times rated_s, unrounded [0.0001 currency a minute, times s]
--   step_e4: the least amount that the currency has [0.0001 currency]
--   amount: what it costs, rounded half up to the least amount of the currency, once; 0 unless billable [currency]
--   is_final: whether all of it was over when last read
--   exceptions: what somebody should look at, with commas between; null without any
with first_calls as (
    select account_id, call_id as session_key, start_at, start_ms
    from staging.calls
),
contacts as (
    select
        account_id,
        local_date,
        session_key,
        contact_key,
        max(contact_id) as contact_id,
        max(match_count) as match_count,
        count(distinct matter) as matters,
        max(matter) as matter
    from intermediate.party_contacts
    group by account_id, local_date, session_key, contact_key
),
items as (
    select
        contacts.account_id,
        contacts.local_date,
        md5(contacts.account_id || '|' || contacts.session_key || '|' || contacts.contact_key) as item_id,
        contacts.session_key,
        contacts.contact_key,
        contacts.contact_id,
        contacts.match_count,
        contacts.matters,
        case when contacts.matters = 1 then contacts.matter else '' end as matter,
        first_calls.start_at,
        first_calls.start_ms,
        sides.direction,
        case
            when sides.outcome = 'in_progress' then 'in_progress'
            when contacts.contact_key = 'internal' then 'internal'
            when sides.outcome in ('answered', 'voicemail', 'unknown') then sides.outcome
            else 'missed'
        end as kind,
        sides.handling_extension_id as extension_id,
        sides.external_phone_number,
        sides.is_masked,
        sides.is_cut,
        sides.call_ids,
        sides.talk_s as raw_s,
        sides.outcome <> 'in_progress' as is_final
    from contacts
    inner join intermediate.sides as sides
        on sides.account_id = contacts.account_id and sides.session_key = contacts.session_key and sides.side_key = contacts.contact_key
    inner join first_calls
        on first_calls.account_id = contacts.account_id and first_calls.session_key = contacts.session_key
),
-- The card of the contact goes before the default one.
chosen as (
    select
        items.account_id,
        items.item_id,
        items.local_date,
        items.kind,
        items.contact_key,
        items.contact_id,
        items.raw_s,
        coalesce(own.card_contact_id, '') as card_contact_id
    from items
    left join staging.rate_card as own
        on own.card_contact_id = items.contact_id and own.valid_from <= items.local_date and own.valid_to >= items.local_date
),
judged as (
    select
        chosen.account_id,
        chosen.item_id,
        chosen.raw_s,
        cards.currency,
        cards.rate_per_minute,
        cards.rounding_rule,
        cards.rate_e4,
        cards.step_e4,
        cards.initial_s,
        cards.increment_s,
        cards.minimum_s,
        case
            when chosen.kind = 'in_progress' then 'in progress'
            when chosen.contact_key = 'withheld' then 'number withheld'
            when chosen.contact_id is null and chosen.contact_key <> 'internal' then 'contact unknown'
            when cards.card_contact_id is null then 'no rate card'
            when chosen.kind = 'internal' and cards.is_internal_free then 'internal is free'
            when chosen.kind = 'missed' and cards.is_missed_free then 'missed is free'
            when chosen.kind = 'voicemail' and cards.is_voicemail_free then 'voicemail is free'
            when chosen.kind = 'unknown' then 'outcome unknown'
            when cards.grace_s > 0 and chosen.raw_s <= cards.grace_s then 'within grace'
            else 'rated'
        end as reason
    from chosen
    left join staging.rate_card as cards
        on cards.card_contact_id = chosen.card_contact_id
        and cards.valid_from <= chosen.local_date
        and cards.valid_to >= chosen.local_date
),
timed as (
    select
        account_id,
        item_id,
        reason,
        currency,
        rate_per_minute,
        rounding_rule,
        rate_e4,
        step_e4,
        case
            when reason <> 'rated' then 0
            when raw_s <= initial_s then greatest(initial_s, minimum_s)
            -- Up to the next whole increment, without a division.
            else greatest(
                raw_s + increment_s - 1 - mod(raw_s - initial_s + increment_s - 1, increment_s),
                minimum_s
            )
        end as rated_s
    from judged
),
priced as (
    select
        account_id,
        item_id,
        reason,
        rated_s,
        currency,
        rate_per_minute,
        rounding_rule,
        coalesce(step_e4, 1) as step_e4,
        coalesce(rate_e4 * rated_s, 0) as rated_e4
    from timed
),
findings as (
    select account_id, item_id, 1 as place, 'number masked' as finding
    from items
    where is_masked

    union all

    select account_id, item_id, 2 as place, 'number withheld' as finding
    from items
    where contact_key = 'withheld'

    union all

    select account_id, item_id, 3 as place, 'contact unknown' as finding
    from items
    where contact_id is null and match_count = 0 and not is_masked and contact_key not in ('withheld', 'internal')

    union all

    select account_id, item_id, 4 as place, 'several contacts' as finding
    from items
    where match_count > 1

    union all

    select account_id, item_id, 5 as place, 'several matters' as finding
    from items
    where matters > 1

    union all

    select account_id, item_id, 6 as place, 'no rate card' as finding
    from priced
    where reason = 'no rate card'

    union all

    select account_id, item_id, 7 as place, 'outcome unknown' as finding
    from items
    where kind = 'unknown'

    union all

    select account_id, item_id, 8 as place, 'goes on in another conversation' as finding
    from items
    where is_cut

    union all

    select account_id, item_id, 9 as place, 'provisional' as finding
    from items
    where not is_final
),
exceptions as (
    select account_id, item_id, string_agg(finding, ', ' order by place) as exceptions
    from findings
    group by account_id, item_id
)
select
    items.account_id,
    items.local_date,
    items.item_id,
    items.session_key,
    items.contact_key,
    items.contact_id,
    items.matter,
    items.start_at,
    hours.local_hour,
    hours.hour_start_at,
    items.direction,
    items.kind,
    items.extension_id,
    items.external_phone_number,
    items.call_ids,
    priced.reason = 'rated' as is_billable,
    priced.reason,
    items.raw_s,
    priced.rated_s,
    coalesce(priced.currency, '') as currency,
    priced.rate_per_minute,
    priced.rounding_rule,
    priced.rated_e4,
    priced.step_e4,
    cast(
        cast(
            (2 * priced.rated_e4 + 60 * priced.step_e4 - mod(2 * priced.rated_e4 + 60 * priced.step_e4, (120 * priced.step_e4)))
            / (120 * priced.step_e4) as bigint
        ) * priced.step_e4 * 0.0001 as decimal(18, 4)
    ) as amount,
    items.is_final,
    exceptions.exceptions
from items
inner join priced
    on priced.account_id = items.account_id and priced.item_id = items.item_id
inner join staging.local_hours as hours
    on hours.local_date = items.local_date and items.start_ms >= hours.hour_start_ms and items.start_ms < hours.hour_end_ms
left join exceptions
    on exceptions.account_id = items.account_id and exceptions.item_id = items.item_id;
