-- When somebody showed to read the mail that goes to the address.
alter table users add column email_verified_at timestamptz;

-- What a link in a mail is good for, once.
create table one_time_tokens (
    -- SHA-256 of the token: what stands here opens nothing.
    hash bytea primary key check (octet_length(hash) = 32),
    user_id uuid not null references users on delete cascade,
    purpose text not null check (purpose in ('verify_email', 'reset_password')),
    expires_at timestamptz not null,
    spent_at timestamptz
);

create index one_time_tokens_user_idx on one_time_tokens (user_id);
create index one_time_tokens_expires_idx on one_time_tokens (expires_at);

-- When a mail of a kind was asked for last, so that nobody's mailbox is flooded. By address, so that one without an account
-- leaves the same trace.
create table mail_paces (
    -- SHA-256 of the normalised address.
    account bytea not null check (octet_length(account) = 32),
    kind text not null,
    last_at timestamptz not null,
    -- Within the span of time that ends then.
    count integer not null check (count > 0),
    ends_at timestamptz not null,
    primary key (account, kind)
);

create index mail_paces_ends_idx on mail_paces (ends_at);
