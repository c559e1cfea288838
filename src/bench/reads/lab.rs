//! The same questions among few orders and among many.

use std::{
    io::Write as _,
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use chassis::config::Secret;
use indicatif::HumanCount;
use uuid::Uuid;

use super::{
    Options,
    questions::{People, Question, Who, questions},
    readers::readers,
    rebuild::{Rebuilding, rebuild},
};
use crate::{
    bench::{
        load::{self, Tally},
        shop::{Open, Shop},
    },
    client::Account,
    generate::{self, Plan},
    system::Configs,
};

/// Callers that ask at once, in turn.
const CALLERS: [usize; 2] = [1, 8];
/// For this part of the time each question is asked before its first round, not measured.
const WARM_UP: u32 = 5;
/// The generated shop: people, goods, lines of an order at most.
const CUSTOMERS: usize = 50_000;
const PRODUCTS: usize = 5_000;
const LINES: usize = 5;

/// What all of it has in common.
pub struct Lab<'a> {
    pub options: &'a Options,
    /// With the shop's databases.
    pub configs: &'a Configs,
    pub shop: &'a Shop,
}

/// All that was measured.
pub struct Measured {
    pub small: Vec<Asked>,
    pub large: Vec<Asked>,
    pub rebuilding: Option<Rebuilding>,
}

/// How a question was answered, in all rounds.
pub struct Asked {
    pub name: &'static str,
    pub callers: usize,
    pub limit: Option<f64>,
    pub tally: Tally,
}

impl Lab<'_> {
    pub async fn measure(&self) -> anyhow::Result<Measured> {
        let open = self.shop.open().await?;
        let people = self.people(&open).await?;
        open.close().await;

        let (small, large) = (self.options.small.get(), self.options.large.get());
        self.generate(small, people.customer_id).await?;
        let open = self.shop.open().await?;
        let among_few = self.ask_all(&open, &people, small).await?;
        open.close().await;

        self.generate(large - small, people.customer_id).await?;
        let open = self.shop.open().await?;
        let among_many = self.ask_all(&open, &people, large).await?;
        let rebuilding = if self.options.rebuild {
            Some(rebuild(self, &open, &people).await?)
        } else {
            None
        };
        open.close().await;
        Ok(Measured {
            small: among_few,
            large: among_many,
            rebuilding,
        })
    }

    async fn people(&self, open: &Open) -> anyhow::Result<People> {
        let api = open.api()?;
        let customer = Account::new(
            "regular@bench.example".to_owned(),
            "Regular".to_owned(),
            Uuid::new_v4().to_string().into(),
        );
        customer.register(&api).await?;
        let me = api.get("/v1/me").by(&customer).send().await?;
        Ok(People {
            staff: self.shop.admin(),
            customer_id: serde_json::from_value(me.body["id"].clone())?,
            customer,
        })
    }

    async fn generate(&self, orders: u64, best_customer: Uuid) -> anyhow::Result<()> {
        let plan = Plan {
            orders,
            customers: CUSTOMERS,
            products: PRODUCTS,
            seed: 1,
            lines: LINES,
            best_customer: Some(best_customer),
        };
        let generated = generate::fill(self.configs, &plan).await?;
        let _ = writeln!(std::io::stderr(), "{generated}");
        // The read models are new once more.
        generate::look_at(&self.shop.order.pool).await
    }

    async fn ask_all(
        &self,
        open: &Open,
        people: &People,
        orders: u64,
    ) -> anyhow::Result<Vec<Asked>> {
        let api = open.api()?;
        let asking = questions(&api, &self.shop.order.pool, people).await?;
        let (staff, customer) = (
            people.staff.token(&api).await?,
            people.customer.token(&api).await?,
        );
        let mut answers: Vec<Asked> = Vec::new();
        for round in 1..=self.options.rounds.get() {
            let mut each = answers.iter_mut();
            let mut first = Vec::new();
            for question in &asking {
                let token = match question.who {
                    Who::Staff => &staff,
                    Who::Customer => &customer,
                };
                for callers in CALLERS {
                    if round == 1 {
                        self.ask(
                            open,
                            token,
                            question,
                            callers,
                            self.options.seconds / WARM_UP,
                        )
                        .await?;
                    }
                    let seconds = self.options.seconds;
                    let tally = self.ask(open, token, question, callers, seconds).await?;
                    match each.next() {
                        Some(asked) => asked.tally.add(tally)?,
                        None => first.push(Asked {
                            name: question.name,
                            callers,
                            limit: question.limit,
                            tally,
                        }),
                    }
                }
            }
            answers.extend(first);
            let _ = writeln!(
                std::io::stderr(),
                "round {round} among {} orders",
                HumanCount(orders)
            );
        }
        Ok(answers)
    }

    async fn ask(
        &self,
        open: &Open,
        token: &Secret,
        question: &Question,
        callers: usize,
        duration: Duration,
    ) -> anyhow::Result<Tally> {
        let groups = readers(&open.gateway_url, token, &question.paths, callers)?;
        let progress: Arc<AtomicU64> = Arc::default();
        load::run(groups, &progress, duration).await
    }
}
