use std::fmt;

use chrono::{DateTime, Utc};
use totp_rs::{Algorithm, Builder, TotpError};

/// As apps show it above the code.
const ISSUER: &str = "EasyOrder";
const DIGITS: u8 = 6;
const STEP_SECONDS: u64 = 30;
/// How many steps a clock may be fast or slow (RFC 6238, 5.2).
const TOLERANCE: u16 = 1;

/// What an authenticator app shares with us, to compute the same codes by the time (RFC 6238): 160 random bits, as RFC 4226
/// recommends. The parameters are the ones that every app knows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct FactorSecret(pub [u8; 20]);

impl FactorSecret {
    #[must_use]
    pub fn random() -> Self {
        Self(rand::random())
    }

    /// As somebody types it into an app: base32 (RFC 4648).
    #[must_use]
    pub fn encode(&self) -> String {
        totp_rs::Secret::from(self.0).to_base32()
    }

    /// As an app reads it from a QR code, with the account's name.
    ///
    /// # Errors
    /// Never, for an account that has a name; the library cannot know.
    pub fn uri(&self, email: &str) -> Result<String, TotpError> {
        self.builder()
            .with_issuer(Some(ISSUER))
            // The format has no way to write a colon.
            .with_account_name(email.replace(':', " "))
            .build()?
            .to_url()
    }

    /// The step of time, in units of 30 s since 1970, whose code this is: the one at hand or a neighbour.
    #[must_use]
    pub fn step_of(&self, code: &str, at: DateTime<Utc>) -> Option<i64> {
        // Apps show it in two groups.
        let code: String = code.split_whitespace().collect();
        let seconds = u64::try_from(at.timestamp()).ok()?;
        let step = self.builder().build_noncompliant().check(&code, seconds)?;
        i64::try_from(step).ok()
    }

    fn builder(&self) -> Builder {
        Builder::new()
            .with_algorithm(Algorithm::SHA1)
            .with_digits(DIGITS)
            .with_step_duration(STEP_SECONDS)
            .with_skew(TOLERANCE)
            .with_secret(self.0)
    }
}

impl fmt::Debug for FactorSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238, appendix B: the secret, and the last six digits of its codes.
    const SECRET: FactorSecret = FactorSecret(*b"12345678901234567890");

    fn step_of(code: &str, at: i64) -> Option<i64> {
        SECRET.step_of(code, DateTime::from_timestamp(at, 0).unwrap())
    }

    #[test]
    fn codes_are_those_that_an_app_computes() {
        for (at, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_234_567_890, "005924"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(step_of(code, at), Some(at / 30), "{code}");
        }
        assert_eq!(step_of(" 081 804\n", 1_111_111_109), Some(37_037_036));
    }

    #[test]
    fn a_clock_may_be_one_step_off() {
        let code = "005924";
        let at = 1_234_567_890;
        for (off, accepted) in [
            (-60, false),
            (-30, true),
            (0, true),
            (30, true),
            (60, false),
        ] {
            let step = accepted.then_some(at / 30);
            assert_eq!(step_of(code, at + off), step, "{off} s");
        }
    }

    #[test]
    fn what_is_no_code_is_refused() {
        for code in [
            "",
            "28708",
            "2870820",
            "-28708",
            "+87082",
            "２８７０８２",
            "abcdef",
        ] {
            assert_eq!(step_of(code, 59), None, "{code:?}");
        }
    }

    #[test]
    fn an_app_reads_the_uri() {
        assert_eq!(
            SECRET.uri("ann+shop@example.com").unwrap(),
            "otpauth://totp/EasyOrder:ann%2Bshop%40example.com?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=EasyOrder"
        );
        assert_eq!(SECRET.encode(), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        SECRET.uri("ann@[IPv6:::1]").unwrap();
    }

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{SECRET:?}"), "***");
    }
}
