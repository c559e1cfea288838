-- People, what they may do, and how they stay signed in.

create table users (
    id uuid primary key,
    -- Normalised: trimmed and in lower case, so that one mailbox has one account.
    email text not null constraint users_email_key unique check (email = lower(btrim(email))),
    name text not null check (char_length(name) between 1 and 200),
    -- Argon2id, as a PHC string.
    password_hash text not null,
    -- Grows with each change that an event tells of.
    version bigint not null default 1 check (version > 0),
    created_at timestamptz not null default now()
);

create table roles (
    name text primary key check (name ~ '^[a-z][a-z0-9_-]{0,49}$'),
    -- The system relies on it: it cannot be deleted.
    built_in boolean not null default false
);

create table role_permissions (
    role text not null references roles on delete cascade,
    permission text not null check (permission ~ '^[a-z]+:[a-z]+$'),
    primary key (role, permission)
);

create table user_roles (
    user_id uuid not null references users on delete cascade,
    -- A role that somebody holds cannot be deleted.
    role text not null constraint user_roles_role_fkey references roles on delete restrict,
    primary key (user_id, role)
);

create index user_roles_role_idx on user_roles (role);

insert into roles (name, built_in) values ('customer', true), ('staff', true), ('admin', true);

insert into role_permissions (role, permission) values
    ('staff', 'catalogue:manage'),
    ('staff', 'stock:manage'),
    ('staff', 'incentives:manage'),
    ('staff', 'orders:manage'),
    ('staff', 'reports:read'),
    ('admin', 'catalogue:manage'),
    ('admin', 'stock:manage'),
    ('admin', 'incentives:manage'),
    ('admin', 'orders:manage'),
    ('admin', 'reports:read'),
    ('admin', 'users:manage'),
    ('admin', 'jobs:manage');
