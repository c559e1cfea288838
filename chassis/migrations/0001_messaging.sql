-- Events written in the transaction of the change that they tell of; the relay publishes them.
create table outbox (
    seq bigint generated always as identity primary key,
    id uuid not null unique,
    kind text not null,
    -- The whole CloudEvent, as it goes over the wire.
    payload bytea not null,
    created_at timestamptz not null default now(),
    -- Until then the relay with this session (its PostgreSQL process) has the row in hand, if it still lives.
    leased_until timestamptz,
    leased_by integer,
    published_at timestamptz
);

create index outbox_unpublished on outbox (seq) where published_at is null;
create index outbox_published_at on outbox (published_at) where published_at is not null;

create function outbox_notify() returns trigger language plpgsql as $$
begin
    perform pg_notify('outbox', '');
    return null;
end
$$;

create trigger outbox_notify after insert on outbox
    for each statement execute function outbox_notify();

-- Events that a consumer has applied, so that it applies none twice.
create table inbox (
    consumer text not null,
    event_id uuid not null,
    received_at timestamptz not null default now(),
    primary key (consumer, event_id)
);

create index inbox_received_at on inbox (received_at);
