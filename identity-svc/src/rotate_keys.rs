//! The operators' command.

use crate::{
    Config, connect,
    domain::Actor,
    repository::{Repository, Takeover},
    service::random_key,
};

/// Makes a new key for signing access tokens.
///
/// It signs after IDENTITY_KEY_LEAD_SECONDS; the key before it verifies until the last token that it signed has expired, by
/// IDENTITY_ACCESS_TOKEN_SECONDS. So no token fails.
#[derive(clap::Args, Debug, Clone, Copy)]
pub struct RotateKeys {
    /// Only if the newest key is older than so many days
    #[arg(long, value_name = "DAYS", conflicts_with = "now")]
    if_older_than_days: Option<u16>,
    /// The new key signs at once, and all others verify no more: somebody has a copy of one. All access tokens end by that;
    /// who is signed in gets the next by the refresh token
    #[arg(long)]
    now: bool,
}

/// Does it, and tells what was done. The services that run hear of it within a second or two.
///
/// # Errors
/// When the database cannot be used, or is not up to date.
pub async fn rotate_keys(config: &Config, options: RotateKeys) -> anyhow::Result<String> {
    let repository = Repository::new(connect(config, 1).await?);
    let days = options.if_older_than_days.unwrap_or(0);
    let takeover = if options.now {
        Takeover::AtOnce
    } else {
        config.key_times().orderly(i64::from(days) * 24 * 60 * 60)
    };
    let rotated = repository
        .rotate_keys(random_key()?, takeover, &Actor::system())
        .await?;
    let (kid, signs_from) = (&rotated.kid, rotated.signs_from.format("%F %T UTC"));
    Ok(match takeover {
        _ if !rotated.is_new => format!("The key {kid} is not old enough; nothing was changed."),
        Takeover::AtOnce => format!("The new key {kid} signs from now on; no other verifies."),
        Takeover::Orderly { .. } => format!("The new key {kid} signs from {signs_from} on."),
    })
}
