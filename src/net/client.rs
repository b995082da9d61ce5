//! Clients of HTTP, all made alike: rustls with ring, certificates verified, HTTP/1.1, no redirect followed and nothing sent
//! again unasked. Who asks decides these itself, because it knows who may see a key.

use std::time::Duration;

use reqwest::{Certificate, Client};

/// Many servers hang up on a connection that is idle for 5 s; one that they are about to close is no good for a request.
const IDLE: Duration = Duration::from_secs(3);

/// Wherein clients differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientOptions {
    /// For a connection to stand.
    pub connect_timeout: Duration,
    /// Whether the proxies of the environment are used. One would see the key of a server on this machine.
    pub proxies: bool,
    /// Whether https is asked for, which wants the certificates of this machine. A machine without any can still ask its own
    /// servers.
    pub certificates: bool,
}

/// Makes a client.
///
/// # Errors
/// If the certificates of this machine cannot be read.
pub fn client(options: &ClientOptions) -> reqwest::Result<Client> {
    // Fails where somebody has chosen a provider already, which is then the one to use.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = Client::builder()
        .connect_timeout(options.connect_timeout)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .http1_only()
        .tcp_nodelay(true)
        .pool_idle_timeout(IDLE)
        .user_agent(concat!("cribble/", env!("CARGO_PKG_VERSION")));
    if !options.proxies {
        builder = builder.no_proxy();
    }
    if !options.certificates {
        // With none to believe in, an https address is refused.
        builder = builder.tls_certs_only(std::iter::empty::<Certificate>());
    }
    builder.build()
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Write};
    use std::net::TcpListener;

    use tokio::runtime::Builder;

    use super::*;

    fn local() -> ClientOptions {
        ClientOptions { connect_timeout: Duration::from_secs(2), proxies: false, certificates: false }
    }

    /// The first line and the headers of the one request that comes, answered with a redirect to the same server.
    fn asked_once(listener: TcpListener) -> Vec<String> {
        let (mut stream, _) = listener.accept().unwrap();
        let lines: Vec<String> = BufReader::new(&stream)
            .lines()
            .map(|line| line.unwrap().to_lowercase())
            .take_while(|line| !line.is_empty())
            .collect();
        let answer = "HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        stream.write_all(answer.as_bytes()).unwrap();
        lines
    }

    #[test]
    fn a_redirect_is_handed_over_and_the_program_says_its_name() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/here", listener.local_addr().unwrap());
        let server = std::thread::spawn(move || asked_once(listener));
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let client = client(&local()).unwrap();
        let response = runtime.block_on(async { client.get(url).send().await }).unwrap();
        assert_eq!(response.status().as_u16(), 302);
        let head = server.join().unwrap();
        assert_eq!(head[0], "get /here http/1.1");
        assert!(head.iter().any(|line| line.starts_with("user-agent: cribble/")), "{head:?}");
    }
}
