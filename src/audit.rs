//! `easyorder audit`: whether everything that must hold does, in and between the services.

use std::{fmt::Write as _, process::ExitCode, time::Duration};

use anyhow::Context as _;
use chassis::{
    Error, auth,
    grpc::{self, Channel, Peers},
};
use proto::audit::v1::{
    AuditRequest, Checked, Violation, audit_event::Event, audit_service_client::AuditServiceClient,
};
use serde::Serialize;

use crate::{say, say_error};

/// Whom identity-svc knows the command line as.
pub const OPERATOR: &str = "easyorder";
/// A large database is read for a while.
const DEADLINE: Duration = Duration::from_secs(3_600);

/// What to check, and where.
#[derive(clap::Args, Debug, Clone)]
pub struct Options {
    /// Set right what follows from the ledgers; where two ledgers contradict each other, nothing is changed
    #[arg(long)]
    pub repair: bool,
    /// Compare only what has not changed for so long: the rest may be on its way from one service to the other
    #[arg(long, value_name = "SECONDS", default_value_t = 10,
          value_parser = clap::value_parser!(i32).range(0..=86_400))]
    pub settle: i32,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
    /// order-svc
    #[arg(
        long,
        env = "ORDER_GRPC_URL",
        value_name = "ORDER_GRPC_URL",
        default_value = "http://127.0.0.1:50053"
    )]
    pub order_grpc_url: String,
    /// inventory-svc
    #[arg(
        long,
        env = "INVENTORY_GRPC_URL",
        value_name = "INVENTORY_GRPC_URL",
        default_value = "http://127.0.0.1:50052"
    )]
    pub inventory_grpc_url: String,
    /// They serve only whom identity-svc vouches for
    #[command(flatten)]
    pub auth: auth::Config,
}

/// What was found, in both services.
#[derive(Debug, Default, Serialize)]
struct Report {
    checked: Vec<CheckedIn>,
    /// Of very many, the first of each invariant.
    violations: Vec<ViolationIn>,
    repaired: i64,
    /// Violations that are still there.
    remaining: i64,
    /// Why a service could not be audited, or not to its end.
    failed: Vec<String>,
}

#[derive(Debug, Serialize)]
struct CheckedIn {
    service: &'static str,
    invariant: String,
    rows: i64,
    violations: i64,
}

#[derive(Debug, Serialize)]
struct ViolationIn {
    service: &'static str,
    invariant: String,
    row: String,
    detail: String,
    repaired: bool,
}

/// Looks, and prints what it found. The exit status is 0 when all is well or was made so, 1 when violations remain, 2 when
/// a service could not be asked.
pub async fn run(options: Options) -> ExitCode {
    let mut report = Report::default();
    let peers = match vouched(&options.auth).await {
        Ok(peers) => peers,
        Err(error) => {
            say_error(format_args!("easyorder: cannot audit: {error:#}"));
            return ExitCode::from(2);
        }
    };
    // What inventory-svc keeps follows from the orders, so these come first.
    for (service, variable, url) in [
        ("order-svc", "ORDER_GRPC_URL", &options.order_grpc_url),
        (
            "inventory-svc",
            "INVENTORY_GRPC_URL",
            &options.inventory_grpc_url,
        ),
    ] {
        let asked = match peers.channel(url).context(variable) {
            Ok(channel) => ask(&mut report, channel, service, &options).await,
            Err(error) => Err(error),
        };
        if let Err(error) = asked {
            report.failed.push(format!("{service} at {url}: {error:#}"));
        }
    }
    if options.json {
        match serde_json::to_string_pretty(&report) {
            Ok(json) => say(format_args!("{json}")),
            Err(error) => report.failed.push(error.to_string()),
        }
    } else {
        say(format_args!("{}", report.text().trim_end()));
    }
    for failure in &report.failed {
        say_error(format_args!("easyorder: cannot audit {failure}"));
    }
    report.status()
}

/// What is amiss in order-svc, of changes of a moment ago, too; empty when all is well.
///
/// # Errors
/// When it cannot be asked.
pub async fn of_orders(order_grpc_url: &str, auth: &auth::Config) -> anyhow::Result<Vec<String>> {
    let peers = vouched(auth).await?;
    let options = Options {
        repair: false,
        settle: 0,
        json: false,
        order_grpc_url: order_grpc_url.to_owned(),
        inventory_grpc_url: String::new(),
        auth: auth.clone(),
    };
    let mut report = Report::default();
    ask(
        &mut report,
        peers.channel(order_grpc_url)?,
        "order-svc",
        &options,
    )
    .await?;
    anyhow::ensure!(!report.checked.is_empty(), "nothing was checked");
    let mut amiss: Vec<String> = report
        .violations
        .iter()
        .map(|violation| {
            format!(
                "{}: {} {}",
                violation.invariant, violation.row, violation.detail
            )
        })
        .collect();
    let more = report.remaining - i64::try_from(amiss.len()).unwrap_or(i64::MAX);
    if more > 0 {
        amiss.push(format!("... and {more} more violations"));
    }
    Ok(amiss)
}

/// The services, as the operator calls them.
async fn vouched(auth: &auth::Config) -> anyhow::Result<Peers> {
    let peers = Peers::new(OPERATOR, auth)?;
    peers.prove().await?;
    Ok(peers)
}

