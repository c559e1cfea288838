//! How much is explored.

use super::cases::Case;

/// Numbers of holds that an order may use up. A request that needs more ends as unavailable, which is what handlers do
/// after their attempts.
pub const HOLDS: usize = 3;

/// A rule that is taken out, to see that the model misses it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broken {
    /// The sweeper gives a hold back because it read that no decision is there, and does not insert `closed`.
    Closing,
    /// Events are applied whatever version was seen before.
    VersionGuard,
    /// A released hold leaves nothing behind.
    Tombstone,
    /// A change is written over whatever version is there.
    VersionCheck,
}

/// Who takes part, and what may go wrong how often. Whatever of it can happen at a point, the checker tries.
#[derive(Clone, Copy)]
pub struct Scope {
    pub on_hand: i8,
    /// Pieces of the new order.
    pub pieces: u8,
    /// Requests with one idempotency key.
    pub twins: u8,
    /// The order has been placed already; its event is still in the outbox.
    pub placed: bool,
    /// For each update the quantity that it asks for.
    pub updates: &'static [u8],
    pub cancels: bool,
    pub ships: bool,
    /// Pieces that others want to buy.
    pub others: i8,
    /// How often each client sends its request again.
    pub retries: u8,
    /// Handlers that crash, answers that are lost, answers of the sweeper that are lost.
    pub failures: u8,
    /// Reserve requests and events that come twice.
    pub repeats: u8,
    /// What the exploration must come to, or it would prove less than it seems to.
    pub reaches: &'static [Case],
    pub broken: Option<Broken>,
}

impl Scope {
    /// Nothing happens, and nothing goes wrong.
    pub const NONE: Self = Self {
        on_hand: 3,
        pieces: 1,
        twins: 0,
        placed: false,
        updates: &[],
        cancels: false,
        ships: false,
        others: 0,
        retries: 0,
        failures: 0,
        repeats: 0,
        reaches: &[],
        broken: None,
    };
}
