use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    application::ports::{Quote, Refusal},
    domain::Basket,
};

/// What a basket would cost. Amounts are minor units of `currency`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Quote)]
pub struct QuoteView {
    /// ISO 4217.
    #[schema(example = "GBP")]
    pub currency: String,
    pub lines: Vec<QuoteLineView>,
    #[schema(example = 1530)]
    pub subtotal: i64,
    #[schema(example = 153)]
    pub discount: i64,
    /// Points.
    pub points_redeemed: i64,
    /// After discount and points.
    #[schema(example = 1377)]
    pub total: i64,
    /// Points that the order would earn.
    #[schema(example = 13)]
    pub earns: i64,
    /// Null when no code was asked about.
    pub discount_code: Option<AskedView>,
    /// Null when no points were asked about.
    pub points: Option<AskedView>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = QuoteLine)]
pub struct QuoteLineView {
    #[schema(example = "85123A-255")]
    pub sku: String,
    pub name: String,
    #[schema(example = 6)]
    pub quantity: i64,
    #[schema(example = 255)]
    pub unit_price: i64,
    #[schema(example = 153)]
    pub discount: i64,
    /// What points pay of it, in minor units.
    pub points_value: i64,
    /// After discount and points.
    #[schema(example = 1377)]
    pub total: i64,
    /// Pieces that can be had now; fewer than `quantity`, and an order would be refused.
    #[schema(example = 94)]
    pub available: i64,
}

/// A code or points, and whether they count in the quote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = QuoteIncentive)]
pub struct AskedView {
    /// The code, or the number of points.
    #[schema(example = "SAVE10")]
    pub value: String,
    pub applied: bool,
    /// Why not; null if it counts.
    pub refused: Option<RefusalView>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = QuoteRefusal)]
pub struct RefusalView {
    /// For programs: unknown, inactive, not-started, ended, used-up, used-up-by-customer, subtotal-too-low,
    /// no-eligible-line, other-currency, not-enough-points or more-than-total.
    #[schema(example = "ended")]
    pub kind: String,
    /// For people.
    pub detail: String,
}

impl QuoteView {
    #[must_use]
    pub fn new(basket: &Basket, quote: Quote) -> Self {
        let asked = |value: String, refused: Option<Refusal>| AskedView {
            value,
            applied: refused.is_none(),
            refused: refused.map(|Refusal { kind, detail }| RefusalView { kind, detail }),
        };
        let incentive = basket.incentive();
        let code = incentive.and_then(|incentive| incentive.discount_code.clone());
        let points = incentive.and_then(|incentive| incentive.redeem_points);
        let pricing = quote.pricing;
        let lines: Vec<_> = pricing
            .lines
            .into_iter()
            .zip(quote.available)
            .map(|(line, available)| QuoteLineView {
                total: line.quantity * line.unit_price - line.discount - line.points_value,
                sku: line.sku,
                name: line.name,
                quantity: line.quantity,
                unit_price: line.unit_price,
                discount: line.discount,
                points_value: line.points_value,
                available,
            })
            .collect();
        let sum = |of: fn(&QuoteLineView) -> i64| lines.iter().map(of).sum();
        Self {
            currency: pricing.currency,
            subtotal: sum(|line| line.quantity * line.unit_price),
            discount: sum(|line| line.discount),
            points_redeemed: pricing.points,
            total: sum(|line| line.total),
            earns: quote.earns,
            discount_code: code
                .map(|code| asked(pricing.discount_code.unwrap_or(code), quote.code_refused)),
            points: points.map(|points| asked(points.to_string(), quote.points_refused)),
            lines,
        }
    }
}
