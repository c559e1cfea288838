-- $1 orders of one line each, as commands would have left them, and none of them shown. Half of them have the SKU HOT, and
-- one in fifty was cancelled, one in ten has the code SPRING.
with made as (
    select md5('order ' || n)::uuid as id, md5('customer ' || n % 1000)::uuid as customer_id, n,
           case when n % 2 = 0 then 'HOT' else 'SKU-' || n % 5000 end as sku,
           case when n % 2 = 0 then 'HOT WATER BOTTLE' else 'THING NUMBER ' || n % 5000 end as name,
           (1 + n % 5)::bigint as quantity, (100 + n % 400)::bigint as unit_price,
           case when n % 10 = 0 then (1 + n % 5) * (10 + n % 400 / 10) else 0 end::bigint as discount,
           case when n % 10 = 0 then 'SPRING' end as code,
           n % 50 = 0 as is_cancelled,
           date_trunc('hour', now()) - n * interval '20 seconds' as placed_at
      from generate_series(1, $1::bigint) as n
),
changed as (
    select made.*, v.version, quantity * unit_price as subtotal,
           case when version = 1 then 'placed' when is_cancelled then 'cancelled' else 'confirmed' end as status,
           case when version = 1 then 'created' when is_cancelled then 'cancelled' else 'confirmed' end as happened,
           case when version = 2 and is_cancelled then quantity else 0 end as cancelled_quantity,
           case when version = 2 and is_cancelled then 0 else quantity * unit_price - discount end as total,
           placed_at + (version - 1) * interval '1 second' as updated_at
      from made cross join (values (1::bigint), (2)) as v (version)
),
logged as (
    insert into order_events (order_id, version, event_id, kind, actor, occurred_at, data)
    select id, version, gen_random_uuid(), 'order.' || happened || '.v1', customer_id, updated_at,
           convert_to(jsonb_build_object(
               'order_id', id, 'customer_id', customer_id, 'status', status, 'version', version, 'currency', 'GBP',
               'lines', jsonb_build_array(jsonb_build_object(
                   'sku', sku, 'name', name, 'quantity', quantity, 'unit_price', unit_price, 'discount', discount,
                   'points_value', 0, 'total', total, 'cancelled_quantity', cancelled_quantity,
                   'returned_quantity', 0, 'restocked_quantity', 0)),
               'subtotal', subtotal, 'discount', discount, 'points_redeemed', 0, 'points_returned', 0,
               'total', total, 'refunded', 0, 'net', total,
               'incentive', case when code is not null
                                 then jsonb_build_object('discount_code', code, 'redeem_points', null) end,
               'holds', jsonb_build_array(1), 'placed_at', placed_at, 'updated_at', updated_at)::text, 'UTF8')
      from changed
),
written as (
    insert into orders (id, customer_id, status, version, currency, discount_code, holds, fingerprint, response,
                        placed_at, updated_at)
    select id, customer_id, status, version, 'GBP', code, array[1], '', '{}', placed_at, updated_at
      from changed where version = 2
    returning id
),
decided as (
    insert into decisions (order_id, hold_no, outcome) select id, 1, 'committed' from written
)
insert into order_lines (order_id, line_no, sku, name, quantity, unit_price, discount, cancelled_quantity)
select id, 1, sku, name, quantity, unit_price, discount, cancelled_quantity from changed where version = 2
