create table products (
    sku text primary key,
    name text not null,
    -- Minor units of the currency.
    price bigint not null,
    currency text not null,
    -- A product is never deleted: orders and movements speak of it.
    active boolean not null default true,
    version bigint not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint products_price_not_negative check (price >= 0)
);

-- Apart from products: this row changes with every order, and stays narrow.
create table stock (
    sku text primary key references products,
    on_hand bigint not null default 0,
    reserved bigint not null default 0,
    -- How far beyond what is on hand may be sold.
    backorder_limit bigint not null default 0,
    constraint stock_on_hand_not_negative check (on_hand >= 0),
    constraint stock_not_oversold check (reserved >= 0 and reserved <= on_hand + backorder_limit),
    constraint stock_backorder_not_negative check (backorder_limit >= 0)
) with (fillfactor = 70);

-- Append-only: on_hand and reserved are the sums of these.
create table stock_movements (
    id bigint generated always as identity primary key,
    sku text not null references stock,
    kind text not null,
    on_hand_delta bigint not null,
    reserved_delta bigint not null,
    order_id uuid,
    hold_no integer,
    reason text,
    -- Who booked it; null for the system.
    actor uuid,
    at timestamptz not null default now(),
    constraint stock_movements_kind check (kind in ('receipt', 'adjustment', 'reservation', 'release', 'sale', 'return'))
);

create index stock_movements_sku on stock_movements (sku, id desc);
