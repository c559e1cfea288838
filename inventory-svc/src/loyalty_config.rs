use std::time::Duration;

use iso_currency::Currency;

use crate::domain::LoyaltyPolicy;

/// Environment variables of the loyalty points.
#[derive(clap::Args, Clone, Debug)]
pub struct LoyaltyConfig {
    /// The currency of codes' amounts and of points, by ISO 4217
    #[arg(
        long,
        env = "SHOP_CURRENCY",
        value_name = "SHOP_CURRENCY",
        default_value = "GBP",
        value_parser = currency
    )]
    pub shop_currency: Currency,
    /// Points that are earned for 100 minor units paid
    #[arg(
        long,
        env = "LOYALTY_POINTS_PER_100",
        value_name = "LOYALTY_POINTS_PER_100",
        default_value_t = 1,
        value_parser = clap::value_parser!(u32).range(..=10_000)
    )]
    pub loyalty_points_per_100: u32,
    /// Minor units that a point pays
    #[arg(
        long,
        env = "LOYALTY_POINT_VALUE",
        value_name = "LOYALTY_POINT_VALUE",
        default_value_t = 1,
        value_parser = clap::value_parser!(u32).range(1..=1_000_000)
    )]
    pub loyalty_point_value: u32,
    /// Days that points can be spent
    #[arg(
        long,
        env = "LOYALTY_POINT_DAYS",
        value_name = "LOYALTY_POINT_DAYS",
        default_value_t = 365,
        value_parser = clap::value_parser!(u32).range(1..=36_500)
    )]
    pub loyalty_point_days: u32,
}

impl LoyaltyConfig {
    #[must_use]
    pub fn policy(&self) -> LoyaltyPolicy {
        LoyaltyPolicy {
            currency: self.shop_currency,
            earn_rate: i64::from(self.loyalty_points_per_100),
            point_value: i64::from(self.loyalty_point_value),
            life: Duration::from_secs(u64::from(self.loyalty_point_days) * 86_400),
        }
    }
}

fn currency(code: &str) -> Result<Currency, &'static str> {
    Currency::from_code(code).ok_or("a currency code of ISO 4217, for example GBP")
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(clap::Parser)]
    struct Parsed {
        #[command(flatten)]
        loyalty: LoyaltyConfig,
    }

    fn parse(arguments: &[&str]) -> Result<LoyaltyPolicy, String> {
        Parsed::try_parse_from([&["test"], arguments].concat())
            .map(|parsed| parsed.loyalty.policy())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_bad_value_names_its_variable() {
        for (argument, value, name) in [
            ("--shop-currency", "gbp", "SHOP_CURRENCY"),
            ("--loyalty-points-per-100", "-1", "LOYALTY_POINTS_PER_100"),
            ("--loyalty-point-value", "0", "LOYALTY_POINT_VALUE"),
            ("--loyalty-point-days", "0", "LOYALTY_POINT_DAYS"),
            ("--loyalty-point-days", "a year", "LOYALTY_POINT_DAYS"),
        ] {
            let refused = parse(&[&format!("{argument}={value}")]).unwrap_err();
            assert!(refused.contains(name), "{refused}");
        }
    }

    #[test]
    fn the_settings_make_the_policy() {
        let policy = parse(&[
            "--shop-currency=EUR",
            "--loyalty-points-per-100=5",
            "--loyalty-point-value=2",
            "--loyalty-point-days=30",
        ])
        .unwrap();
        let expected = LoyaltyPolicy {
            currency: Currency::EUR,
            earn_rate: 5,
            point_value: 2,
            life: Duration::from_secs(30 * 86_400),
        };
        assert_eq!(policy, expected);
    }
}
