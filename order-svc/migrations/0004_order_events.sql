-- What happened to each order: append-only, one row a version, written with the change itself. Histories are read from it,
-- and read models rebuilt. Unlike the outbox, it is never pruned.
create table order_events (
    order_id uuid not null,
    version bigint not null,
    event_id uuid not null,
    kind text not null,
    -- Who did it; null for the system.
    actor uuid,
    occurred_at timestamptz not null,
    -- The event's payload, as JSON: the whole order after the change.
    data bytea not null,
    primary key (order_id, version)
);

-- Of orders that are older than this table: what the outbox still has,
insert into order_events (order_id, version, event_id, kind, occurred_at, data)
select (event ->> 'subject')::uuid, (event ->> 'aggregateversion')::bigint, id, kind, (event ->> 'time')::timestamptz,
       convert_to(event ->> 'data', 'UTF8')
  from (select id, kind, convert_from(payload, 'UTF8')::jsonb as event from outbox where kind like 'order.%') kept
on conflict do nothing;

-- and at least how each of them stands.
insert into order_events (order_id, version, event_id, kind, occurred_at, data)
select o.id, o.version, gen_random_uuid(), 'order.updated.v1', o.updated_at,
       convert_to((v.document - 'id' || jsonb_build_object('order_id', o.id, 'holds', o.holds, 'net', v.document -> 'total'))::text, 'UTF8')
  from orders o join read_model.orders v on v.order_id = o.id and v.version = o.version
on conflict do nothing;
