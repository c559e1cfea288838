use woothee::{parser::Parser, woothee::VALUE_UNKNOWN};

/// What nobody can tell.
const UNKNOWN: &str = "unknown device";

/// What a client is, by what it calls itself, so that its owner knows it again: `Firefox on Linux`.
#[must_use]
pub fn device(user_agent: Option<&str>) -> String {
    let Some(told) = user_agent.and_then(|agent| Parser::new().parse(agent)) else {
        return UNKNOWN.to_owned();
    };
    match (known(told.name), known(told.os).map(system)) {
        (Some(program), Some(system)) if program != system => format!("{program} on {system}"),
        (Some(name), _) | (None, Some(name)) => name.to_owned(),
        (None, None) => UNKNOWN.to_owned(),
    }
}

fn known(name: &str) -> Option<&str> {
    // A library may be in any program.
    let says_nothing = [VALUE_UNKNOWN, "HTTP Library", ""].contains(&name);
    (!says_nothing).then_some(name)
}

/// As its maker calls it. Which Windows it is no browser tells any more: 11 calls itself 10.
fn system(os: &str) -> &str {
    match os {
        "Mac OSX" => "macOS",
        "Windows Phone OS" => "Windows Phone",
        windows if windows.starts_with("Windows ") => "Windows",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_called_as_its_owner_would_call_it() {
        for (agent, name) in [
            (
                "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
                "Firefox on Linux",
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
                "Chrome on Windows",
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0",
                "Edge on Windows",
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Safari/605.1.15",
                "Safari on macOS",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1",
                "Safari on iPhone",
            ),
            (
                "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36",
                "Chrome on Android",
            ),
            ("curl/8.14.1", UNKNOWN),
            ("-", UNKNOWN),
            ("", UNKNOWN),
        ] {
            assert_eq!(device(Some(agent)), name, "{agent}");
        }
        assert_eq!(device(None), UNKNOWN);
    }
}
