-- Orders change: a SKU may be bought again at another price, which is a line of its own.
alter table order_lines drop constraint order_lines_order_id_sku_key;

alter table orders
    -- Points earned for what came back that had been spent before.
    add column points_withheld bigint not null default 0,
    add constraint orders_points_withheld_not_negative check (points_withheld >= 0),
    add constraint orders_refunded_not_negative check (refunded >= 0);
