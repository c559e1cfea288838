-- Who did what from where: every act that security depends on. Rows are added and never changed.
create table audit_log (
    -- UUIDv7: in the order of time.
    id uuid primary key,
    at timestamptz not null default now(),
    -- For example `session.opened`.
    action text not null check (action ~ '^[a-z_]+\.[a-z_]+$'),
    -- A user or a service account; null for a visitor and for the system itself.
    actor_id uuid,
    -- The program that acted for them.
    client_id text,
    -- What it was done to: the id of a user, session, key or account, or the name of a role.
    subject text,
    address inet,
    user_agent text,
    request_id text not null,
    details jsonb not null default '{}'
);

create index audit_log_actor_idx on audit_log (actor_id, id);
create index audit_log_subject_idx on audit_log (subject, id);
create index audit_log_action_idx on audit_log (action, id);
create index audit_log_address_idx on audit_log (address, id);
create index audit_log_at_idx on audit_log (at);

create function audit_log_is_append_only() returns trigger language plpgsql as $$
begin
    raise exception 'the audit log is append-only' using errcode = 'restrict_violation';
end
$$;

create trigger audit_log_append_only before update or delete on audit_log
    for each row execute function audit_log_is_append_only();
create trigger audit_log_no_truncate before truncate on audit_log
    for each statement execute function audit_log_is_append_only();

insert into role_permissions (role, permission) values
    ('admin', 'audit:read'),
    ('admin', 'internal:call');
