-- What somebody needs to know a sign-in again: by what and from where it was made or refreshed last, and when.
alter table refresh_families
    add column user_agent text,
    add column address inet,
    add column created_at timestamptz not null default now(),
    add column last_used_at timestamptz not null default now();

-- A session lasts 30 days, so of those that are there it is known when they began.
update refresh_families set created_at = expires_at - interval '30 days';

-- Holds no permission and has no session; stays in all that tells of the past.
alter table users add column disabled_at timestamptz;

-- The time of a row is that of its id: what was when is found by the primary key.
drop index audit_log_at_idx;