async fn ask(
    report: &mut Report,
    channel: Channel,
    service: &'static str,
    options: &Options,
) -> anyhow::Result<()> {
    let request = AuditRequest {
        repair: options.repair,
        settle_seconds: options.settle,
    };
    let mut events = AuditServiceClient::new(channel)
        .audit(grpc::request(request, DEADLINE))
        .await
        .map_err(Error::from)?
        .into_inner();
    while let Some(event) = events.message().await.map_err(Error::from)? {
        if let Some(event) = event.event {
            report.add(service, event);
        }
    }
    Ok(())
}

impl Report {
    fn add(&mut self, service: &'static str, event: Event) {
        match event {
            Event::Checked(Checked {
                invariant,
                rows,
                violations,
            }) => {
                self.remaining += violations;
                self.checked.push(CheckedIn {
                    service,
                    invariant,
                    rows,
                    violations,
                });
            }
            Event::Violation(Violation {
                invariant,
                row,
                detail,
                repaired,
            }) => {
                self.repaired += i64::from(repaired);
                self.remaining -= i64::from(repaired);
                self.violations.push(ViolationIn {
                    service,
                    invariant,
                    row,
                    detail,
                    repaired,
                });
            }
        }
    }

    fn status(&self) -> ExitCode {
        if !self.failed.is_empty() {
            ExitCode::from(2)
        } else if self.remaining > 0 {
            ExitCode::FAILURE
        } else {
            ExitCode::SUCCESS
        }
    }

    fn text(&self) -> String {
        let mut text = String::new();
        for checked in &self.checked {
            let CheckedIn {
                service,
                invariant,
                rows,
                violations,
            } = checked;
            let outcome = match violations {
                0 => "ok".to_owned(),
                1 => "1 violation".to_owned(),
                many => format!("{many} violations"),
            };
            let _ = writeln!(
                text,
                "{service:<14} {invariant:<36} {rows:>10} rows  {outcome}"
            );
        }
        if !self.violations.is_empty() {
            text.push('\n');
        }
        for violation in &self.violations {
            let ViolationIn {
                invariant,
                row,
                detail,
                repaired,
                ..
            } = violation;
            let word = if *repaired { " (repaired)" } else { "" };
            let _ = writeln!(text, "{invariant}: {row} {detail}{word}");
        }
        let all: i64 = self.checked.iter().map(|checked| checked.violations).sum();
        let named = i64::try_from(self.violations.len()).unwrap_or(i64::MAX);
        if all > named {
            let _ = writeln!(text, "... and {} more", all - named);
        }
        let _ = match (self.repaired, self.remaining) {
            (0, 0) if !self.failed.is_empty() => {
                writeln!(text, "\nNothing is amiss, as far as could be looked.")
            }
            (0, 0) => writeln!(text, "\nAll is well."),
            (repaired, 0) => writeln!(text, "\nAll is well again: {repaired} repaired."),
            (0, remaining) => writeln!(text, "\n{remaining} violations."),
            (repaired, remaining) => {
                writeln!(
                    text,
                    "\n{repaired} repaired, {remaining} violations remain."
                )
            }
        };
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(found: &[(i64, &[bool])]) -> Report {
        let mut report = Report::default();
        for (violations, named) in found {
            report.add(
                "order-svc",
                Event::Checked(Checked {
                    invariant: "outbox-stuck".to_owned(),
                    rows: 3,
                    violations: *violations,
                }),
            );
            for (seq, repaired) in named.iter().enumerate() {
                report.add(
                    "order-svc",
                    Event::Violation(Violation {
                        invariant: "outbox-stuck".to_owned(),
                        row: format!("outbox {seq}"),
                        detail: "is not published".to_owned(),
                        repaired: *repaired,
                    }),
                );
            }
        }
        report
    }

    #[test]
    fn the_status_tells_whether_violations_remain() {
        let status = |report: &Report| format!("{:?}", report.status());
        let is = |code: u8| format!("{:?}", ExitCode::from(code));
        assert_eq!(status(&report(&[(0, &[])])), is(0));
        assert_eq!(status(&report(&[(2, &[true, true])])), is(0));
        assert_eq!(status(&report(&[(0, &[]), (2, &[true, false])])), is(1));
        // One that is not named was not repaired.
        assert_eq!(status(&report(&[(3, &[true, true])])), is(1));
        let mut blind = report(&[(1, &[false])]);
        blind.failed.push("away".to_owned());
        assert_eq!(status(&blind), is(2));
    }

    #[test]
    fn each_invariant_and_each_violation_has_its_line() {
        let text = report(&[(0, &[]), (3, &[true, false])]).text();
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].ends_with("3 rows  ok"), "{text}");
        assert!(lines[1].ends_with("3 violations"), "{text}");
        assert_eq!(
            lines[3],
            "outbox-stuck: outbox 0 is not published (repaired)"
        );
        assert_eq!(lines[4], "outbox-stuck: outbox 1 is not published");
        assert_eq!(lines[5], "... and 1 more");
        assert_eq!(lines[7], "1 repaired, 2 violations remain.");
    }
}
