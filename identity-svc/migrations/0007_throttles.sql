-- Guesses at an account, one after the other. It is known by its address alone, so that an address without an account is
-- throttled as any other.
create table account_failures (
    -- SHA-256 of the normalised address.
    account bytea primary key check (octet_length(account) = 32),
    -- In a row: whoever gets in begins anew.
    count integer not null check (count > 0),
    last_at timestamptz not null
);

create index account_failures_last_idx on account_failures (last_at);

-- What came from an address of the network within a span of time.
create table address_counts (
    -- IPv6: the /64 that somebody is given.
    network inet not null,
    counter text not null,
    count integer not null check (count > 0),
    ends_at timestamptz not null,
    primary key (network, counter)
);

create index address_counts_ends_idx on address_counts (ends_at);
