//! The processor time of processes on this machine, from `/proc`; elsewhere there is none.

use std::{fs, time::Duration};

/// What `/proc` counts in, whatever the kernel's own tick: `USER_HZ`.
const TICKS_PER_SECOND: u64 = 100;

/// Processor time until now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cpu {
    pub inventory_svc: Option<Duration>,
    /// All processes of PostgreSQL on this machine, those that have ended too.
    pub postgres: Option<Duration>,
    pub rabbitmq: Option<Duration>,
    /// This process.
    pub load_generator: Option<Duration>,
}

impl Cpu {
    /// `server` is the process of inventory-svc. Of PostgreSQL and RabbitMQ only what runs on this machine is seen.
    pub fn now(server: Option<u32>, postgres: bool, rabbitmq: bool) -> Self {
        let one = |pid: u32| Some(read(pid)?.own());
        Self {
            inventory_svc: server.and_then(one),
            postgres: postgres.then(|| all_named("postgres")).flatten(),
            rabbitmq: rabbitmq.then(|| all_named("beam.smp")).flatten(),
            load_generator: one(std::process::id()),
        }
    }

    /// What was spent since.
    pub fn since(self, before: Self) -> Self {
        let spent =
            |now: Option<Duration>, before: Option<Duration>| Some(now?.saturating_sub(before?));
        Self {
            inventory_svc: spent(self.inventory_svc, before.inventory_svc),
            postgres: spent(self.postgres, before.postgres),
            rabbitmq: spent(self.rabbitmq, before.rabbitmq),
            load_generator: spent(self.load_generator, before.load_generator),
        }
    }
}

struct Stat {
    name: String,
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
    // The state is the third field, utime the fourteenth.
    let mut fields = rest.split_whitespace().skip(11).map(str::parse);
    let mut next = || fields.next()?.ok();
    Some(Stat {
        name: name.to_owned(),
        ticks: [next()?, next()?, next()?, next()?],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_found_whatever_the_name() {
        let stat = parse("7 (a) b) S 1 7 7 0 -1 4194560 1 2 3 4 150 50 20 30 20 0 1").unwrap();
        assert_eq!(stat.name, "a) b");
        assert_eq!(stat.own(), Duration::from_secs(2));
        assert_eq!(stat.with_children(), Duration::from_millis(2_500));
    }

    #[test]
    fn what_cannot_be_seen_is_not_taken_for_nothing() {
        let none = Cpu::now(None, false, false);
        assert_eq!(
            (none.inventory_svc, none.postgres, none.rabbitmq),
            (None, None, None)
        );
        let some = Cpu {
            postgres: Some(Duration::from_secs(3)),
            ..none
        };
        assert_eq!(some.since(none).postgres, None);
        let before = Cpu {
            postgres: Some(Duration::from_secs(1)),
            ..none
        };
        assert_eq!(some.since(before).postgres, Some(Duration::from_secs(2)));
    }
}
