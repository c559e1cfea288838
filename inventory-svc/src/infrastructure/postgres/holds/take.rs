//! Taking holds: any number of requests in one transaction, each whole or not at all.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chassis::{
    Code, Error, Result,
    amqp::outbox,
    postgres::{constraint, is_transient},
};
use sha2::{Digest as _, Sha256};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::{allotments, events, parse_sku, parse_state};
use crate::{
    application::ports::{TakenHold, Taking},
    domain::{
        Basket, Code as DiscountCode, Grant, HoldError, HoldKey, LoyaltyPolicy, PointsHold,
        PricedLine, Sku,
    },
    infrastructure::postgres::{
        code_uses::{CodeUse, use_codes},
        loyalty::hold_points,
        shelf::lock_shelf,
        stock_watch::note_crossings,
    },
};

/// Somebody else took one of the holds in the middle of it, or waited for us in a ring: decided again, it is found.
const ATTEMPTS: usize = 5;

/// The answers, in the order of the requests. They are as if the requests had been taken one after the other.
///
/// # Errors
/// When the database refuses: then nothing was taken, unless the outcome of the commit is unknown.
pub(super) async fn take(
    pool: &PgPool,
    policy: &LoyaltyPolicy,
    batch: &[Taking],
) -> Result<Vec<Result<TakenHold>>> {
    let mut attempt = 1;
    loop {
        match try_take(pool, policy, batch).await {
            Err(Failure::Overtaken) if attempt < ATTEMPTS => attempt += 1,
            Err(Failure::Overtaken) => {
                return Err(Error::unavailable(anyhow::anyhow!(
                    "other calls took these holds again and again"
                )));
            }
            Err(Failure::Other(error)) => return Err(error),
            Ok(answers) => return Ok(answers),
        }
    }
}

/// A request in a transaction of its own.
pub(super) async fn take_one(
    pool: &PgPool,
    policy: &LoyaltyPolicy,
    taking: Taking,
) -> Result<TakenHold> {
    take(pool, policy, &[taking])
        .await?
        .pop()
        .unwrap_or_else(|| Err(Error::internal(anyhow::anyhow!("no answer to a request"))))
}

enum Failure {
    /// Another transaction was in the way; nothing was written.
    Overtaken,
    Other(Error),
}

impl<E: Into<Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Other(error.into())
    }
}

/// A hold that is granted, and what is written of it.
struct Granted<'a> {
    taking: &'a Taking,
    fingerprint: Vec<u8>,
    hold: TakenHold,
    points: Option<PointsHold>,
}

impl<'a> Granted<'a> {
    fn new(taking: &'a Taking, fingerprint: Vec<u8>, grant: Grant, policy: &LoyaltyPolicy) -> Self {
        let points: i64 = grant.points.iter().map(|used| used.points).sum();
        Self {
            taking,
            fingerprint,
            hold: TakenHold {
                token: Uuid::now_v7(),
                currency: grant.currency.code().to_owned(),
                lines: grant.lines,
                points,
                point_value: policy.point_value,
                discount_code: grant.code.as_ref().map(DiscountCode::to_string),
                allotments: grant.allotments,
            },
            points: (points > 0).then_some(PointsHold {
                key: taking.key,
                customer_id: taking.basket.customer_id,
                uses: grant.points,
            }),
        }
    }
}

