//! Dialing a server, and why that failed.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use quinn::{
    Connection, ConnectionError, Endpoint, RecvStream, TransportConfig, TransportErrorCode,
};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use url::{Host, Url};
use web_transport_proto::ConnectRequest;

use crate::tls::{client_config, Trust};
use crate::webtransport::{self, Session};

/// The head start each address of a host has over the next.
const ADDRESS_STAGGER: Duration = Duration::from_millis(250);

/// Why no session came about: a code of the `Connect` interface, and more.
#[derive(Debug)]
pub struct Failure {
    pub code: &'static str,
    pub status: Option<u16>,
    pub message: String,
}

impl Failure {
    fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            status: None,
            message: message.into(),
        }
    }
}

pub struct Target {
    pub url: Url,
    pub protocols: Vec<String>,
    pub trust: Trust,
    pub patience: Duration,
    pub transport: Arc<TransportConfig>,
}

pub async fn connect(target: Target) -> Result<(Session, RecvStream), Failure> {
    let mut config = match client_config(target.trust) {
        Ok(tls) => quinn::ClientConfig::new(Arc::new(tls)),
        Err(message) => return Err(Failure::new("connect_tls", message)),
    };
    config.transport_config(target.transport);
    let patience_ms = target.patience.as_millis();
    let deadline = tokio::time::Instant::now() + target.patience;
    let connection = timeout(target.patience, dial(&target.url, config))
        .await
        .unwrap_or_else(|_| {
            let message = format!("no answer over UDP within {patience_ms} ms");
            Err(Failure::new("connect_unanswered", message))
        })?;
    let request = ConnectRequest::new(target.url).with_protocols(target.protocols);
    let exchange = webtransport::connect(connection.clone(), request);
    let failure = match tokio::time::timeout_at(deadline, exchange).await {
        Ok(Ok(session)) => return Ok(session),
        Ok(Err(refusal)) => match (refusal.status, connection.close_reason()) {
            (None, Some(cause)) => handshake_failure(&cause),
            (status, _) => Failure {
                code: "connect_http",
                status,
                message: refusal.message,
            },
        },
        Err(_) => {
            let message = format!("the server left CONNECT unanswered for {patience_ms} ms");
            Failure::new("connect_http", message)
        }
    };
    connection.close(0u32.into(), b"");
    Err(failure)
}

/// Tries the host's addresses one after the other, not waiting for one to fail.
async fn dial(url: &Url, config: quinn::ClientConfig) -> Result<Connection, Failure> {
    let port = url.port().unwrap_or(443);
    let (name, addresses) = match url.host() {
        None => return Err(Failure::new("connect_refused", "the URL has no host")),
        Some(Host::Ipv4(ip)) => (ip.to_string(), vec![SocketAddr::new(ip.into(), port)]),
        Some(Host::Ipv6(ip)) => (ip.to_string(), vec![SocketAddr::new(ip.into(), port)]),
        Some(Host::Domain(name)) => {
            let found = tokio::net::lookup_host((name, port))
                .await
                .map_err(|error| {
                    Failure::new(
                        "connect_unanswered",
                        format!("no address is known: {error}"),
                    )
                })?;
            (name.to_owned(), found.collect())
        }
    };
    let mut attempts = JoinSet::new();
    for (turn, address) in addresses.into_iter().enumerate() {
        let (config, name) = (config.clone(), name.clone());
        attempts.spawn(async move {
            sleep(ADDRESS_STAGGER * turn as u32).await;
            let local = match address {
                SocketAddr::V4(_) => IpAddr::from(Ipv4Addr::UNSPECIFIED),
                SocketAddr::V6(_) => IpAddr::from(Ipv6Addr::UNSPECIFIED),
            };
            // A machine without that kind of address, or without UDP: nothing was answered.
            let unusable = |message: String| Failure::new("connect_unanswered", message);
            Endpoint::client(SocketAddr::new(local, 0))
                .map_err(|error| unusable(error.to_string()))?
                .connect_with(config, address, &name)
                .map_err(|error| unusable(error.to_string()))?
                .await
                .map_err(|error| handshake_failure(&error))
        });
    }
    let mut failure = Failure::new("connect_unanswered", "the host has no address");
    while let Some(result) = attempts.join_next().await {
        match result {
            Ok(Ok(connection)) => return Ok(connection),
            Ok(Err(silence)) if silence.code == "connect_unanswered" => failure = silence,
            // A server that answered, if only to refuse, must never pass for a silent one.
            Ok(Err(refusal)) => return Err(refusal),
            Err(_) => {}
        }
    }
    Err(failure)
}

/// TLS alerts are the QUIC error codes 0x100 to 0x1ff (RFC 9001, section 4.8).
fn is_tls(code: TransportErrorCode) -> bool {
    (0x100..0x200).contains(&u64::from(code))
}

fn handshake_failure(error: &ConnectionError) -> Failure {
    let code = match error {
        ConnectionError::TimedOut => "connect_unanswered",
        ConnectionError::TransportError(e) if is_tls(e.code) => "connect_tls",
        ConnectionError::ConnectionClosed(e) if is_tls(e.error_code) => "connect_tls",
        _ => "connect_refused",
    };
    Failure::new(code, error.to_string())
}
