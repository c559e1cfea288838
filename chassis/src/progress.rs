//! How far long work is: a bar on a terminal, a line now and then elsewhere.

use std::{
    io::{IsTerminal as _, Write as _},
    time::Duration,
};

use indicatif::{HumanCount, ProgressBar, ProgressStyle};
use tokio::time::MissedTickBehavior;

/// Where nobody watches a bar, a line is written so often.
const LINES: Duration = Duration::from_secs(5);

/// It goes with the value.
pub struct Progress {
    bar: ProgressBar,
    lines: Option<tokio::task::JoinHandle<()>>,
}

impl Progress {
    /// `title`: of the work; `unit`: what is counted, in the plural; `total`: how many there are.
    #[must_use]
    pub fn begin(title: &'static str, unit: &'static str, total: u64) -> Self {
        let bar = ProgressBar::new(total);
        let template = "{prefix} [{wide_bar}] {human_pos}/{human_len} {per_sec} {eta} {msg}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_prefix(title);
        if std::io::stderr().is_terminal() {
            bar.enable_steady_tick(Duration::from_millis(250));
            return Self { bar, lines: None };
        }
        let watched = bar.clone();
        let lines = tokio::spawn(async move {
            let mut ticks = tokio::time::interval(LINES);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            ticks.tick().await;
            loop {
                ticks.tick().await;
                let _ = writeln!(
                    std::io::stderr(),
                    "{title}: {} of {} {unit}, {}",
                    HumanCount(watched.position()),
                    HumanCount(watched.length().unwrap_or_default()),
                    watched.message(),
                );
            }
        });
        Self {
            bar,
            lines: Some(lines),
        }
    }

    /// To be moved on.
    #[must_use]
    pub fn bar(&self) -> &ProgressBar {
        &self.bar
    }

    /// What is being done now.
    pub fn says(&self, what: &'static str) {
        self.bar.set_message(what);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
        if let Some(lines) = &self.lines {
            lines.abort();
        }
    }
}