async fn try_take(
    pool: &PgPool,
    policy: &LoyaltyPolicy,
    batch: &[Taking],
) -> Result<Vec<Result<TakenHold>>, Failure> {
    let mut tx = pool.begin().await?;
    let mut shelf = lock_shelf(&mut tx, batch.iter().map(|taking| &taking.basket), policy).await?;
    // After the locks: a twin that another replica was taking has committed by then, and is found. Looked for before, it
    // could be missed, and its repetition refused for want of the very pieces that it took.
    let known = look_up(&mut tx, batch).await?;

    let mut granted: Vec<Granted<'_>> = Vec::with_capacity(batch.len());
    let mut granted_at: HashMap<HoldKey, usize> = HashMap::with_capacity(batch.len());
    let mut answers = Vec::with_capacity(batch.len());
    for taking in batch {
        let fingerprint = fingerprint(&taking.basket);
        let answer = if let Some(known) = known.get(&taking.key) {
            known.answer(&fingerprint)
        } else if let Some(&twin) = granted_at.get(&taking.key) {
            let twin: &Granted<'_> = &granted[twin];
            repeat(&twin.hold, &twin.fingerprint, &fingerprint)
        } else {
            shelf
                .grant(&taking.basket)
                .map_err(Error::from)
                .map(|grant| {
                    granted_at.insert(taking.key, granted.len());
                    let granting = Granted::new(taking, fingerprint, grant, policy);
                    let hold = granting.hold.clone();
                    granted.push(granting);
                    hold
                })
        };
        answers.push(answer);
    }
    if granted.is_empty() {
        return Ok(answers);
    }
    // In the order of their keys, so that two transactions that want the same do not wait for each other in a ring.
    granted.sort_unstable_by_key(|granted| granted.taking.key);
    write(&mut tx, &granted).await.map_err(overtaken)?;
    write_incentives(&mut tx, &mut granted).await?;
    let allotments = granted
        .iter()
        .map(|granted| (granted.taking.key, granted.hold.allotments.as_slice()));
    allotments::write(&mut tx, allotments).await?;
    note_crossings(&mut tx, &shelf.crossed()).await?;
    announce(&mut tx, &granted).await?;
    fail::fail_point!("reserve-before-commit", |_| Err(Failure::Other(
        Error::unavailable(anyhow::anyhow!("failpoint"))
    )));
    tx.commit().await?;
    fail::fail_point!("reserve-reply-lost", |_| Err(Failure::Other(
        Error::unavailable(anyhow::anyhow!("failpoint"))
    )));
    Ok(answers)
}

fn overtaken(error: sqlx::Error) -> Failure {
    let deadlock = error
        .as_database_error()
        .and_then(|error| error.code())
        .is_some_and(|code| code == "40P01");
    match constraint(&error) {
        Some("holds_pkey" | "hold_lines_pkey") => Failure::Overtaken,
        _ if deadlock && is_transient(&error) => Failure::Overtaken,
        _ => error.into(),
    }
}

/// What the hold asks for, as far as a repetition must be the same.
pub(in crate::infrastructure::postgres) fn fingerprint(basket: &Basket) -> Vec<u8> {
    let mut hash = Sha256::new();
    hash.update(basket.customer_id.as_bytes());
    for line in basket.lines() {
        hash.update(line.sku.as_str());
        hash.update([0]);
        hash.update(line.quantity.get().to_be_bytes());
    }
    if basket.incentive.is_some() {
        hash.update([1]);
        hash.update(basket.discount_code().unwrap_or_default());
        hash.update([0]);
        hash.update(basket.points().to_be_bytes());
    }
    if let Some(context) = basket.context() {
        hash.update([2]);
        hash.update(context.currency.code());
        for line in &context.lines {
            hash.update(line.sku.as_str());
            hash.update([0]);
            let figures = [
                line.quantity,
                line.unit_price,
                line.discount,
                line.points_value,
            ];
            figures
                .iter()
                .for_each(|figure| hash.update(figure.to_be_bytes()));
        }
        hash.update(context.discount_code.as_deref().unwrap_or_default());
    }
    hash.finalize().to_vec()
}

/// A hold that is there already.
enum Known {
    Closed,
    Taken {
        fingerprint: Option<Vec<u8>>,
        hold: TakenHold,
    },
}

impl Known {
    fn answer(&self, fingerprint: &[u8]) -> Result<TakenHold> {
        match self {
            Self::Closed => Err(HoldError::Closed.into()),
            Self::Taken {
                fingerprint: known,
                hold,
            } => repeat(hold, known.as_deref().unwrap_or_default(), fingerprint),
        }
    }
}

/// The same hold with the same content gives the same answer.
fn repeat(hold: &TakenHold, known: &[u8], asked: &[u8]) -> Result<TakenHold> {
    if known == asked {
        Ok(hold.clone())
    } else {
        Err(Error::new(
            Code::Invalid,
            "hold-mismatch",
            "this hold was taken with other content",
        ))
    }
}

