-- The state of a job as people speak of it, from the columns that apalis keeps.
create function job_state(status text, attempts integer, max_attempts integer) returns text
    language sql immutable parallel safe
    return case
        when status = 'Done' then 'succeeded'
        when status in ('Queued', 'Running') then 'running'
        when status = 'Killed' or (status = 'Failed' and attempts >= max_attempts) then 'failed'
        -- 'Failed' with attempts left, or taken from a worker that died.
        when status = 'Failed' or attempts > 0 then 'retrying'
        else 'scheduled'
    end;

-- The list of jobs by state, newest first.
create index jobs_by_state on apalis.jobs (job_state(status, attempts, max_attempts), id);

-- Every try of every job; apalis keeps only the last result.
create table job_attempts (
    id bigint generated always as identity primary key,
    job_id text not null references apalis.jobs (id) on delete cascade,
    attempt integer not null,
    worker text not null,
    started_at timestamptz not null default now(),
    finished_at timestamptz,
    -- The whole chain of causes; null if it succeeded.
    error text
);

create index job_attempts_by_job on job_attempts (job_id, id);
