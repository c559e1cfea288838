//! The report as people read it.

use std::fmt::{self, Formatter, Result};

use super::report::{Load, Overload, Report, Target};
use crate::bench::{
    cpu::Part,
    text::{counted, fixed, number, problems, spread},
};

/// Whose processor time is told. Of the proxies a request meets one.
const PARTS: [(&str, &[Part]); 3] = [
    ("proxy", &[Part::Gateway, Part::Nginx]),
    ("service", &[Part::InventorySvc]),
    ("PostgreSQL", &[Part::Postgres]),
];

impl fmt::Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        self.machine.fmt(f)?;
        self.setup(f)?;
        self.peaks(f)?;
        self.latencies(f)?;
        self.ratios(f)?;
        for overload in &self.overload {
            overload.fmt(f)?;
        }
        writeln!(f)?;
        problems(
            f,
            &self.problems,
            "No request has failed but those that were refused because there was too much to do.",
        )
    }
}

impl Report {
    fn setup(&self, f: &mut Formatter<'_>) -> Result {
        let setup = &self.setup;
        match &setup.cores {
            Some(cores) => writeln!(
                f,
                "load generator on core {}, servers on core {}, PostgreSQL {}",
                cores.generator,
                cores.servers,
                if cores.postgres {
                    "with them"
                } else {
                    "wherever it likes: it could not be moved"
                }
            )?,
            None => writeln!(f, "NOT on cores of their own: there is no taskset here")?,
        }
        writeln!(
            f,
            "GET /v1/products/{{sku}}: {} of {} s on {}, {}; medians\n",
            counted(setup.rounds as usize, "round"),
            setup.seconds,
            counted(setup.connections, "connection"),
            counted(setup.skus, "product"),
        )
    }

    fn peaks(&self, f: &mut Formatter<'_>) -> Result {
        writeln!(
            f,
            "{:<32} {:>24} {:>32} {:>18}",
            "As many as are answered", "requests/s", "CPU us a request", "core busy"
        )?;
        write!(f, "{:<57}", "")?;
        for (name, _) in PARTS {
            write!(f, " {name:>10}")?;
        }
        writeln!(f, " {:>8} {:>9}", "servers", "generator")?;
        for target in &self.targets {
            let peak = spread(target.peak_per_second);
            write!(f, "{:<32} {peak:>24}", target.target)?;
            for (_, parts) in PARTS {
                write!(f, " {:>10}", cpu(target, parts))?;
            }
            writeln!(
                f,
                " {:>7.0}% {:>8.0}%",
                target.servers_busy * 100.0,
                target.generator_busy * 100.0
            )?;
        }
        if !self.targets.iter().any(|target| target.has(Part::Nginx)) {
            writeln!(f, "No nginx to compare with: it is not installed.")?;
        }
        Ok(())
    }

    fn latencies(&self, f: &mut Formatter<'_>) -> Result {
        writeln!(
            f,
            "\n{:<32} {:>26} {:>30}",
            "Milliseconds", "at half of its own peak", "at one rate for all"
        )?;
        writeln!(
            f,
            "{:<32} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8} {:>9}",
            "", "per s", "p50", "p99", "per s", "p50", "p99", "p99 added"
        )?;
        for target in &self.targets {
            write!(f, "{:<32}", target.target)?;
            for at in [target.at_half_of_its_peak, target.at_one_rate_for_all] {
                let rate = number(at.per_second);
                write!(f, " {rate:>8} {:>8.2} {:>8.2}", at.p50_ms, at.p99_ms)?;
            }
            write!(f, " {:>9.2}", target.p99_added_ms)?;
            let half = target.at_half_of_its_peak.not_granted;
            match half + target.at_one_rate_for_all.not_granted {
                0 => writeln!(f)?,
                count => writeln!(f, "  {} not granted", number(count as f64))?,
            }
        }
        Ok(())
    }

    fn ratios(&self, f: &mut Formatter<'_>) -> Result {
        writeln!(f, "\nPeak to peak, round by round")?;
        for ratio in &self.ratios {
            let names = format!("{} to {}", ratio.of, ratio.over);
            let spread = ratio.ratio;
            writeln!(
                f,
                "  {names:<62} {:.2} ({:.2}..{:.2}){}",
                spread.median,
                spread.min,
                spread.max,
                ratio
                    .aim
                    .map_or_else(String::new, |aim| verdict(spread.median, aim))
            )?;
        }
        Ok(())
    }
}

impl Target {
    fn has(&self, part: Part) -> bool {
        self.cpu_us_per_request.contains_key(&part)
    }
}

/// Of one of these parts; of whom nobody is there, nothing.
fn cpu(target: &Target, parts: &[Part]) -> String {
    let mut there = parts
        .iter()
        .filter_map(|part| target.cpu_us_per_request.get(part));
    there.next().map_or_else(|| "-".to_owned(), |us| fixed(*us))
}

impl fmt::Display for Overload {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        writeln!(
            f,
            "\n{} through the gateway, by a clock that waits for nobody (peak {}/s)",
            self.request,
            spread(self.peak_per_second)
        )?;
        writeln!(
            f,
            "  {:<5} {:>7} {:>22} {:>7} {:>8} {:>7} {:>11} {:>11} {:>8} {:>7} {:>9}",
            "times",
            "came/s",
            "granted/s",
            "to peak",
            "refused",
            "unsent",
            "granted p99",
            "refused p99",
            "gateway",
            "servers",
            "generator"
        )?;
        for load in &self.loads {
            load.fmt(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let ms = |ms: f64| format!("{ms:.1} ms");
        let refused = match self.refused {
            0 => "-".to_owned(),
            _ => ms(self.refused_p99_ms),
        };
        writeln!(
            f,
            "  {:<5} {:>7} {:>22} {:>7.2} {:>8} {:>7} {:>11} {refused:>11} {:>7.0}% {:>6.0}% {:>8.0}%{}",
            self.times,
            number(self.per_second),
            spread(self.goodput_per_second),
            self.goodput_over_peak,
            number(self.refused as f64),
            number(self.unsent as f64),
            ms(self.granted_p99_ms),
            self.gateway_busy * 100.0,
            self.servers_busy * 100.0,
            self.generator_busy * 100.0,
            verdict(self.goodput_over_peak, self.aim)
        )
    }
}

fn verdict(value: f64, aim: f64) -> String {
    let word = if value >= aim { "yes" } else { "NO" };
    format!("  at least {aim:.2}: {word}")
}

#[cfg(test)]
mod tests {
    use super::super::report::tests::report;

    #[test]
    fn a_report_reads_well() {
        insta::assert_snapshot!(report(|_| {}).to_string());
    }
}
