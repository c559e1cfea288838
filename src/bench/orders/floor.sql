-- What one order of some lines writes in order-svc and inventory-svc until it is confirmed, its events are published and
-- its read model is complete: the same rows, but in one transaction, and each step in one statement. The benchmark counts
-- both and compares, so whoever changes what an order writes changes it here, too.
--
-- Bytes are like those of the system, where what is stored is JSON. The stock is last: nobody waits for a row longer than
-- the commit takes.
\set first random(1, :skus - :lines + 1)
\set customer :client_id % 32
begin;

-- The hold.
with new as materialized (
    select gen_random_uuid() as order_id, lpad(to_hex(:customer::bigint), 32, '0')::uuid as customer_id
), line as materialized (
    select no::integer as line_no, 'BENCH-' || (:first::bigint + no - 1) as sku from generate_series(1, :lines::integer) as no
), held as (
    insert into inventory_svc.holds (order_id, hold_no, state, token, customer_id, fingerprint, currency, expires_at)
    select order_id, 1, 'HELD', gen_random_uuid(), customer_id, sha256(uuid_send(order_id)), 'GBP', now() + interval '30 s'
      from new
), held_lines as (
    insert into inventory_svc.hold_lines (order_id, hold_no, line_no, sku, name, quantity, unit_price, available)
    select order_id, 1, line_no, sku, sku, 1, 100, 999999999999 from new, line
), moved as (
    insert into inventory_svc.stock_movements (sku, kind, on_hand_delta, reserved_delta, order_id, hold_no)
    select sku, 'reservation', 0, 1, order_id, 1 from new, line
), told as (
    insert into inventory_svc.outbox (id, kind, payload)
    select gen_random_uuid(), 'inventory.stock_reserved.v1', convert_to(format(
        '{"specversion": "1.0", "id": "%s", "source": "/inventory-svc", "type": "inventory.stock_reserved.v1", "subject": "%s/1", "time": %s, "datacontenttype": "application/json", "traceparent": "00-fe18f17c2d3f02b0bf8ee8b764e086db-a9021a66d3c05551-01", "aggregateversion": 1, "data": {"order_id": "%s", "hold_no": 1, "lines": [%s]}}',
        gen_random_uuid(), order_id, to_json(now()), order_id,
        (select string_agg(format('{"sku": "%s", "quantity": 1}', sku), ',') from line)), 'UTF8')
      from new
    returning seq
)
select order_id, customer_id, seq as reserved,
       (select string_agg(format(
           '{"sku": "%s", "name": "%s", "quantity": 1, "unit_price": 100, "discount": 0, "points_value": 0, "total": 100, "cancelled_quantity": 0, "returned_quantity": 0, "restocked_quantity": 0}',
           sku, sku), ',') from line) as order_lines
  from new, told \gset

-- The order.
with document as materialized (
    select format(
        '{"order_id": "%1$s", "customer_id": "%2$s", "status": "placed", "version": 1, "currency": "GBP", "lines": [%3$s], "subtotal": 100, "discount": 0, "points_redeemed": 0, "points_returned": 0, "total": 100, "refunded": 0, "net": 100, "holds": [1], "placed_at": %4$s, "updated_at": %4$s}',
        :order_id::uuid, :customer_id::uuid, :order_lines::text, to_json(now())) as data
), decided as (
    insert into order_svc.decisions (order_id, hold_no, outcome) values (:order_id::uuid, 1, 'committed')
), placed as (
    insert into order_svc.orders (id, customer_id, status, version, currency, holds, fingerprint, response, placed_at,
                                  updated_at, point_value)
    select :order_id::uuid, :customer_id::uuid, 'placed', 1, 'GBP', '{1}', sha256(uuid_send(:order_id::uuid)), data::jsonb,
           now(), now(), 1
      from document
), lines as (
    insert into order_svc.order_lines (order_id, line_no, sku, name, quantity, unit_price, discount)
    select :order_id::uuid, no, 'BENCH-' || (:first::bigint + no - 1), 'BENCH-' || (:first::bigint + no - 1), 1, 100, 0
      from generate_series(1, :lines::integer) as no
), noted as (
    insert into order_svc.order_events (order_id, version, event_id, kind, actor, occurred_at, data)
    select :order_id::uuid, 1, gen_random_uuid(), 'order.created.v1', :customer_id::uuid, now(), convert_to(data, 'UTF8')
      from document
), told as (
    insert into order_svc.outbox (id, kind, payload)
    select gen_random_uuid(), 'order.created.v1', convert_to(format(
        '{"specversion": "1.0", "id": "%s", "source": "/order-svc", "type": "order.created.v1", "subject": "%s", "time": %s, "datacontenttype": "application/json", "traceparent": "00-fe18f17c2d3f02b0bf8ee8b764e086db-e3aca2e680ee66a6-01", "aggregateversion": 1, "data": %s}',
        gen_random_uuid(), :order_id::uuid, to_json(now()), data), 'UTF8')
      from document
    returning seq
)
select seq as created from told \gset

