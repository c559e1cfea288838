-- What a further hold of an order takes off lines that the order has already: a discount code or points that were applied
-- after it was placed. Part of the hold's answer.
create table hold_allotments (
    order_id uuid not null,
    hold_no integer not null,
    line_no integer not null,
    -- Minor units, for the whole line.
    discount bigint not null,
    points_value bigint not null,
    primary key (order_id, hold_no, line_no),
    foreign key (order_id, hold_no) references holds,
    constraint hold_allotments_not_negative check (discount >= 0 and points_value >= 0)
);
