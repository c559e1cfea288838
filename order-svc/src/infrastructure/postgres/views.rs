use async_trait::async_trait;
use chassis::Result;
use sqlx::{PgPool, Postgres, QueryBuilder};
use uuid::Uuid;

use crate::application::{
    OrderView,
    ports::{Filter, OrderViews, Seen},
    search::sku_term,
};

/// Reads the read models; of the orders themselves, only which version was written.
pub struct PgOrderViews {
    pool: PgPool,
}

impl PgOrderViews {
    #[must_use]
    pub fn new(pool: PgPool) -> Self {
        Self { pool }
    }
}

#[async_trait]
impl OrderViews for PgOrderViews {
    async fn order(&self, id: Uuid, owner: Option<Uuid>) -> Result<Seen> {
        let row = sqlx::query!(
            r#"select v.document as "shown?",
                      (select version from orders where id = $1 and ($2::uuid is null or customer_id = $2)) as written
                 from (select) as always
                 left join read_model.orders v
                   on v.order_id = $1 and ($2::uuid is null or v.customer_id = $2)"#,
            id,
            owner,
        )
        .fetch_one(&self.pool)
        .await?;
        Ok(Seen {
            shown: row.shown.map(serde_json::from_value).transpose()?,
            written: row.written,
        })
    }

    async fn orders(&self, filter: &Filter) -> Result<Vec<OrderView>> {
        let documents: Vec<sqlx::types::Json<OrderView>> = listing(filter)
            .build_query_scalar()
            // Planned each time, for these values: a SKU that is in every order wants another plan than a rare one.
            .persistent(false)
            .fetch_all(&self.pool)
            .await?;
        Ok(documents.into_iter().map(|document| document.0).collect())
    }

    async fn version(&self, id: Uuid) -> Result<Option<i64>> {
        let version = sqlx::query_scalar!(
            "select version from read_model.orders where order_id = $1",
            id
        )
        .fetch_optional(&self.pool)
        .await?;
        Ok(version)
    }
}

/// With the conditions that are asked for and no others, so that each combination finds its index.
fn listing(filter: &Filter) -> QueryBuilder<Postgres> {
    let mut sql = QueryBuilder::new("select o.document from read_model.orders o");
    let terms = terms(filter);
    if !terms.is_empty() {
        sql.push(" join read_model.order_search s on s.order_id = o.order_id and s.search @@ ");
        sql.push_bind(terms.join(" & ")).push("::tsquery");
    }
    sql.push(" where true");
    if let Some(customer) = filter.customer {
        sql.push(" and o.customer_id = ").push_bind(customer);
    }
    if let Some(status) = filter.status {
        sql.push(" and o.status = ").push_bind(status.as_str());
    }
    if let Some(from) = filter.from {
        sql.push(" and o.placed_at >= ").push_bind(from);
    }
    if let Some(to) = filter.to {
        sql.push(" and o.placed_at < ").push_bind(to);
    }
    if let Some((at, id)) = filter.after {
        sql.push(" and (o.placed_at, o.order_id) < (").push_bind(at);
        sql.push(", ").push_bind(id).push(")");
    }
    sql.push(" order by o.placed_at desc, o.order_id desc limit ");
    sql.push_bind(filter.limit);
    sql
}

/// What must be among the words of an order, as operands of a `tsquery`.
fn terms(filter: &Filter) -> Vec<String> {
    let quoted = |word: &str| {
        let word = word.replace('\\', "\\\\").replace('\'', "''");
        format!("'{word}'")
    };
    let whole = filter.sku.iter().map(|sku| quoted(&sku_term(sku)));
    let parts = filter.text.iter().map(|asked| {
        let words: Vec<String> = asked.words.iter().map(|word| quoted(word) + ":*").collect();
        let words = words.join(" & ");
        match &asked.id {
            Some(id) => format!("({words} | {}:*)", quoted(id)),
            None => words,
        }
    });
    whole.chain(parts).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::application::search::Sought;

    #[test]
    fn whatever_is_asked_for_is_one_operand() {
        let filter = Filter {
            sku: Some("A'\\ & B".to_owned()),
            text: Sought::parse("heart 85123A-255"),
            ..Filter::default()
        };
        assert_eq!(
            terms(&filter),
            [
                r"'=A''\\ & B'",
                "'heart':*",
                "('85123a':* & '255':* | '85123a255':*)"
            ]
        );
    }
}
