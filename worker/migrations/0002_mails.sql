-- What was sent, by what it is about. Outlives the job, so that an old event that comes again sends nothing.
create table mails (
    key text primary key,
    sent_at timestamptz not null default now()
);
