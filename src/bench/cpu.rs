//! The processor time of processes on this machine, from `/proc`; elsewhere there is none.

use std::{collections::BTreeMap, fs, time::Duration};

use serde::Serialize;

/// What `/proc` counts in, whatever the kernel's own tick: `USER_HZ`.
const TICKS_PER_SECOND: u64 = 100;

/// Who spends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    Gateway,
    OrderSvc,
    InventorySvc,
    IdentitySvc,
    Worker,
    /// All processes of PostgreSQL on this machine, those that have ended too.
    Postgres,
    Rabbitmq,
    /// The gateway's competitor.
    Nginx,
    /// This process' children, once they have ended.
    Pgbench,
    /// This process.
    LoadGenerator,
}

impl Part {
    pub fn name(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::OrderSvc => "order-svc",
            Self::InventorySvc => "inventory-svc",
            Self::IdentitySvc => "identity-svc",
            Self::Worker => "worker",
            Self::Postgres => "PostgreSQL",
            Self::Rabbitmq => "RabbitMQ",
            Self::Nginx => "nginx",
            Self::Pgbench => "pgbench",
            Self::LoadGenerator => "load generator",
        }
    }
}

/// Which of the servers run on this machine: only those are seen.
#[derive(Debug, Clone, Copy)]
pub struct Local {
    pub postgres: bool,
    pub rabbitmq: bool,
}

/// Processor time until now; none where it cannot be seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cpu(BTreeMap<Part, Option<Duration>>);

impl Cpu {
    /// Of these services' processes, of the servers and of this process.
    pub fn now(services: &[(Part, u32)], local: Local) -> Self {
        let one = |pid: u32| Some(read(pid)?.own());
        let services = services.iter().map(|&(part, pid)| (part, one(pid)));
        let others = [
            (Part::Postgres, postgres(local)),
            (
                Part::Rabbitmq,
                local.rabbitmq.then(|| all_named("beam.smp")).flatten(),
            ),
            (Part::LoadGenerator, one(std::process::id())),
        ];
        Self(services.chain(others).collect())
    }

    /// Of PostgreSQL, and of this process' children that have ended.
    pub fn now_of_pgbench(local: Local) -> Self {
        let children = |stat: Stat| stat.with_children().saturating_sub(stat.own());
        Self(BTreeMap::from([
            (Part::Postgres, postgres(local)),
            (Part::Pgbench, read(std::process::id()).map(children)),
        ]))
    }

    /// Microseconds of each part.
    #[cfg(test)]
    pub fn example<const N: usize>(parts: [(Part, Option<u64>); N]) -> Self {
        let time = |(part, us): (Part, Option<u64>)| (part, us.map(Duration::from_micros));
        Self(parts.into_iter().map(time).collect())
    }

    /// What was spent since.
    pub fn since(&self, before: &Self) -> Self {
        let spent = |(part, now): (&Part, &Option<Duration>)| {
            let before = before.0.get(part).copied().flatten();
            let spent = now
                .zip(before)
                .map(|(now, before)| now.saturating_sub(before));
            (*part, spent)
        };
        Self(self.0.iter().map(spent).collect())
    }

    /// Of all these parts, as far as they are seen.
    pub fn total(&self, parts: impl Fn(Part) -> bool) -> Duration {
        let counted = self.0.iter().filter(|(part, _)| parts(**part));
        counted.filter_map(|(_, time)| *time).sum()
    }
}

/// Processor time for each of what was done.
pub type Shares = BTreeMap<Part, Option<f64>>;

