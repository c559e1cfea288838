-- apalis asks which jobs a worker has in hand, and finishes jobs by their id. Its own indexes also have every job that a worker
-- ever finished, by the worker: with them, finishing a job takes longer with each one that was finished before.
drop index if exists apalis.lidx;
drop index if exists apalis.idx_apalis_jobs_lock_by;
create index jobs_in_hand on apalis.jobs (lock_by) where status in ('Running', 'Queued');
