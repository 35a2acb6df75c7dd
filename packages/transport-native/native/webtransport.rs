//! WebTransport over HTTP/3 (draft-ietf-webtrans-http3) on a connection that carries nothing
//! else. The codecs are `web-transport-proto`'s. Its companion `web-transport-quinn` has a
//! session, too, but that one replaces the reason a connection ended with its own.

use std::sync::Mutex;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use quinn::{Connection, ConnectionError, RecvStream, SendStream, VarInt};
use tokio::time::timeout;
use web_transport_proto as proto;
use web_transport_proto::{
    Capsule, ConnectRequest, ConnectResponse, Frame, Http3CapsuleReader, Settings, StreamUni,
};

/// A peer gets so long, or three round trips, to answer the end of a session.
const CLOSE_PATIENCE: Duration = Duration::from_millis(100);

/// The application's code as HTTP/3 carries it (section 4.4).
pub fn to_wire(code: u32) -> VarInt {
    VarInt::from_u64(proto::error_to_http3(code)).expect("the range ends far below 2^62")
}

/// The application's code, if it is one.
pub fn from_wire(code: VarInt) -> Option<u32> {
    proto::error_from_http3(code.into_inner())
}

/// How a session ended.
#[derive(Clone)]
pub struct End {
    pub by: &'static str,
    pub code: Option<u32>,
    pub reason: String,
}

/// Why a server gave no session, and its HTTP status if that is why.
pub struct Refusal {
    pub status: Option<u16>,
    pub message: String,
}

impl<E: std::error::Error> From<E> for Refusal {
    fn from(error: E) -> Self {
        Self {
            status: None,
            message: error.to_string(),
        }
    }
}

pub struct Session {
    pub connection: Connection,
    pub protocol: Option<String>,
    /// In front of every unidirectional stream, bidirectional stream and datagram.
    headers: [Bytes; 3],
    session_id: proto::VarInt,
    connect_send: Mutex<Option<SendStream>>,
    /// Closing any of HTTP/3's own streams would end the connection.
    held: Mutex<Vec<RecvStream>>,
    _control: SendStream,
    end: Mutex<Option<End>>,
}

/// Each side sends SETTINGS on a control stream of its own.
async fn exchange_settings(connection: &Connection) -> Result<(SendStream, RecvStream), Refusal> {
    let ours = async {
        let mut settings = Settings::default();
        settings.enable_webtransport(1);
        let mut send = connection.open_uni().await?;
        settings.write(&mut send).await?;
        Ok::<_, Refusal>(send)
    };
    let theirs = async {
        let mut recv = connection.accept_uni().await?;
        let settings = Settings::read(&mut recv).await?;
        if settings.supports_webtransport() == 0 {
            let message = "the server speaks HTTP/3 without WebTransport".into();
            let status = None;
            return Err(Refusal { status, message });
        }
        Ok(recv)
    };
    tokio::try_join!(ours, theirs)
}

/// Asks for a session on a new connection.
pub async fn connect(
    connection: Connection,
    request: ConnectRequest,
) -> Result<(Session, RecvStream), Refusal> {
    let (control, held) = exchange_settings(&connection).await?;
    let (mut send, mut recv) = connection.open_bi().await?;
    request.write(&mut send).await?;
    let response = ConnectResponse::read(&mut recv)
        .await
        .map_err(|error| match error {
            proto::ConnectError::WrongStatus(Some(status)) => Refusal {
                status: Some(status.as_u16()),
                message: format!("the server answered CONNECT with status {status}"),
            },
            error => error.into(),
        })?;
    if let Some(protocol) = &response.protocol {
        if !request.protocols.contains(protocol) {
            let message = "the server chose a protocol that was not offered".into();
            let status = None;
            return Err(Refusal { status, message });
        }
    }
    let session = Session::new(connection, control, held, send, response.protocol);
    Ok((session, recv))
}

