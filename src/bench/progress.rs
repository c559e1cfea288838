//! A bar on a terminal while there is load.

use std::{
    convert::Infallible,
    io::IsTerminal as _,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};

/// What is run, for how long, and how far it is.
pub struct Show<'a> {
    pub title: &'a str,
    pub warm_up: bool,
    pub duration: Duration,
    /// Of what is counted, so far.
    pub progress: &'a AtomicU64,
}

/// Shows the bar until `run` ends.
pub async fn show<T>(show: Show<'_>, run: impl Future<Output = T>) -> T {
    show.progress.store(0, Ordering::Relaxed);
    if !std::io::stderr().is_terminal() {
        return run.await;
    }
    let bar = ProgressBar::new(millis(show.duration));
    if let Ok(style) = ProgressStyle::with_template("{prefix:<12} [{wide_bar}] {msg}") {
        bar.set_style(style.progress_chars("=> "));
    }
    bar.set_prefix(show.title.to_owned());
    let done = tokio::select! {
        done = run => done,
        never = watch(&show, &bar) => match never {},
    };
    bar.finish_and_clear();
    done
}

async fn watch(show: &Show<'_>, bar: &ProgressBar) -> Infallible {
    let begun = Instant::now();
    let word = if show.warm_up { " (warming up)" } else { "" };
    loop {
        tokio::time::sleep(Duration::from_millis(250)).await;
        let elapsed = begun.elapsed();
        let granted = show.progress.load(Ordering::Relaxed);
        let rate = granted as f64 / elapsed.as_secs_f64();
        bar.set_position(millis(elapsed));
        bar.set_message(format!("{rate:.0}/s{word}"));
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
