//! Where a request comes from, behind proxies that are trusted to tell.

use std::{
    net::{IpAddr, SocketAddr},
    str::FromStr,
};

use axum::extract::{ConnectInfo, FromRef, FromRequestParts};
use http::{HeaderMap, HeaderName, request::Parts};
use ipnet::IpNet;

use crate::{Error, Result};

/// Holds the addresses that a request came by, the client's first, as proxies write it.
pub const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Proxies whose `X-Forwarded-For` is believed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    fn trust(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }

    /// The address of whoever sent a request that came from `peer`: of the addresses that it came by, the last that is
    /// no trusted proxy's. What stands before that was written by somebody whom nobody trusts.
    #[must_use]
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.to_canonical();
        let hops = headers
            .get_all(X_FORWARDED_FOR)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .map(|hop| hop.trim().parse::<IpAddr>())
            .collect::<Vec<_>>();
        for hop in hops.into_iter().rev() {
            if !self.trust(client) {
                break;
            }
            match hop {
                Ok(hop) => client = hop.to_canonical(),
                // Nobody can tell any more where it comes from.
                Err(_) => break,
            }
        }
        client
    }
}

/// Networks as `10.0.0.0/8`, or addresses, separated by commas.
impl FromStr for TrustedProxies {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        text.split(',')
            .map(str::trim)
            .filter(|network| !network.is_empty())
            .map(|network| {
                network
                    .parse::<IpNet>()
                    .or_else(|_| network.parse::<IpAddr>().map(IpNet::from))
                    .map_err(|_| anyhow::anyhow!("`{network}` is no network, such as 10.0.0.0/8"))
            })
            .collect::<anyhow::Result<_>>()
            .map(Self)
    }
}

/// The address of the client that sent the request; as an extractor, of a router whose state has the trusted proxies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);

impl<S> FromRequestParts<S> for ClientAddress
where
    S: Send + Sync,
    TrustedProxies: FromRef<S>,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let ConnectInfo(peer) = parts
            .extensions
            .get::<ConnectInfo<SocketAddr>>()
            .ok_or_else(|| Error::internal(anyhow::anyhow!("a request without a peer")))?;
        let proxies = TrustedProxies::from_ref(state);
        Ok(Self(proxies.client(peer.ip(), &parts.headers)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(proxies: &str, peer: &str, forwarded: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append(X_FORWARDED_FOR, value.parse().unwrap());
        }
        let proxies: TrustedProxies = proxies.parse().unwrap();
        proxies.client(peer.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn only_a_trusted_proxy_is_believed() {
        for (proxies, peer, forwarded, expected) in [
            ("", "127.0.0.1", &["203.0.113.9"][..], "127.0.0.1"),
            ("127.0.0.1", "127.0.0.1", &["203.0.113.9"], "203.0.113.9"),
            ("127.0.0.1", "127.0.0.1", &[], "127.0.0.1"),
            ("10.0.0.0/8", "192.0.2.1", &["203.0.113.9"], "192.0.2.1"),
            // What the client wrote itself stands before what the proxies added.
            (
                "10.0.0.0/8",
                "10.1.1.1",
                &["198.51.100.7, 203.0.113.9, 10.2.2.2"],
                "203.0.113.9",
            ),
            (
                "10.0.0.0/8",
                "10.1.1.1",
                &["198.51.100.7", "203.0.113.9"],
                "203.0.113.9",
            ),
            (
                "10.0.0.0/8",
                "10.1.1.1",
                &["10.3.3.3, 10.2.2.2"],
                "10.3.3.3",
            ),
            ("10.0.0.0/8", "10.1.1.1", &["me, 10.2.2.2"], "10.2.2.2"),
            ("::1/128", "::1", &["2001:db8::7"], "2001:db8::7"),
            (
                "127.0.0.1",
                "::ffff:127.0.0.1",
                &["203.0.113.9"],
                "203.0.113.9",
            ),
        ] {
            assert_eq!(
                client(proxies, peer, forwarded),
                expected,
                "{proxies}: {peer} {forwarded:?}"
            );
        }
    }

    #[test]
    fn a_bad_network_is_named() {
        let error = "10.0.0.0/8, nowhere".parse::<TrustedProxies>().unwrap_err();
        assert!(error.to_string().contains("`nowhere`"), "{error}");
    }
}