-- It is shown.
with document as materialized (
    select format(
        '{"id": "%1$s", "customer_id": "%2$s", "status": "placed", "version": 1, "currency": "GBP", "lines": [%3$s], "subtotal": 100, "discount": 0, "points_redeemed": 0, "points_returned": 0, "total": 100, "refunded": 0, "incentive": null, "placed_at": %4$s, "updated_at": %4$s}',
        :order_id::uuid, :customer_id::uuid, :order_lines::text, to_json(now())) as data
), received as (
    insert into order_svc.inbox (consumer, event_id) values ('order-svc.order-views', gen_random_uuid())
)
, found as (
    insert into order_svc_read_model.order_search (order_id, search)
    select :order_id::uuid, array_to_tsvector(array_agg(word))
      from (select 'bench' as word
             union select replace(left(:order_id, 8), '-', '')
             union select :order_id
             union select unnest(array['=BENCH-' || (:first::bigint + no - 1), (:first::bigint + no - 1)::text])
                     from generate_series(1, :lines::integer) as no) as words
), counted as (
    insert into order_svc_read_model.order_figures (order_id, version, customer_id, currency, day, placed_at, cancelled, units,
                                                    gross, discount, points_value, revenue, refunded, points)
    values (:order_id::uuid, 1, :customer_id::uuid, 'GBP', current_date, now(), 0, :lines::bigint, :lines::bigint * 100, 0, 0,
            :lines::bigint * 100, 0, 0)
), customer as (
    insert into order_svc_read_model.customers as kept
           (customer_id, currency, orders, cancelled, units, gross, discount, points_value, revenue, refunded, points,
            first_order_at, last_order_at)
    values (:customer_id::uuid, 'GBP', 1, 0, :lines::bigint, :lines::bigint * 100, 0, 0, :lines::bigint * 100, 0, 0, now(), now())
    on conflict (customer_id, currency) do update
       set orders = kept.orders + 1, units = kept.units + excluded.units, gross = kept.gross + excluded.gross,
           revenue = kept.revenue + excluded.revenue, last_order_at = greatest(kept.last_order_at, excluded.last_order_at)
)
insert into order_svc_read_model.orders (order_id, customer_id, status, version, placed_at, document)
select :order_id::uuid, :customer_id::uuid, 'placed', 1, now(), data::jsonb from document;

-- The hold is confirmed, and points are earned.
with received as (
    insert into inventory_svc.inbox (consumer, event_id) values ('inventory-svc.orders', gen_random_uuid())
), followed as (
    insert into inventory_svc.followed_orders (order_id, version) values (:order_id::uuid, 1)
), held as (
    update inventory_svc.holds set state = 'CONFIRMED', version = version + 1, updated_at = now()
     where order_id = :order_id::uuid and hold_no = 1
), earned as (
    insert into inventory_svc.loyalty_entries (customer_id, from_account, to_account, points, reason, order_id, no, rate)
    values (:customer_id::uuid, 'issued', 'pending', :lines::bigint, 'earned', :order_id::uuid, 1, 1)
), account as (
    update inventory_svc.loyalty_accounts set pending = pending + :lines::bigint where customer_id = :customer_id::uuid
), told as (
    insert into inventory_svc.outbox (id, kind, payload)
    select gen_random_uuid(), kind, convert_to(format(
        '{"specversion": "1.0", "id": "%s", "source": "/inventory-svc", "type": "%s", "subject": "%s", "time": %s, "datacontenttype": "application/json", "traceparent": "00-fe18f17c2d3f02b0bf8ee8b764e086db-57c666ca9dfd575e-01", "aggregateversion": 2, "data": %s}',
        gen_random_uuid(), kind, :order_id::uuid, to_json(now()), data), 'UTF8')
      from (values
        ('inventory.stock_confirmed.v1', format('{"order_id": "%s", "holds": [1]}', :order_id::uuid)),
        ('incentive.points_earned.v1',
         format('{"customer_id": "%s", "order_id": "%s", "points": 1}', :customer_id::uuid, :order_id::uuid))
      ) as event (kind, data)
    returning seq
)
select array_agg(seq)::text as confirmed_and_earned from told \gset