/// Those of the requested holds that are there already.
async fn look_up(tx: &mut PgConnection, batch: &[Taking]) -> Result<HashMap<HoldKey, Known>> {
    // Twins ask for the same one.
    let distinct: BTreeSet<HoldKey> = batch.iter().map(|taking| taking.key).collect();
    let (orders, hold_nos) = columns(distinct.into_iter());
    let rows = sqlx::query!(
        r#"select h.order_id, h.hold_no, h.state, h.token, h.fingerprint, h.currency, h.points, h.point_value,
                  u.code as "code?"
             from holds h join unnest($1::uuid[], $2::int[]) as t (order_id, hold_no) using (order_id, hold_no)
             left join code_uses u using (order_id, hold_no)"#,
        &orders,
        &hold_nos,
    )
    .fetch_all(&mut *tx)
    .await?;
    if rows.is_empty() {
        return Ok(HashMap::new());
    }
    let mut lines = lines_of(tx, &orders, &hold_nos).await?;
    let mut allotments = allotments::find(tx, &orders, &hold_nos).await?;
    rows.into_iter()
        .map(|row| {
            let key = HoldKey {
                order_id: row.order_id,
                hold_no: row.hold_no,
            };
            let known = if parse_state(&row.state)?.is_closed() {
                Known::Closed
            } else {
                Known::Taken {
                    fingerprint: row.fingerprint,
                    hold: TakenHold {
                        token: row.token.unwrap_or_default(),
                        currency: row.currency.unwrap_or_default(),
                        lines: lines.remove(&key).unwrap_or_default(),
                        points: row.points,
                        point_value: row.point_value,
                        discount_code: row.code,
                        allotments: allotments.remove(&key).unwrap_or_default(),
                    },
                }
            };
            Ok((key, known))
        })
        .collect()
}

async fn lines_of(
    tx: &mut PgConnection,
    orders: &[Uuid],
    hold_nos: &[i32],
) -> Result<HashMap<HoldKey, Vec<PricedLine>>> {
    let rows = sqlx::query!(
        "select order_id, hold_no, sku, name, quantity, unit_price, discount, points_value, available
           from hold_lines join unnest($1::uuid[], $2::int[]) as t (order_id, hold_no) using (order_id, hold_no)
          order by order_id, hold_no, line_no",
        orders,
        hold_nos,
    )
    .fetch_all(tx)
    .await?;
    let mut lines: HashMap<HoldKey, Vec<PricedLine>> = HashMap::new();
    for row in rows {
        let key = HoldKey {
            order_id: row.order_id,
            hold_no: row.hold_no,
        };
        lines.entry(key).or_default().push(PricedLine {
            sku: parse_sku(&row.sku)?,
            name: row.name,
            quantity: row.quantity,
            unit_price: row.unit_price,
            discount: row.discount,
            points_value: row.points_value,
            available: row.available,
        });
    }
    Ok(lines)
}

