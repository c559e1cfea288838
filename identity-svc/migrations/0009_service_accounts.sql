-- Programs of the shop's owner, which sign in by themselves.
create table service_accounts (
    id uuid primary key,
    name text not null check (name ~ '^[a-z][a-z0-9_-]{0,49}$'),
    -- Grows with each change that an event tells of.
    version bigint not null default 1 check (version > 0),
    created_at timestamptz not null default now(),
    -- It is gone for all but those who must know which tokens ended with it.
    deleted_at timestamptz
);

create unique index service_accounts_name_key on service_accounts (name) where deleted_at is null;

create table service_account_roles (
    account_id uuid not null references service_accounts on delete cascade,
    -- A role that somebody holds cannot be deleted.
    role text not null constraint service_account_roles_role_fkey references roles on delete restrict,
    primary key (account_id, role)
);

create index service_account_roles_role_idx on service_account_roles (role);

create table service_account_secrets (
    -- `sid` of the access tokens that are issued for it.
    id uuid primary key,
    account_id uuid not null references service_accounts on delete cascade,
    -- SHA-256 of 256 random bits: what stands here proves nothing.
    hash bytea not null check (octet_length(hash) = 32),
    created_at timestamptz not null default now(),
    revoked_at timestamptz
);

create index service_account_secrets_account_idx on service_account_secrets (account_id);
create index service_account_secrets_revoked_idx on service_account_secrets (revoked_at) where revoked_at is not null;
