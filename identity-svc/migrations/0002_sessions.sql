-- One sign-in. Each refresh token belongs to one; it dies as a whole.
create table refresh_families (
    id uuid primary key,
    user_id uuid not null references users on delete cascade,
    -- However often it is refreshed.
    expires_at timestamptz not null,
    revoked_at timestamptz
);

create index refresh_families_user_idx on refresh_families (user_id);

create table refresh_tokens (
    -- SHA-256 of the token: what stands here signs nobody in.
    hash bytea primary key check (octet_length(hash) = 32),
    family_id uuid not null references refresh_families on delete cascade,
    spent_at timestamptz
);

create index refresh_tokens_family_idx on refresh_tokens (family_id);

-- Ed25519 keys that sign access tokens. All are published; the active one signs.
create table signing_keys (
    -- The public key's thumbprint (RFC 7638).
    kid text primary key,
    seed bytea not null check (octet_length(seed) = 32),
    active boolean not null,
    created_at timestamptz not null default now()
);

-- However many replicas start at once: one.
create unique index signing_keys_one_active on signing_keys (active) where active;

-- Derives a refresh token's successor from the token, so that asking twice gives one answer though only hashes are
-- stored. Apart from the signing keys, because it must outlive them.
create table refresh_secret (
    id boolean primary key default true check (id),
    secret bytea not null check (octet_length(secret) = 64)
);