/// Holds, lines, stock and movements, in one statement.
async fn write(tx: &mut PgConnection, granted: &[Granted<'_>]) -> Result<(), sqlx::Error> {
    let (orders, hold_nos) = columns(granted.iter().map(|granted| granted.taking.key));
    let tokens: Vec<Uuid> = granted.iter().map(|granted| granted.hold.token).collect();
    let customers: Vec<Uuid> = granted
        .iter()
        .map(|granted| granted.taking.basket.customer_id)
        .collect();
    let fingerprints: Vec<Vec<u8>> = granted
        .iter()
        .map(|granted| granted.fingerprint.clone())
        .collect();
    let currencies: Vec<String> = granted
        .iter()
        .map(|granted| granted.hold.currency.clone())
        .collect();
    let ttls: Vec<f64> = granted
        .iter()
        .map(|granted| granted.taking.ttl.as_secs_f64())
        .collect();

    let points: Vec<i64> = granted.iter().map(|granted| granted.hold.points).collect();
    let point_values: Vec<i64> = granted
        .iter()
        .map(|granted| granted.hold.point_value)
        .collect();

    let lines = || {
        granted.iter().flat_map(|granted| {
            let key = granted.taking.key;
            (1_i32..)
                .zip(&granted.hold.lines)
                .map(move |(line_no, line)| (key, line_no, line))
        })
    };
    let (line_orders, line_hold_nos) = columns(lines().map(|(key, ..)| key));
    let line_nos: Vec<i32> = lines().map(|(_, line_no, _)| line_no).collect();
    let skus: Vec<String> = lines().map(|(.., line)| line.sku.to_string()).collect();
    let names: Vec<String> = lines().map(|(.., line)| line.name.clone()).collect();
    let column = |value: fn(&PricedLine) -> i64| -> Vec<i64> {
        lines().map(|(.., line)| value(line)).collect()
    };
    let mut totals: BTreeMap<&Sku, i64> = BTreeMap::new();
    for (.., line) in lines() {
        *totals.entry(&line.sku).or_default() += line.quantity;
    }
    let (total_skus, total_quantities): (Vec<String>, Vec<i64>) = totals
        .into_iter()
        .map(|(sku, quantity)| (sku.to_string(), quantity))
        .unzip();
    sqlx::query!(
        "with hold as (
             insert into holds (order_id, hold_no, state, token, customer_id, fingerprint, currency, expires_at, points,
                                point_value)
             select order_id, hold_no, 'HELD', token, customer_id, fingerprint, currency,
                    now() + make_interval(secs => ttl), points, point_value
               from unnest($1::uuid[], $2::int[], $3::uuid[], $4::uuid[], $5::bytea[], $6::text[], $7::float8[],
                           $19::bigint[], $20::bigint[])
                 as t (order_id, hold_no, token, customer_id, fingerprint, currency, ttl, points, point_value)
         ), stocked as (
             update stock set reserved = stock.reserved + total.quantity
               from unnest($17::text[], $18::bigint[]) as total (sku, quantity) where stock.sku = total.sku
         ), line as (
             select * from unnest($8::uuid[], $9::int[], $10::int[], $11::text[], $12::text[], $13::bigint[], $14::bigint[],
                                  $15::bigint[], $16::bigint[], $21::bigint[])
                 as t (order_id, hold_no, line_no, sku, name, quantity, unit_price, discount, available, points_value)
         ), moved as (
             insert into stock_movements (sku, kind, on_hand_delta, reserved_delta, order_id, hold_no)
             select sku, 'reservation', 0, quantity, order_id, hold_no from line
         )
         insert into hold_lines (order_id, hold_no, line_no, sku, name, quantity, unit_price, discount, available,
                                 points_value)
         select * from line",
        &orders,
        &hold_nos,
        &tokens,
        &customers,
        &fingerprints,
        &currencies,
        &ttls,
        &line_orders,
        &line_hold_nos,
        &line_nos,
        &skus,
        &names,
        &column(|line| line.quantity),
        &column(|line| line.unit_price),
        &column(|line| line.discount),
        &column(|line| line.available),
        &total_skus,
        &total_quantities,
        &points,
        &point_values,
        &column(|line| line.points_value),
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Uses of codes, and points.
async fn write_incentives(tx: &mut PgConnection, granted: &mut [Granted<'_>]) -> Result<()> {
    let codes: Vec<CodeUse<'_>> = granted
        .iter()
        .filter_map(|granted| {
            Some(CodeUse {
                key: granted.taking.key,
                code: granted.hold.discount_code.as_deref()?,
                customer_id: granted.taking.basket.customer_id,
                discount: granted.hold.discount(),
            })
        })
        .collect();
    use_codes(tx, &codes).await?;
    let points: Vec<PointsHold> = granted
        .iter_mut()
        .filter_map(|granted| granted.points.take())
        .collect();
    if points.is_empty() {
        return Ok(());
    }
    hold_points(tx, &points).await
}

/// Each event belongs to the trace of the request that caused it. A hold of no goods is no news of stock.
async fn announce(tx: &mut PgConnection, granted: &[Granted<'_>]) -> Result<()> {
    let events = granted
        .iter()
        .filter(|granted| !granted.hold.lines.is_empty())
        .map(|granted| {
            let mut event = events::reserved(granted.taking.key, &granted.hold.lines)?;
            event.traceparent.clone_from(&granted.taking.traceparent);
            Ok(event)
        })
        .collect::<Result<_>>()?;
    outbox::append(tx, events).await
}

fn columns(keys: impl Iterator<Item = HoldKey>) -> (Vec<Uuid>, Vec<i32>) {
    keys.map(|key| (key.order_id, key.hold_no)).unzip()
}

#[cfg(test)]
#[path = "take_tests.rs"]
mod tests;
