//! `easyorder replay`: plays a history of real sales against a running system.
//!
//! Each step can be repeated: customers register once, items and receipts exist once per file, and an invoice's number
//! is its order's idempotency key, a credit note's that of its returns. So a run that was broken off is completed by the next one.

mod catch_up;
mod plan;
mod play;
mod play_returns;
mod prepare;
mod report;
mod report_returns;
mod returns;
mod rows;
mod text;
mod text_returns;

use std::{
    collections::HashMap,
    io::{IsTerminal as _, Write as _},
    num::NonZero,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use indicatif::{ProgressBar, ProgressState, ProgressStyle};

use self::{
    play::{Outcome, Placed},
    report::{Findings, Report},
};
use crate::{admin, client::Api};

/// The data set is a British shop's.
const CURRENCY: &str = "GBP";

/// For so long a part of the system may be away in the middle of a run.
const PATIENCE: Duration = Duration::from_secs(5 * 60);

/// At the beginning it should be there.
const PATIENCE_AT_FIRST: Duration = Duration::from_secs(15);

/// What to play, and against which system. The administrator who makes the catalogue is that of `ADMIN_EMAIL` and
/// `ADMIN_PASSWORD`; the customers' passwords derive from that one.
#[derive(clap::Args, Debug, Clone)]
pub struct Options {
    /// The sales: CSV with the columns InvoiceNo, StockCode, Description, Quantity, InvoiceDate, UnitPrice,
    /// CustomerID, Country
    pub file: PathBuf,
    /// Where the system answers
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    pub gateway: String,
    /// Orders under way at once
    #[arg(long, value_name = "N", default_value = "16")]
    pub concurrency: NonZero<usize>,
    /// Play only the first N invoices
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
    /// Write the report as JSON, too
    #[arg(long, value_name = "FILE.json")]
    pub report: Option<PathBuf>,
}

/// Plays the file and writes the report to standard output. True when every row is accounted for.
///
/// # Errors
/// When the file cannot be read, or the system cannot be used at all.
pub async fn run(options: Options) -> anyhow::Result<bool> {
    let path = options.file.display();
    let bytes = std::fs::read(&options.file).with_context(|| format!("cannot read {path}"))?;
    let sales = rows::parse(&bytes).with_context(|| format!("cannot use {path}"))?;
    let plan = plan::plan(&sales.rows, options.limit);

    Api::new(&options.gateway, PATIENCE_AT_FIRST)?
        .get("/health/live")
        .send()
        .await
        .with_context(|| {
            format!(
                "no system answers at {}: `make run` starts one",
                options.gateway
            )
        })?;
    let api = Arc::new(Api::new(&options.gateway, PATIENCE)?);
    let admin = admin::from_env()?;
    admin.sign_in(&api).await?;
    let accounts = prepare::accounts(&plan, &admin.password)?;
    let concurrency = options.concurrency.get();

    let phase = Phase::begin(&api, "Customers", accounts.len());
    prepare::register(&api, &admin, &accounts, concurrency, &phase.bar).await?;
    phase.end();

    let phase = Phase::begin(&api, "Catalogue", plan.items.len());
    let items = prepare::stock(
        &api,
        &admin,
        &plan.items,
        &sales.sha256,
        concurrency,
        &phase.bar,
    );
    let items_refused = items.await?;
    phase.end();

    let retries_before = api.retries();
    let phase = Phase::begin(&api, "Orders", plan.orders.len());
    let played = play::play(&api, &accounts, &plan.orders, concurrency, &phase.bar).await?;
    phase.end();

    let placed: Vec<&Placed> = played
        .outcomes
        .iter()
        .filter_map(|outcome| match outcome {
            Outcome::Placed(placed) => Some(placed),
            Outcome::Refused { .. } | Outcome::Failed(_) => None,
        })
        .collect();
    let phase = Phase::begin(&api, "Confirmed", placed.len());
    let none = HashMap::new();
    let caught_up = catch_up::catch_up(&api, &admin, &placed, &none, PATIENCE, &phase.bar).await?;
    phase.end();

    let credits = &plan.credits;
    let phase = Phase::begin(&api, "Returns", credits.returns.len());
    let returned = play_returns::play(
        &api,
        &admin,
        &credits.returns,
        &played.outcomes,
        concurrency,
        &phase.bar,
    );
    let returned = returned.await;
    phase.end();
    let retries = api.retries() - retries_before;

    let refunds = report_returns::refunds(credits, &returned, &played.outcomes);
    let refunded: Vec<&Placed> = placed
        .into_iter()
        .filter(|order| refunds.contains_key(order.id.as_str()))
        .collect();
    let phase = Phase::begin(&api, "Refunded", refunded.len());
    let refunds_seen =
        catch_up::catch_up(&api, &admin, &refunded, &refunds, PATIENCE, &phase.bar).await?;
    phase.end();

    let report = Report::new(Findings {
        file: path.to_string(),
        gateway: api.base().to_owned(),
        sales: &sales,
        plan: &plan,
        items_refused,
        played: &played,
        caught_up: &caught_up,
        returned: &returned,
        refunds_seen: &refunds_seen,
        retries,
    });
    write!(std::io::stdout().lock(), "\n{report}")?;
    if let Some(path) = options.report {
        let json = serde_json::to_vec_pretty(&report)?;
        std::fs::write(&path, json).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(report.problems.is_empty())
}

/// A part of the run, with a bar on a terminal and a line at its end.
struct Phase {
    name: &'static str,
    bar: ProgressBar,
    begun: Instant,
}

impl Phase {
    fn begin(api: &Arc<Api>, name: &'static str, length: usize) -> Self {
        let bar = ProgressBar::new(length as u64).with_message(name);
        let template = "{msg:<10} [{wide_bar}] {human_pos}/{human_len} {per_sec} {eta}{waiting}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            let api = Arc::clone(api);
            let waiting = move |_: &ProgressState, text: &mut dyn std::fmt::Write| {
                let waiting = api.waiting();
                if waiting > 0 {
                    let _ = write!(text, " ({waiting} wait for the system)");
                }
            };
            bar.set_style(style.progress_chars("=> ").with_key("waiting", waiting));
        }
        if std::io::stderr().is_terminal() {
            bar.enable_steady_tick(Duration::from_millis(250));
        }
        Self {
            name,
            bar,
            begun: Instant::now(),
        }
    }

    fn end(self) {
        let done = indicatif::HumanCount(self.bar.position());
        let seconds = self.begun.elapsed().as_secs_f64();
        self.bar.finish_and_clear();
        let _ = writeln!(
            std::io::stderr(),
            "{:<10} {:>8} in {seconds:.1} s",
            self.name,
            done.to_string()
        );
    }
}
