-- Codes that were made together, to be used once each.
create table code_batches (
    id uuid primary key,
    prefix text not null,
    size integer not null,
    created_by uuid,
    created_at timestamptz not null default now()
);

-- What a code takes off an order. Amounts are minor units of the shop's currency.
create table discount_codes (
    -- As its owner wrote it; it is found whatever the case.
    code text primary key,
    kind text not null,
    -- Whole percent, or minor units.
    value bigint not null,
    -- At most this much, for a percentage.
    max_discount bigint,
    min_subtotal bigint not null default 0,
    -- For these SKUs or this category alone; both null: for every product.
    skus text[],
    category text,
    starts_at timestamptz,
    ends_at timestamptz,
    max_uses bigint,
    max_uses_per_customer bigint,
    -- Uses that count: those of holds and orders that live.
    used bigint not null default 0,
    active boolean not null default true,
    -- Taken away; uses and orders still speak of it.
    removed boolean not null default false,
    batch_id uuid references code_batches,
    version bigint not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint discount_codes_kind check (kind in ('percent', 'fixed')),
    constraint discount_codes_value check (value > 0 and (kind <> 'percent' or value <= 100)),
    constraint discount_codes_max_discount check (max_discount is null or max_discount > 0 and kind = 'percent'),
    constraint discount_codes_min_subtotal check (min_subtotal >= 0),
    constraint discount_codes_window check (starts_at < ends_at),
    constraint discount_codes_limits check (max_uses > 0 and max_uses_per_customer > 0),
    -- The last word on a code's limit.
    constraint discount_codes_used_within check (used >= 0 and used <= max_uses)
) with (fillfactor = 80);

create unique index discount_codes_any_case on discount_codes (upper(code));
-- The list without the codes of batches, of which there may be very many.
create index discount_codes_of_no_batch on discount_codes (code) where batch_id is null and not removed;
create index discount_codes_of_batch on discount_codes (batch_id, code) where batch_id is not null;

-- Each use, by the hold that made it.
create table code_uses (
    order_id uuid not null,
    hold_no integer not null,
    code text not null references discount_codes,
    customer_id uuid not null,
    -- Minor units.
    discount bigint not null,
    used_at timestamptz not null default now(),
    -- It came back: the hold was given back.
    returned_at timestamptz,
    primary key (order_id, hold_no),
    foreign key (order_id, hold_no) references holds,
    constraint code_uses_discount_not_negative check (discount >= 0)
);

create index code_uses_live on code_uses (code, customer_id) where returned_at is null;