/// What was spent altogether, for each of `count`, in units of which a second has `units`.
pub fn shares<'a>(spent: impl IntoIterator<Item = &'a Cpu>, count: u64, units: f64) -> Shares {
    let mut sums: BTreeMap<Part, Option<Duration>> = BTreeMap::new();
    for cpu in spent {
        for (&part, &time) in &cpu.0 {
            let sum = sums.entry(part).or_insert(Some(Duration::ZERO));
            *sum = sum.zip(time).map(|(sum, time)| sum + time);
        }
    }
    sums.into_iter()
        .map(|(part, time)| {
            let share = time.filter(|_| count > 0);
            (
                part,
                share.map(|time| time.as_secs_f64() * units / count as f64),
            )
        })
        .collect()
}

fn postgres(local: Local) -> Option<Duration> {
    local.postgres.then(|| all_named("postgres")).flatten()
}

struct Stat {
    name: String,
    parent: u32,
    /// utime, stime, cutime, cstime.
    ticks: [u64; 4],
}

impl Stat {
    fn own(&self) -> Duration {
        ticks(self.ticks[0] + self.ticks[1])
    }

    /// With that of its children that have ended.
    fn with_children(&self) -> Duration {
        ticks(self.ticks.iter().sum())
    }
}

fn ticks(ticks: u64) -> Duration {
    Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND)
}

/// The process that has started this one, if both have this name.
pub fn parent(pid: u32, name: &str) -> Option<u32> {
    let child = read(pid).filter(|stat| stat.name == name)?;
    read(child.parent)
        .filter(|stat| stat.name == name)
        .map(|_| child.parent)
}

/// None when no process has this name.
fn all_named(name: &str) -> Option<Duration> {
    fs::read_dir("/proc")
        .ok()?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(read)
        .filter(|stat| stat.name == name)
        .map(|stat| stat.with_children())
        .reduce(|sum, one| sum + one)
}

fn read(pid: u32) -> Option<Stat> {
    parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// `pid (name) state ...`, where the name may hold anything.
fn parse(stat: &str) -> Option<Stat> {
    let (_, rest) = stat.split_once('(')?;
    let (name, rest) = rest.rsplit_once(')')?;
    // The state is the third field, the parent the fourth, utime the fourteenth.
    let mut fields = rest.split_whitespace().skip(1);
    let parent = fields.next()?.parse().ok()?;
    let mut fields = fields.skip(9).map(str::parse);
    let mut next = || fields.next()?.ok();
    Some(Stat {
        name: name.to_owned(),
        parent,
        ticks: [next()?, next()?, next()?, next()?],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_found_whatever_the_name() {
        let stat = parse("7 (a) b) S 1 7 7 0 -1 4194560 1 2 3 4 150 50 20 30 20 0 1").unwrap();
        assert_eq!((stat.name.as_str(), stat.parent), ("a) b", 1));
        assert_eq!(stat.own(), Duration::from_secs(2));
        assert_eq!(stat.with_children(), Duration::from_millis(2_500));
    }

    #[test]
    fn what_cannot_be_seen_is_not_taken_for_nothing() {
        let unseen = Cpu::now(
            &[(Part::InventorySvc, u32::MAX)],
            Local {
                postgres: false,
                rabbitmq: false,
            },
        );
        for part in [Part::InventorySvc, Part::Postgres, Part::Rabbitmq] {
            assert_eq!(unseen.0[&part], None, "{part:?}");
        }
        let postgres = |time| Cpu(BTreeMap::from([(Part::Postgres, time)]));
        let (one, three) = (Duration::from_secs(1), Duration::from_secs(3));
        assert_eq!(postgres(Some(three)).since(&postgres(None)), postgres(None));
        assert_eq!(
            postgres(Some(three)).since(&postgres(Some(one))),
            postgres(Some(three - one))
        );
        let shared = |cpus: &[Cpu], count| shares(cpus, count, 1e3)[&Part::Postgres];
        let (seen, unseen) = (postgres(Some(one)), postgres(None));
        assert_eq!(
            shared(&[seen.clone(), postgres(Some(three))], 8),
            Some(500.0)
        );
        assert_eq!(shared(&[seen.clone(), unseen], 8), None);
        assert_eq!(shared(&[seen], 0), None);
    }
}
