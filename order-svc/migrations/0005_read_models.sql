-- Read models for lists, search and reports. What older orders contribute comes with `order-svc rebuild orders` and
-- `order-svc rebuild figures`.

-- Lists of one status are as quick for a rare status as for the usual one.
create index orders_by_status on read_model.orders (status, placed_at desc, order_id desc);

-- By what orders are found. A table of its own: a status changes often, and this index should not hear of it.
create table read_model.order_search (
    order_id uuid primary key,
    -- The words of names, SKUs, the code and the id, and each SKU whole, after `=`.
    search tsvector not null
);

create index order_search_words on read_model.order_search using gin (search);

-- What each order contributes to the figures, whole, so that a newer version takes its place: counts, pieces, and minor
-- units of its currency. What follows is the sum of it.
create table read_model.order_figures (
    order_id uuid primary key,
    version bigint not null,
    customer_id uuid not null,
    currency text not null,
    -- UTC.
    day date not null,
    placed_at timestamptz not null,
    -- Null: no incentive; empty: points alone.
    code text,
    cancelled bigint not null,
    units bigint not null,
    gross bigint not null,
    discount bigint not null,
    points_value bigint not null,
    revenue bigint not null,
    refunded bigint not null,
    points bigint not null,
    constraint order_figures_add_up check (gross - discount - points_value = revenue)
) with (fillfactor = 85);

create table read_model.sales_days (
    day date not null,
    currency text not null,
    orders bigint not null,
    cancelled bigint not null,
    units bigint not null,
    gross bigint not null,
    discount bigint not null,
    points_value bigint not null,
    revenue bigint not null,
    refunded bigint not null,
    points bigint not null,
    primary key (day, currency)
) with (fillfactor = 50);

create table read_model.incentive_usage (
    code text not null,
    day date not null,
    currency text not null,
    orders bigint not null,
    cancelled bigint not null,
    units bigint not null,
    gross bigint not null,
    discount bigint not null,
    points_value bigint not null,
    revenue bigint not null,
    refunded bigint not null,
    points bigint not null,
    primary key (code, day, currency)
) with (fillfactor = 50);

create index incentive_usage_by_day on read_model.incentive_usage (day desc, code desc, currency desc);
create index incentive_usage_of_code on read_model.incentive_usage (lower(code), day desc, code desc, currency desc);

create table read_model.customers (
    customer_id uuid not null,
    currency text not null,
    orders bigint not null,
    cancelled bigint not null,
    units bigint not null,
    gross bigint not null,
    discount bigint not null,
    points_value bigint not null,
    revenue bigint not null,
    refunded bigint not null,
    points bigint not null,
    first_order_at timestamptz not null,
    last_order_at timestamptz not null,
    primary key (customer_id, currency)
) with (fillfactor = 85);

create index customers_by_last_order on read_model.customers (last_order_at desc, customer_id desc, currency desc);

-- Views that are being built anew, in schema `read_model_next`. Each transaction that feeds the views reads this table
-- first; to begin and to end a rebuild locks it. A migration that changes a view's table must empty it.
create table read_model.rebuilds (
    view text primary key,
    started_at timestamptz not null default now()
);

create schema read_model_next;
