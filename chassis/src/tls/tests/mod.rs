#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod connecting;
mod loading;
mod pki;
mod renewing;
