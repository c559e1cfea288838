-- The read models, fed by events alone. Commands never look here; queries look nowhere else.
create schema read_model;

-- Each order as its owner sees it.
create table read_model.orders (
    order_id uuid primary key,
    customer_id uuid not null,
    status text not null,
    version bigint not null,
    placed_at timestamptz not null,
    document jsonb not null
);

create index orders_of_customer on read_model.orders (customer_id, placed_at desc, order_id desc);
create index orders_by_time on read_model.orders (placed_at desc, order_id desc);