/// Which sessions a server gives.
pub struct Offer {
    /// The first of a client's protocols that is among these is agreed to.
    pub protocols: Vec<String>,
    /// The paths there are; none listed, all are.
    pub paths: Vec<String>,
}

/// Accepts the session a client asks for; also returns its path and query.
pub async fn accept(
    connection: Connection,
    offer: &Offer,
) -> Result<(Session, RecvStream, String), Refusal> {
    let (control, held) = exchange_settings(&connection).await?;
    let (mut send, mut recv) = connection.accept_bi().await?;
    let request = ConnectRequest::read(&mut recv).await?;
    if !offer.paths.is_empty() && !offer.paths.iter().any(|path| path == request.url.path()) {
        let status = proto::http::StatusCode::NOT_FOUND;
        ConnectResponse::new(status).write(&mut send).await?;
        send.finish()?;
        // The client closes the connection, having read the answer.
        let _ = timeout(CLOSE_PATIENCE, connection.closed()).await;
        return Err(Refusal {
            status: Some(status.as_u16()),
            message: "no such path".into(),
        });
    }
    let known = |protocol: &&String| offer.protocols.contains(protocol);
    let mut response = ConnectResponse::OK;
    response.protocol = request.protocols.iter().find(known).cloned();
    response.write(&mut send).await?;
    let path = match request.url.query() {
        Some(query) => format!("{}?{query}", request.url.path()),
        None => request.url.path().to_owned(),
    };
    let session = Session::new(connection, control, held, send, response.protocol);
    Ok((session, recv, path))
}

impl Session {
    fn new(
        connection: Connection,
        control: SendStream,
        held: RecvStream,
        connect_send: SendStream,
        protocol: Option<String>,
    ) -> Self {
        let stream_id = VarInt::from(connect_send.id()).into_inner();
        let session_id = proto::VarInt::from_u64(stream_id).expect("a stream id is a varint");
        let mut headers: [Vec<u8>; 3] = Default::default();
        StreamUni::WEBTRANSPORT.encode(&mut headers[0]);
        Frame::WEBTRANSPORT.encode(&mut headers[1]);
        session_id.encode(&mut headers[0]);
        session_id.encode(&mut headers[1]);
        // Datagrams name the session by a quarter of its stream's id (RFC 9297, section 2.1).
        proto::VarInt::from_u64(stream_id / 4)
            .expect("smaller than the id")
            .encode(&mut headers[2]);
        Self {
            connection,
            protocol,
            headers: headers.map(Bytes::from),
            session_id,
            connect_send: Mutex::new(Some(connect_send)),
            held: Mutex::new(vec![held]),
            _control: control,
            end: Mutex::default(),
        }
    }

    /// A new stream and the header that has to come first on it.
    pub async fn open_uni(&self) -> Option<(SendStream, Bytes)> {
        let send = self.connection.open_uni().await.ok()?;
        Some((send, self.headers[0].clone()))
    }

    pub async fn open_bidi(&self) -> Option<(SendStream, RecvStream)> {
        let (mut send, recv) = self.connection.open_bi().await.ok()?;
        send.write_all(&self.headers[1]).await.ok()?;
        Some((send, recv))
    }

    /// Reads the header of a unidirectional stream; none when it is not the application's.
    pub async fn identify_uni(&self, mut recv: RecvStream) -> Option<RecvStream> {
        let kind = StreamUni(proto::VarInt::read(&mut recv).await.ok()?);
        if kind != StreamUni::WEBTRANSPORT {
            self.held.lock().unwrap().push(recv);
            return None;
        }
        let session = proto::VarInt::read(&mut recv).await.ok()?;
        (session == self.session_id).then_some(recv)
    }

    /// As [`Self::identify_uni`], for the receiving half of a bidirectional stream.
    pub async fn identify_bidi(&self, recv: &mut RecvStream) -> Option<()> {
        let kind = Frame(proto::VarInt::read(recv).await.ok()?);
        let session = proto::VarInt::read(recv).await.ok()?;
        (kind == Frame::WEBTRANSPORT && session == self.session_id).then_some(())
    }

