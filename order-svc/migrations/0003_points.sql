alter table orders
    -- Minor units that each redeemed point paid.
    add column point_value bigint not null default 0,
    add constraint orders_points_not_negative check (points_redeemed >= 0 and point_value >= 0);

alter table order_lines
    -- Minor units of the line that points paid.
    add column points_value bigint not null default 0,
    -- Of the returned quantity, what went back into stock.
    add column restocked_quantity bigint not null default 0,
    add constraint order_lines_points_within check (points_value >= 0
        and discount + points_value <= quantity * unit_price),
    add constraint order_lines_restocked_within check (restocked_quantity >= 0
        and restocked_quantity <= returned_quantity);
