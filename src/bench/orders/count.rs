//! What the databases hold against what was answered.

use crate::bench::{load::Tally, shop::Shop, stock};

/// What a shop's databases hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    pub orders: Orders,
    pub stock: stock::Count,
    /// Orders that inventory-svc has followed.
    pub followed: i64,
    pub mails: i64,
}

/// What order-svc's database holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, sqlx::FromRow)]
pub struct Orders {
    pub all: i64,
    pub confirmed: i64,
    /// Pieces on their lines.
    pub pieces: i64,
    /// Those that the read model shows as they are.
    pub shown: i64,
}

impl Count {
    pub async fn of(shop: &Shop) -> anyhow::Result<Self> {
        let orders = sqlx::query_as(
            r#"select (select count(*) from orders) as "all",
                      (select count(*) from orders where status = 'confirmed') as confirmed,
                      (select coalesce(sum(quantity), 0)::bigint from order_lines) as pieces,
                      (select count(*) from orders o join read_model.orders v on v.order_id = o.id
                        where v.version = o.version and v.status = o.status) as shown"#,
        )
        .fetch_one(&shop.order.pool)
        .await?;
        let followed = sqlx::query_scalar("select count(*) from followed_orders")
            .fetch_one(&shop.inventory.pool)
            .await?;
        let mails = sqlx::query_scalar(
            // Accounts get mails, too.
            "select count(*) from mails where key like 'order-confirmation:%'",
        )
        .fetch_one(&shop.worker.pool)
        .await?;
        Ok(Self {
            orders,
            stock: stock::Count::of(&shop.inventory.pool).await?,
            followed,
            mails,
        })
    }

    /// What is wrong after these tallies, when orders have so many lines of one piece each.
    pub fn problems(self, before: Self, tallies: &[&Tally], lines: usize) -> Vec<String> {
        let accepted: u64 = tallies.iter().map(|tally| tally.accepted).sum();
        let doubtful: u64 = tallies.iter().map(|tally| tally.doubtful).sum();
        let Ok(orders) = u64::try_from(self.orders.all - before.orders.all) else {
            return vec!["there are fewer orders than before".to_owned()];
        };
        let mut problems = Vec::new();
        if !(accepted..=accepted + doubtful).contains(&orders) {
            problems.push(format!(
                "{accepted} orders were accepted ({doubtful} answers unknown), and {orders} are in the database"
            ));
        }
        for (what, now, before) in [
            ("confirmed", self.orders.confirmed, before.orders.confirmed),
            ("shown", self.orders.shown, before.orders.shown),
            ("followed by inventory-svc", self.followed, before.followed),
            ("told of by mail", self.mails, before.mails),
            (
                "with a confirmed hold",
                self.stock.confirmed,
                before.stock.confirmed,
            ),
        ] {
            let difference = now - before;
            if u64::try_from(difference) != Ok(orders) {
                problems.push(format!("of {orders} orders, {difference} are {what}"));
            }
        }
        let open = self.stock.held + self.stock.other;
        if open > 0 {
            problems.push(format!("{open} holds are not CONFIRMED"));
        }
        let pieces = self.orders.pieces - before.orders.pieces;
        if u64::try_from(pieces) != Ok(orders * lines as u64) {
            problems.push(format!(
                "{orders} orders of {lines} pieces have {pieces} pieces on their lines"
            ));
        }
        problems.extend(self.stock.problems(before.stock, orders, lines));
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(orders: i64) -> Count {
        Count {
            orders: Orders {
                all: orders,
                confirmed: orders,
                pieces: orders * 2,
                shown: orders,
            },
            stock: stock::Count {
                confirmed: orders,
                pieces: orders * 2,
                reserved: orders * 2,
                moved: orders * 2,
                ..Default::default()
            },
            followed: orders,
            mails: orders,
        }
    }

    #[test]
    fn a_miscount_is_found_wherever_it_is() {
        let tally = |accepted, doubtful| Tally {
            accepted,
            doubtful,
            ..Tally::new().unwrap()
        };
        let found = |after: Count, doubtful| {
            after.problems(count(10), &[&tally(3, 0), &tally(4, doubtful)], 2)
        };
        assert_eq!(found(count(17), 0), Vec::<String>::new());
        assert_eq!(found(count(18), 1), Vec::<String>::new());
        for (after, doubtful) in [(18, 0), (16, 1), (9, 0)] {
            assert_eq!(found(count(after), doubtful).len(), 1, "{after}");
        }
        let breaks: [fn(&mut Count); 9] = [
            |count| count.orders.confirmed -= 1,
            |count| count.orders.shown -= 1,
            |count| count.orders.pieces += 1,
            |count| count.followed -= 1,
            |count| count.mails += 1,
            |count| count.stock.held += 1,
            |count| count.stock.other += 1,
            |count| count.stock.reserved -= 1,
            |count| count.stock.wrong_skus += 1,
        ];
        for (index, spoil) in breaks.into_iter().enumerate() {
            let mut after = count(17);
            spoil(&mut after);
            assert_eq!(found(after, 0).len(), 1, "{index}");
        }
    }
}
