-- What an authenticator app shares with us. It cannot be hashed: we compute the same codes of it.
create table second_factors (
    user_id uuid primary key references users on delete cascade,
    secret bytea not null check (octet_length(secret) = 20),
    created_at timestamptz not null default now(),
    -- Null until the owner has shown by a code that the app has the secret: it guards nothing before.
    confirmed_at timestamptz,
    -- The newest step of time whose code was accepted, in units of 30 s since 1970: each code is good once.
    last_step bigint not null default 0
);

-- In place of a code, for whoever has lost the app.
create table recovery_codes (
    user_id uuid not null references second_factors on delete cascade,
    -- SHA-256 of the code, which is random.
    hash bytea not null check (octet_length(hash) = 32),
    used_at timestamptz,
    primary key (user_id, hash)
);

alter table users
    -- Too short to guard the account alone.
    add column password_needs_factor boolean not null default false,
    -- Grows with each change of what guards the account, password or second factor. What was proven by what guarded it
    -- before opens no session.
    add column guard_version bigint not null default 1;

-- Whoever has a link that resets a password may not try codes without end.
alter table one_time_tokens add column tries integer not null default 0 check (tries >= 0);
