//! Which of the system's queues and streams gets which events. Every service declares all of it before it publishes, so that no
//! event can leave before the queues that must get it exist. A subscriber from outside binds a queue of its own.

/// One durable quorum queue and the routing-key patterns it is bound with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Queue {
    pub name: &'static str,
    pub bindings: &'static [&'static str],
}

/// order-svc's read models.
pub const ORDER_VIEWS: Queue = Queue {
    name: "order-svc.order-views",
    bindings: &["order.#"],
};

/// order-svc hears that stock was confirmed, and moves the order on.
pub const ORDER_STOCK: Queue = Queue {
    name: "order-svc.stock",
    bindings: &["inventory.stock_confirmed.v1"],
};

/// order-svc hears that points earned for returned goods had been spent, and refunds less.
pub const ORDER_POINTS: Queue = Queue {
    name: "order-svc.points",
    bindings: &["incentive.points_reversed.v1"],
};

/// inventory-svc brings its side of each order to the order's state.
pub const INVENTORY_ORDERS: Queue = Queue {
    name: "inventory-svc.orders",
    bindings: &["order.#"],
};

/// worker makes jobs of what happens to orders.
pub const WORKER_ORDER_MAILS: Queue = Queue {
    name: "worker.order-mails",
    bindings: &["order.created.v1", "order.created_with_incentive.v1"],
};

/// worker makes jobs of the mails that people are to get about their accounts.
pub const WORKER_ACCOUNT_MAILS: Queue = Queue {
    name: "worker.account-mails",
    bindings: &["identity.mail_requested.v1"],
};

/// worker stores what the services log at ERROR.
pub const WORKER_ERRORS: Queue = Queue {
    name: "worker.errors",
    bindings: &["ops.error_logged.v1"],
};

/// All of them.
pub const QUEUES: &[Queue] = &[
    ORDER_VIEWS,
    ORDER_STOCK,
    ORDER_POINTS,
    INVENTORY_ORDERS,
    WORKER_ORDER_MAILS,
    WORKER_ACCOUNT_MAILS,
    WORKER_ERRORS,
];

/// A durable stream: what comes to it stays for a while, and any number of readers each read it from where they like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stream {
    pub name: &'static str,
    pub bindings: &'static [&'static str],
    /// What is older goes, segment by segment; as RabbitMQ writes it, for example `1h`.
    pub max_age: &'static str,
    /// With more on disk the oldest goes.
    pub max_bytes: i64,
    /// Bytes of a segment; at least one of them always stays.
    pub segment_bytes: i64,
}

/// Each gateway tells open pages what happens to their orders and points.
pub const GATEWAY_FEED: Stream = Stream {
    name: "gateway.feed",
    bindings: &["order.#", "incentive.#"],
    max_age: "1h",
    max_bytes: 1 << 30,
    segment_bytes: 64 << 20,
};

/// All of them.
pub const STREAMS: &[Stream] = &[GATEWAY_FEED];
