-- A key's state follows from time: of those that have begun to sign the newest signs, and each verifies until its last
-- token has expired. `active` says the same to the release before, which knows no times.
alter table signing_keys
    add column signs_from timestamptz not null default now(),
    -- Null for the newest key.
    add column verifies_until timestamptz,
    add constraint signing_keys_verifies_after_it_signs check (verifies_until > signs_from);
