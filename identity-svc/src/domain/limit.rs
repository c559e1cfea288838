use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);

/// How much may come from one address of the network (IPv6: one /64) within a span of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// As it is stored.
    pub name: &'static str,
    pub most: i32,
    pub within: Duration,
}

impl Limit {
    /// Passwords, codes, tokens and secrets that were wrong.
    pub const FAILURES: Self = Self {
        name: "failures",
        most: 300,
        within: MINUTE.saturating_mul(10),
    };
    /// Mails that reset a password.
    pub const PASSWORD_RESETS: Self = Self {
        name: "password_resets",
        most: 30,
        within: HOUR,
    };
    pub const REGISTRATIONS: Self = Self {
        name: "registrations",
        most: 10_000,
        within: HOUR,
    };
}
