-- What the services logged at ERROR.
create table errors (
    -- Of the event that brought it.
    id uuid primary key,
    service text not null,
    version text not null,
    target text not null,
    message text not null,
    trace_id text,
    fields jsonb not null,
    occurred_at timestamptz not null
);

create index errors_newest on errors (occurred_at desc, id desc);
create index errors_newest_of_service on errors (service, occurred_at desc, id desc);
