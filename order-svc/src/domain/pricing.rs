/// What an order holds, priced: what inventory-svc answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pricing {
    /// ISO 4217.
    pub currency: String,
    pub lines: Vec<PricedLine>,
    /// Points that the hold took, and the minor units that each of them pays.
    pub points: i64,
    pub point_value: i64,
    /// The code that gave the discount, as its owner wrote it.
    pub discount_code: Option<String>,
    /// What a further hold takes off the lines of [`Order::living_lines`], in their order; empty for nothing.
    pub allotments: Vec<Allotment>,
}

/// Minor units that an incentive takes off, or pays of, a line that the order had before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allotment {
    pub discount: i64,
    pub points_value: i64,
}

/// A further hold, and what it brings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    pub hold_no: i32,
    pub pricing: Pricing,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PricedLine {
    pub sku: String,
    pub name: String,
    /// Pieces.
    pub quantity: i64,
    /// Minor units, for one piece.
    pub unit_price: i64,
    /// Minor units, for the whole line.
    pub discount: i64,
    /// Minor units of the line that points pay.
    pub points_value: i64,
}
