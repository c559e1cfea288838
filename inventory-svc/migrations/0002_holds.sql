create table holds (
    order_id uuid not null,
    hold_no integer not null,
    state text not null,
    -- Null on a tombstone: a release of a hold that never came.
    token uuid,
    customer_id uuid,
    fingerprint bytea,
    currency text,
    version bigint not null default 1,
    expires_at timestamptz,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    primary key (order_id, hold_no),
    constraint holds_no_positive check (hold_no >= 1),
    constraint holds_state check (state in ('HELD', 'CONFIRMED', 'FULFILLED', 'RELEASED', 'EXPIRED'))
) with (fillfactor = 80);

-- What the sweeper looks at.
create index holds_overdue on holds (expires_at) where state = 'HELD';

create table hold_lines (
    order_id uuid not null,
    hold_no integer not null,
    line_no integer not null,
    sku text not null references stock,
    name text not null,
    quantity bigint not null,
    -- Given back so far, of `quantity`.
    released bigint not null default 0,
    unit_price bigint not null,
    discount bigint not null default 0,
    -- What was left to sell when the hold was taken; part of the answer.
    available bigint not null,
    primary key (order_id, hold_no, line_no),
    foreign key (order_id, hold_no) references holds,
    unique (order_id, hold_no, sku),
    constraint hold_lines_quantity_positive check (quantity > 0),
    constraint hold_lines_released_within check (released >= 0 and released <= quantity)
) with (fillfactor = 80);

-- The newest version of each order that this service has followed.
create table followed_orders (
    order_id uuid primary key,
    version bigint not null
) with (fillfactor = 80);
