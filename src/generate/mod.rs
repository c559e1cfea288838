//! `easyorder generate`: orders as a shop has them after years, by the thousand or the million.

mod fill;
mod shop;
mod story;

use std::num::NonZero;

use anyhow::Context as _;
use chassis::postgres;

pub use self::{
    fill::{fill, look_at},
    shop::Plan,
};
use crate::{say, system::Configs};

/// How much of it.
#[derive(clap::Args, Debug, Clone)]
pub struct Options {
    /// Orders that are added, spread over the two years before today
    #[arg(long, value_name = "N", default_value = "10000")]
    pub orders: NonZero<u64>,
    /// Customers; a few of them order much, most of them little
    #[arg(long, value_name = "N", default_value = "50000")]
    pub customers: NonZero<usize>,
    /// Products, those of an earlier run included; a few of them are in many orders, most of them in few
    #[arg(long, value_name = "N", default_value = "5000")]
    pub products: NonZero<usize>,
    /// Another seed makes other orders
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub seed: u64,
    /// Lines of an order at most
    #[arg(long, value_name = "MAX", default_value = "5")]
    pub lines: NonZero<usize>,
}

/// Fills the databases that the environment names, and says what became of it.
///
/// # Errors
/// When a database cannot be used, or a rebuild of a read model is under way. What was written until then stays.
pub async fn run(options: Options) -> anyhow::Result<()> {
    let configs = Configs::from_env()?;
    say(format_args!(
        "Generating into the databases of ORDER_DATABASE_URL ({}) and INVENTORY_DATABASE_URL ({}).",
        fill::place(&configs.order.database_url)?,
        fill::place(&configs.inventory.database_url)?,
    ));
    for (variable, url) in [
        ("ORDER_DATABASE_URL", &configs.order.database_url),
        ("INVENTORY_DATABASE_URL", &configs.inventory.database_url),
    ] {
        postgres::create_database_if_missing(url)
            .await
            .context(variable)?;
    }
    inventory_svc::migrate(&configs.inventory).await?;
    order_svc::migrate(&configs.order).await?;
    let plan = Plan {
        orders: options.orders.get(),
        customers: options.customers.get(),
        products: options.products.get(),
        seed: options.seed,
        lines: options.lines.get(),
        best_customer: None,
    };
    let generated = fill(&configs, &plan).await?;
    say(format_args!("{generated}"));
    Ok(())
}
