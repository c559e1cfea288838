alter table products add column category text;

alter table stock
    -- At this many pieces to sell, or fewer, the product runs low; null: nobody wants to know.
    add column low_threshold bigint,
    -- Whether it was said already: once per crossing.
    add column low boolean not null default false,
    add constraint stock_low_threshold_not_negative check (low_threshold >= 0);

alter table hold_lines
    -- Of what left, what came back into stock.
    add column restocked bigint not null default 0,
    add constraint hold_lines_restocked_within check (restocked >= 0 and restocked <= quantity - released);

-- The catalogue as people list and search it. Written with each change, in its transaction: there is no lag. How much
-- there is of a product stays in `stock`; here stands only whether there is any.
create schema read_model;
create extension if not exists pg_trgm;

create table read_model.products (
    sku text primary key,
    name text not null,
    category text,
    price bigint not null,
    currency text not null,
    version bigint not null,
    in_stock boolean not null,
    created_at timestamptz not null,
    updated_at timestamptz not null
) with (fillfactor = 80);

create index products_by_name on read_model.products using gin (name gin_trgm_ops);
create index products_by_sku_prefix on read_model.products (upper(sku) text_pattern_ops);
create index products_by_category on read_model.products (category, sku);
create index products_in_stock on read_model.products (sku) where in_stock;

insert into read_model.products
select p.sku, p.name, p.category, p.price, p.currency, p.version,
       s.on_hand + s.backorder_limit > s.reserved, p.created_at, p.updated_at
  from products p join stock s using (sku)
 where p.active;
