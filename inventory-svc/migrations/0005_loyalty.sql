-- Points, in double entry: each entry moves points of one customer from one account to another, so that the sum over all
-- accounts never changes. `issued`, `redeemed`, `expired` and `withheld` are the shop's side.
create table loyalty_entries (
    id bigint generated always as identity primary key,
    customer_id uuid not null,
    from_account text not null,
    to_account text not null,
    points bigint not null,
    reason text not null,
    -- Null for what no order caused.
    order_id uuid,
    -- Which of the order's holds, or which version of the order; 0 where a reason comes up once.
    no bigint not null default 0,
    -- Of `earned`: points for 100 minor units. The order keeps this rate, whatever the shop's is later.
    rate bigint,
    -- The lot that expired or was granted.
    lot_id bigint,
    -- Who booked it; null for the system.
    actor uuid,
    note text,
    at timestamptz not null default now(),
    constraint loyalty_entries_points_positive check (points > 0),
    constraint loyalty_entries_accounts check (from_account <> to_account
        and from_account in ('issued', 'pending', 'available', 'held', 'redeemed', 'withheld')
        and to_account in ('issued', 'pending', 'available', 'held', 'redeemed', 'expired')),
    -- Whatever is delivered twice is booked once.
    constraint loyalty_entries_once unique (order_id, reason, no)
);

create index loyalty_entries_of_customer on loyalty_entries (customer_id, id desc);
create unique index loyalty_entries_expired_once on loyalty_entries (lot_id) where reason = 'expired';

-- The balance of each customer: the sums of the entries.
create table loyalty_accounts (
    customer_id uuid primary key,
    pending bigint not null default 0,
    available bigint not null default 0,
    -- Taken by holds that nobody has decided yet.
    held bigint not null default 0,
    constraint loyalty_accounts_not_negative check (pending >= 0 and available >= 0 and held >= 0)
) with (fillfactor = 80);

-- What is available, by when it expires; the oldest is spent first.
create table loyalty_lots (
    id bigint generated always as identity primary key,
    customer_id uuid not null references loyalty_accounts,
    -- The order that earned it; null for a grant, and for points given back into a lot that had expired.
    order_id uuid,
    points bigint not null,
    remaining bigint not null,
    expires_at timestamptz not null,
    -- Points of it that expired unspent.
    expired bigint not null default 0,
    created_at timestamptz not null default now(),
    constraint loyalty_lots_remaining check (points > 0 and remaining >= 0 and expired >= 0
        and remaining + expired <= points)
) with (fillfactor = 80);

create index loyalty_lots_to_spend on loyalty_lots (customer_id, expires_at, id) where remaining > 0;
create index loyalty_lots_to_expire on loyalty_lots (expires_at) where remaining > 0;
create index loyalty_lots_of_order on loyalty_lots (order_id) where order_id is not null;

-- From which lots a hold took its points, so that they go back where they came from.
create table loyalty_lot_uses (
    order_id uuid not null,
    hold_no integer not null,
    lot_id bigint not null references loyalty_lots,
    points bigint not null,
    -- Given back so far.
    returned bigint not null default 0,
    primary key (order_id, hold_no, lot_id),
    foreign key (order_id, hold_no) references holds,
    constraint loyalty_lot_uses_within check (points > 0 and returned >= 0 and returned <= points)
);

alter table holds
    -- Points that the hold took, and the minor units that each was worth.
    add column points bigint not null default 0,
    add column point_value bigint not null default 0,
    add constraint holds_points_not_negative check (points >= 0 and point_value >= 0);

alter table hold_lines
    -- Minor units of the line that points pay.
    add column points_value bigint not null default 0,
    add constraint hold_lines_amounts check (discount >= 0 and points_value >= 0
        and discount + points_value <= quantity * unit_price);