    /// The next datagram of this session.
    pub async fn read_datagram(&self) -> Result<Bytes, ConnectionError> {
        loop {
            let mut datagram = self.connection.read_datagram().await?;
            let header = &self.headers[2];
            if datagram.starts_with(&header[..]) {
                return Ok(datagram.split_off(header.len()));
            }
        }
    }

    /// Drops what is too large or comes too late.
    pub fn send_datagram(&self, payload: &[u8]) {
        let mut datagram = BytesMut::with_capacity(self.headers[2].len() + payload.len());
        datagram.extend_from_slice(&self.headers[2]);
        datagram.extend_from_slice(payload);
        let _ = self.connection.send_datagram(datagram.freeze());
    }

    /// 0 when the peer takes none.
    pub fn max_datagram_size(&self) -> usize {
        let whole = self.connection.max_datagram_size().unwrap_or(0);
        whole.saturating_sub(self.headers[2].len())
    }

    /// Ends the session with a capsule (section 6) and then, for peers that know no capsules or
    /// do not answer, the connection. Only the first end counts.
    pub async fn close(&self, code: u32, reason: String) {
        let end = End {
            by: "local",
            code: Some(code),
            reason: reason.clone(),
        };
        {
            let mut recorded = self.end.lock().unwrap();
            if recorded.is_some() || self.connection.close_reason().is_some() {
                return;
            }
            *recorded = Some(end);
        }
        let Some(mut send) = self.connect_send.lock().unwrap().take() else {
            return;
        };
        let capsule = Capsule::CloseWebTransportSession {
            code,
            reason: reason.clone(),
        };
        let mut payload = Vec::new();
        capsule.encode(&mut payload);
        let mut frame = Vec::new();
        Frame::DATA.encode(&mut frame);
        proto::VarInt::from_u32(payload.len() as u32).encode(&mut frame);
        frame.extend_from_slice(&payload);
        let told = async {
            if send.write_all(&frame).await.is_ok() && send.finish().is_ok() {
                self.connection.closed().await;
            }
        };
        let patience = CLOSE_PATIENCE.max(self.connection.rtt() * 3);
        let _ = timeout(patience, told).await;
        self.connection.close(to_wire(code), reason.as_bytes());
    }

    /// Waits for the session's end, whoever brings it, and says how it came.
    pub async fn ended(&self, connect_recv: RecvStream) -> End {
        tokio::select! {
            // First, for a capsule may be here together with the end of the connection.
            biased;
            end = self.read_capsules(connect_recv) => {
                let (code, reason) = (end.code.unwrap_or(0), end.reason.clone());
                self.end.lock().unwrap().get_or_insert(end);
                self.connection.close(to_wire(code), reason.as_bytes());
            }
            _ = self.connection.closed() => {}
        }
        let cause = self.connection.closed().await;
        let recorded = self.end.lock().unwrap().take();
        recorded.unwrap_or_else(|| match cause {
            ConnectionError::ApplicationClosed(close) => End {
                by: "peer",
                code: from_wire(close.error_code),
                reason: String::from_utf8_lossy(&close.reason).into_owned(),
            },
            cause => End {
                by: "transport",
                code: None,
                reason: cause.to_string(),
            },
        })
    }

    /// Returns when the peer ends the session; never when the connection ends.
    async fn read_capsules(&self, connect_recv: RecvStream) -> End {
        let mut capsules = Http3CapsuleReader::new(connect_recv);
        let (code, reason) = loop {
            match capsules.read().await {
                Ok(Some(Capsule::CloseWebTransportSession { code, reason })) => {
                    break (Some(code), reason)
                }
                Ok(Some(_)) => {}
                // The stream's end stands for code 0 (section 6).
                Ok(None) => break (Some(0), String::new()),
                Err(_) if self.connection.close_reason().is_some() => {
                    std::future::pending::<()>().await;
                }
                Err(error) => break (None, error.to_string()),
            }
        };
        End {
            by: "peer",
            code,
            reason,
        }
    }
}
