//! Whose an address is.

use std::net::{IpAddr, Ipv6Addr};

use reqwest::Url;

/// Whether what is sent there stays on this machine: its host is `localhost`, below it, or a loopback address.
pub fn is_of_this_machine(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let local_name = host == "localhost" || host.ends_with(".localhost");
    let loopback = bare.parse::<IpAddr>().is_ok_and(|address| match address {
        IpAddr::V4(address) => address.is_loopback(),
        IpAddr::V6(address) => address == Ipv6Addr::LOCALHOST,
    });
    local_name || loopback
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_is_this_machine() {
        let of = |text: &str| is_of_this_machine(&Url::parse(text).unwrap());
        for text in [
            "http://localhost:1",
            "http://LOCALHOST",
            "http://127.0.0.1:1",
            "https://127.8.9.1/v1",
            "http://[::1]:1",
            "http://a.localhost",
            // As a browser reads it: 127.0.0.1.
            "http://2130706433",
        ] {
            assert!(of(text), "{text}");
        }
        for text in [
            "http://host",
            "http://10.0.0.1",
            "http://0.0.0.0",
            "http://[::]",
            "http://[::2]",
            "http://[::ffff:10.0.0.1]",
            "http://localhost.evil.org",
            "http://evil-localhost",
            "http://127.0.0.1.evil.org",
            "http://127.0.0.1@evil.org",
            "file:///etc/passwd",
        ] {
            assert!(!of(text), "{text}");
        }
    }
}
