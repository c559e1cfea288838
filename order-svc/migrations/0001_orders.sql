-- The write model.

-- Whether a hold belongs to its order. The two inserts, `committed` by the order and `closed` by whoever gives the hold
-- back, meet on this key: the database decides which of them is first.
create table decisions (
    order_id uuid not null,
    hold_no integer not null,
    outcome text not null,
    decided_at timestamptz not null default now(),
    primary key (order_id, hold_no),
    constraint decisions_outcome check (outcome in ('committed', 'closed'))
);

create table orders (
    id uuid primary key,
    customer_id uuid not null,
    status text not null,
    version bigint not null,
    currency text not null,
    -- Minor units of the currency.
    points_redeemed bigint not null default 0,
    refunded bigint not null default 0,
    discount_code text,
    redeem_points bigint,
    -- Numbers of the holds that this order has committed.
    holds integer[] not null,
    -- What the request asked for, and the answer it got: a retry is recognised for as long as the order exists.
    fingerprint bytea not null,
    response jsonb not null,
    placed_at timestamptz not null,
    updated_at timestamptz not null,
    constraint orders_status check (status in ('placed', 'confirmed', 'shipped', 'delivered', 'cancelled')),
    constraint orders_version_positive check (version >= 1)
) with (fillfactor = 80);

create table order_lines (
    order_id uuid not null references orders,
    line_no integer not null,
    sku text not null,
    name text not null,
    quantity bigint not null,
    unit_price bigint not null,
    discount bigint not null,
    cancelled_quantity bigint not null default 0,
    returned_quantity bigint not null default 0,
    primary key (order_id, line_no),
    unique (order_id, sku),
    constraint order_lines_quantity_positive check (quantity > 0),
    constraint order_lines_cancelled_within check (cancelled_quantity >= 0 and returned_quantity >= 0
        and cancelled_quantity + returned_quantity <= quantity),
    constraint order_lines_discount_within check (discount >= 0 and discount <= quantity * unit_price)
);
