-- Grows with each change of what the role permits that an event tells of.
alter table roles add column version bigint not null default 1 check (version > 0);
