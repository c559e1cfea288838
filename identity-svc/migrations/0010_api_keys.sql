-- By them programs act for a person, with less than the person may do.
create table api_keys (
    -- `sid` of the access tokens that are issued for it.
    id uuid primary key,
    user_id uuid not null references users on delete cascade,
    name text not null check (char_length(name) between 1 and 100),
    -- Permissions; of those that the owner holds, the key gives no others.
    scopes text[] not null,
    -- SHA-256 of 256 random bits: what stands here proves nothing.
    hash bytea not null check (octet_length(hash) = 32),
    created_at timestamptz not null default now(),
    expires_at timestamptz not null,
    -- To the minute.
    last_used_at timestamptz,
    revoked_at timestamptz
);

create index api_keys_user_idx on api_keys (user_id, id);
create index api_keys_revoked_idx on api_keys (revoked_at) where revoked_at is not null;
