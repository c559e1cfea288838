//! Whether the views, and the log that they can be built from, tell of each order what it is.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use chassis::{Result, audit::Checked};
use chrono::{DateTime, Utc};
use proto::events::order::OrderData;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    super::{events::order_data, keepings::settled_orders},
    COUNTED, PAGE, SHOWN, violation,
};
use crate::{
    application::OrderView,
    domain::Order,
    infrastructure::projections::{Contribution, view, words},
};

/// The read model shows each order as it stands, and no other; so do the figures; and the log tells it so. Of orders that
/// have changed within `settle`, only the log is looked at. Answers what is shown, and what is counted.
pub(super) async fn check(
    tx: &mut PgConnection,
    settle: Duration,
    logged: &mut Checked,
) -> Result<(Checked, Checked)> {
    let mut found = (Checked::new(SHOWN), Checked::new(COUNTED));
    // Not by the clock alone, where all are asked for: that of whoever wrote the order may be ahead.
    let before: Option<DateTime<Utc>> = sqlx::query_scalar!(
        "select case when $1::float8 > 0 then clock_timestamp() - make_interval(secs => $1) end",
        settle.as_secs_f64()
    )
    .fetch_one(&mut *tx)
    .await?;
    let mut after = None;
    loop {
        let limit = i64::try_from(PAGE).unwrap_or(i64::MAX);
        let orders = settled_orders(tx, after, limit, Duration::ZERO).await?;
        let ids: Vec<Uuid> = orders.iter().map(|order| order.id).collect();
        let told = told(tx, &orders).await?;
        let mut shown = shown(tx, &ids).await?;
        let mut counted = counted(tx, &ids).await?;
        for order in &orders {
            let id = order.id;
            let order_is = order_data(order);
            if let Some(told) = told.get(&id)
                && !tells(told, &order_is)
            {
                let detail = "is told with other content";
                logged.found(violation("order_events", id.to_string(), detail));
            }
            if before.is_some_and(|before| order.updated_at >= before) {
                continue;
            }
            found.0.rows += 1;
            if let Some(detail) = differently_shown(&order_is, shown.remove(&id)) {
                found
                    .0
                    .found(violation("read_model.orders", id.to_string(), detail));
            }
            found.1.rows += 1;
            if let Some(detail) = differently_counted(&order_is, counted.remove(&id)) {
                found.1.found(violation(
                    "read_model.order_figures",
                    id.to_string(),
                    detail,
                ));
            }
        }
        after = ids.last().copied();
        if orders.len() < PAGE {
            break;
        }
    }
    for id in strangers_shown(tx).await? {
        let detail = "is shown, but there is no such order";
        found
            .0
            .found(violation("read_model.orders", id.to_string(), detail));
    }
    for id in strangers_counted(tx).await? {
        let detail = "is counted, but there is no such order";
        found.1.found(violation(
            "read_model.order_figures",
            id.to_string(),
            detail,
        ));
    }
    Ok(found)
}

struct Shown {
    order_id: Uuid,
    customer_id: Uuid,
    status: String,
    version: i64,
    placed_at: DateTime<Utc>,
    document: serde_json::Value,
    words: Option<Vec<String>>,
}

async fn shown(tx: &mut PgConnection, ids: &[Uuid]) -> Result<BTreeMap<Uuid, Shown>> {
    let rows = sqlx::query_as!(
        Shown,
        r#"select o.order_id as "order_id!", o.customer_id as "customer_id!", o.status as "status!",
                  o.version as "version!", o.placed_at as "placed_at!", o.document as "document!",
                  tsvector_to_array(s.search) as words
             from read_model.orders o left join read_model.order_search s using (order_id)
            where o.order_id = any($1)"#,
        ids
    )
    .fetch_all(tx)
    .await?;
    Ok(rows
        .into_iter()
        .map(|shown| (shown.order_id, shown))
        .collect())
}

async fn counted(tx: &mut PgConnection, ids: &[Uuid]) -> Result<BTreeMap<Uuid, Contribution>> {
    let rows = sqlx::query_as!(
        Contribution,
        "select order_id, version, customer_id, currency, day, placed_at, code, cancelled, units, gross, discount,
                points_value, revenue, refunded, points
           from read_model.order_figures where order_id = any($1)",
        ids
    )
    .fetch_all(tx)
    .await?;
    Ok(rows
        .into_iter()
        .map(|counted| (counted.order_id, counted))
        .collect())
}

/// What the log tells of these versions; None where it cannot be read.
async fn told(
    tx: &mut PgConnection,
    orders: &[Order],
) -> Result<BTreeMap<Uuid, Option<OrderData>>> {
    let ids: Vec<Uuid> = orders.iter().map(|order| order.id).collect();
    let versions: Vec<i64> = orders.iter().map(|order| order.version).collect();
    let rows = sqlx::query!(
        "select order_id, data from order_events
           join unnest($1::uuid[], $2::bigint[]) as asked (order_id, version) using (order_id, version)",
        &ids,
        &versions
    )
    .fetch_all(tx)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| (row.order_id, serde_json::from_slice(&row.data).ok()))
        .collect())
}

/// Whether what was told would be shown and counted, and the holds kept, as the order is. An event may tell more than
/// that: its own reason.
fn tells(told: &Option<OrderData>, order: &OrderData) -> bool {
    told.as_ref().is_some_and(|told| {
        view(told) == view(order)
            && Contribution::of(told) == Contribution::of(order)
            && told.holds == order.holds
    })
}

async fn strangers_shown(tx: &mut PgConnection) -> Result<Vec<Uuid>> {
    let ids = sqlx::query_scalar!(
        r#"select order_id as "id!"
             from (select order_id from read_model.orders union select order_id from read_model.order_search) v
            where not exists (select from orders o where o.id = v.order_id)
            order by order_id"#
    )
    .fetch_all(tx)
    .await?;
    Ok(ids)
}

async fn strangers_counted(tx: &mut PgConnection) -> Result<Vec<Uuid>> {
    let ids = sqlx::query_scalar!(
        "select order_id from read_model.order_figures v
          where not exists (select from orders o where o.id = v.order_id)
          order by order_id"
    )
    .fetch_all(tx)
    .await?;
    Ok(ids)
}

fn differently_shown(order: &OrderData, shown: Option<Shown>) -> Option<String> {
    let Some(shown) = shown else {
        return Some("is not shown".to_owned());
    };
    if shown.version != order.version {
        return Some(format!(
            "is shown as of version {}, and is at {}",
            shown.version, order.version
        ));
    }
    let expected = view(order);
    // Compared as orders, not as texts: a document may be older than a field that came to mean nothing by default.
    let document = serde_json::from_value::<OrderView>(shown.document);
    let agrees = shown.customer_id == expected.customer_id
        && shown.status == expected.status
        && shown.placed_at == expected.placed_at
        && document.is_ok_and(|document| document == expected);
    if !agrees {
        return Some("is shown with other content".to_owned());
    }
    let found_by: BTreeSet<String> = shown.words.unwrap_or_default().into_iter().collect();
    (found_by != words(order)).then(|| "is found by other words".to_owned())
}

fn differently_counted(order: &OrderData, counted: Option<Contribution>) -> Option<String> {
    let Some(counted) = counted else {
        return Some("is not counted".to_owned());
    };
    if counted.version != order.version {
        return Some(format!(
            "is counted as of version {}, and is at {}",
            counted.version, order.version
        ));
    }
    (counted != Contribution::of(order)).then(|| "is counted with other figures".to_owned())
}
