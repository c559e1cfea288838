-- The first answer to a request that carried an Idempotency-Key, written in the transaction of the change itself.
create table idempotency (
    owner uuid not null,
    key text not null,
    fingerprint bytea not null,
    response jsonb,
    created_at timestamptz not null default now(),
    primary key (owner, key)
);

create index idempotency_created_at on idempotency (created_at);