-- So is the order.
with document as materialized (
    select format(
        '{"order_id": "%1$s", "customer_id": "%2$s", "status": "confirmed", "version": 2, "currency": "GBP", "lines": [%3$s], "subtotal": 100, "discount": 0, "points_redeemed": 0, "points_returned": 0, "total": 100, "refunded": 0, "net": 100, "holds": [1], "placed_at": %4$s, "updated_at": %4$s}',
        :order_id::uuid, :customer_id::uuid, :order_lines::text, to_json(now())) as data
), received as (
    insert into order_svc.inbox (consumer, event_id) values ('order-svc.stock', gen_random_uuid())
), changed as (
    update order_svc.orders set status = 'confirmed', version = 2, updated_at = now() where id = :order_id::uuid
), noted as (
    insert into order_svc.order_events (order_id, version, event_id, kind, occurred_at, data)
    select :order_id::uuid, 2, gen_random_uuid(), 'order.confirmed.v1', now(), convert_to(data, 'UTF8') from document
), told as (
    insert into order_svc.outbox (id, kind, payload)
    select gen_random_uuid(), 'order.confirmed.v1', convert_to(format(
        '{"specversion": "1.0", "id": "%s", "source": "/order-svc", "type": "order.confirmed.v1", "subject": "%s", "time": %s, "datacontenttype": "application/json", "traceparent": "00-fe18f17c2d3f02b0bf8ee8b764e086db-54c691437bc42447-01", "aggregateversion": 2, "data": %s}',
        gen_random_uuid(), :order_id::uuid, to_json(now()), data), 'UTF8')
      from document
    returning seq
)
select seq as confirmed from told \gset

-- That is shown, too, and followed.
with document as materialized (
    select format(
        '{"id": "%1$s", "customer_id": "%2$s", "status": "confirmed", "version": 2, "currency": "GBP", "lines": [%3$s], "subtotal": 100, "discount": 0, "points_redeemed": 0, "points_returned": 0, "total": 100, "refunded": 0, "incentive": null, "placed_at": %4$s, "updated_at": %4$s}',
        :order_id::uuid, :customer_id::uuid, :order_lines::text, to_json(now())) as data
), received as (
    insert into order_svc.inbox (consumer, event_id) values ('order-svc.order-views', gen_random_uuid())
), received_by_inventory as (
    insert into inventory_svc.inbox (consumer, event_id) values ('inventory-svc.orders', gen_random_uuid())
), followed as (
    update inventory_svc.followed_orders set version = 2 where order_id = :order_id::uuid
), counted as (
    update order_svc_read_model.order_figures set version = 2 where order_id = :order_id::uuid
)
update order_svc_read_model.orders set status = 'confirmed', version = 2, document = data::jsonb
  from document where order_id = :order_id::uuid;

-- The relays take the events out. The stock is last.
with told_by_inventory as (
    delete from inventory_svc.outbox where seq = any (:reserved::bigint || :confirmed_and_earned::bigint[])
), told as (
    delete from order_svc.outbox where seq in (:created::bigint, :confirmed::bigint)
), locked as materialized (
    select sku from inventory_svc.stock
     where sku = any (array(select 'BENCH-' || (:first::bigint + no - 1) from generate_series(1, :lines::integer) as no))
     order by sku
       for no key update
)
update inventory_svc.stock set reserved = reserved + 1 from locked where stock.sku = locked.sku;
-- So is the day.
insert into order_svc_read_model.sales_days as kept
       (day, currency, orders, cancelled, units, gross, discount, points_value, revenue, refunded, points)
values (current_date, 'GBP', 1, 0, :lines::bigint, :lines::bigint * 100, 0, 0, :lines::bigint * 100, 0, 0)
on conflict (day, currency) do update
   set orders = kept.orders + 1, units = kept.units + excluded.units, gross = kept.gross + excluded.gross,
       revenue = kept.revenue + excluded.revenue;
end;
