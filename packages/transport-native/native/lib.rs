//! WebTransport sessions for Node.js over quinn.
//!
//! JavaScript calls in with plain synchronous calls on numbered sessions and
//! streams, none of which waits; results come back as batches of events.

mod connect;
mod events;
mod session;
mod stream;
mod tls;
mod webtransport;

use std::collections::HashMap;
use std::future::Future;
use std::net::{SocketAddr, UdpSocket};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use napi::bindgen_prelude::*;
use napi_derive::napi;
use quinn::{
    Endpoint, EndpointConfig, IdleTimeout, Runtime as _, TokioRuntime, TransportConfig, VarInt,
};
use tokio::runtime::{Builder, Runtime};
use tokio::task::AbortHandle;

use connect::Target;
use events::{Events, Kind, Payload};
use session::{start_server, start_session, SessionEntry};
use stream::{start_recv, start_send, start_unused, RecvControl, SendControl};
use tls::{Chain, Trust};
use webtransport::Offer;

/// The runtime of the process, never shut down: tasks may outlive a JavaScript environment.
fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        Builder::new_multi_thread()
            .worker_threads(WORKER_THREADS)
            .thread_name("moq-bridge-quic")
            .enable_all()
            .build()
            .expect("the operating system refuses threads")
    })
}

const WORKER_THREADS: usize = 2;

type Table<T> = Mutex<HashMap<u64, T>>;

/// What the JavaScript thread and the runtime's tasks share.
struct Shared {
    events: Events,
    last_id: AtomicU64,
    sessions: Table<Arc<SessionEntry>>,
    sends: Table<Arc<SendControl>>,
    recvs: Table<Arc<RecvControl>>,
    connecting: Table<AbortHandle>,
    servers: Table<Endpoint>,
}

impl Shared {
    /// Sessions, streams and servers are numbered together, from 1.
    fn next_id(&self) -> u64 {
        self.last_id.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn emit(&self, kind: Kind, id: u64, value: f64, payload: Payload) {
        self.events.emit(kind, id, value, payload);
    }
}

fn find<T: Clone>(table: &Table<T>, id: f64) -> Option<T> {
    table.lock().unwrap().get(&(id as u64)).cloned()
}

/// Makes a control findable before JavaScript hears of its stream.
fn register<T: Default>(table: &Table<Arc<T>>, id: u64) -> Arc<T> {
    let control = Arc::<T>::default();
    table.lock().unwrap().insert(id, control.clone());
    control
}

/// Settings of a QUIC connection; times in milliseconds, sizes in bytes.
#[napi(object)]
pub struct TransportSettings {
    pub idle_timeout_ms: u32,
    /// 0: none are sent.
    pub keep_alive_ms: u32,
    pub max_uni_streams: u32,
    pub max_bidi_streams: u32,
    pub stream_window: u32,
    pub connection_window: u32,
    pub send_window: u32,
}

impl TransportSettings {
    fn build(&self) -> Arc<TransportConfig> {
        let mut config = TransportConfig::default();
        let keep_alive = Duration::from_millis(self.keep_alive_ms.into());
        config
            .max_idle_timeout(Some(IdleTimeout::from(VarInt::from(self.idle_timeout_ms))))
            .keep_alive_interval(Some(keep_alive).filter(|time| !time.is_zero()))
            .max_concurrent_uni_streams(self.max_uni_streams.into())
            .max_concurrent_bidi_streams(self.max_bidi_streams.into())
            .stream_receive_window(self.stream_window.into())
            .receive_window(self.connection_window.into())
            .send_window(self.send_window.into());
        Arc::new(config)
    }
}

#[napi(object)]
pub struct ConnectSettings {
    pub url: String,
    pub protocols: Vec<String>,
    pub ca: Option<String>,
    pub fingerprints: Option<Vec<String>>,
    pub verify_chain: bool,
    pub timeout_ms: u32,
    pub transport: TransportSettings,
}

#[napi(object)]
pub struct ListenSettings {
    /// An IP address and port.
    pub address: String,
    pub cert: String,
    pub key: String,
    pub protocols: Vec<String>,
    /// Empty: every path.
    pub paths: Vec<String>,
    pub transport: TransportSettings,
}

#[napi(object)]
pub struct Listening {
    pub id: f64,
    pub port: u16,
}

/// Everything of one JavaScript environment. Calls with an unknown number do nothing: a session
/// or stream may end between the event and the call.
#[napi]
pub struct Hub {
    shared: Arc<Shared>,
}

#[napi]
impl Hub {
    /// `notify` is called when there is something to drain.
    #[napi(constructor)]
    pub fn new(notify: Function<(), Unknown<'static>>) -> Result<Self> {
        let notify = notify
            .build_threadsafe_function()
            .weak::<true>()
            .callee_handled::<false>()
            .build()?;
        Ok(Self {
            shared: Arc::new(Shared {
                events: Events::new(notify),
                last_id: AtomicU64::new(0),
                sessions: Table::default(),
                sends: Table::default(),
                recvs: Table::default(),
                connecting: Table::default(),
                servers: Table::default(),
            }),
        })
    }

    /// Fills `records` (kind, id, value) and `payloads`; returns how many events.
    #[napi]
    pub fn drain(
        &self,
        env: Env,
        mut records: Float64ArraySlice,
        mut payloads: Array,
    ) -> Result<u32> {
        // SAFETY: the array is JavaScript's own and nothing else runs on its thread meanwhile.
        let records = unsafe { records.as_mut() };
        self.shared.events.drain(&env, records, &mut payloads)
    }

    /// Starts to connect; `Connected` or `ConnectFailed` follows, unless aborted.
    #[napi]
    pub fn connect(&self, settings: ConnectSettings) -> Result<f64> {
        let chain = match (settings.verify_chain, settings.ca) {
            (false, _) => Chain::Any,
            (true, Some(pem)) => Chain::Authorities(pem),
            (true, None) => Chain::SystemRoots,
        };
        let fingerprints = settings.fingerprints;
        let target = Target {
            url: settings.url.parse().map_err(invalid)?,
            protocols: settings.protocols,
            trust: Trust {
                fingerprints,
                chain,
            },
            patience: Duration::from_millis(settings.timeout_ms.into()),
            transport: settings.transport.build(),
        };
        let shared = self.shared.clone();
        let id = shared.next_id();
        let mut connecting = self.shared.connecting.lock().unwrap();
        let task = runtime().spawn(async move {
            let result = connect::connect(target).await;
            // Gone when it was aborted: then nobody waits for the result.
            if shared.connecting.lock().unwrap().remove(&id).is_none() {
                return;
            }
            match result {
                Ok((session, connect_recv)) => {
                    let texts = Payload::Texts(session.protocol.clone(), String::new());
                    start_session(&shared, id, session, connect_recv, || {
                        shared.emit(Kind::Connected, id, 0.0, texts);
                    });
                }
                Err(failure) => {
                    let status = failure.status.map_or(-1.0, f64::from);
                    let texts = Payload::Texts(Some(failure.code.into()), failure.message);
                    shared.emit(Kind::ConnectFailed, id, status, texts);
                }
            }
        });
        connecting.insert(id, task.abort_handle());
        Ok(id as f64)
    }

    /// Gives up connecting; true when no event will follow.
    #[napi]
    pub fn abort_connect(&self, id: f64) -> bool {
        let task = self.shared.connecting.lock().unwrap().remove(&(id as u64));
        task.inspect(AbortHandle::abort).is_some()
    }

    #[napi]
    pub fn listen(&self, settings: ListenSettings) -> Result<Listening> {
        let tls = tls::server_config(&settings.cert, &settings.key).map_err(invalid)?;
        let mut config = quinn::ServerConfig::with_crypto(Arc::new(tls));
        config.transport_config(settings.transport.build());
        let _context = runtime().enter();
        let address: SocketAddr = settings.address.parse().map_err(invalid)?;
        let socket = UdpSocket::bind(address).map_err(invalid)?;
        let socket = TokioRuntime.wrap_udp_socket(socket).map_err(invalid)?;
        let port = socket.local_addr().map_err(invalid)?.port();
        let watched = Arc::downgrade(&socket);
        let endpoint = Endpoint::new_with_abstract_socket(
            EndpointConfig::default(),
            Some(config),
            socket,
            Arc::new(TokioRuntime),
        )
        .map_err(invalid)?;
        let id = self.shared.next_id();
        let mut servers = self.shared.servers.lock().unwrap();
        servers.insert(id, endpoint.clone());
        let offer = Offer {
            protocols: settings.protocols,
            paths: settings.paths,
        };
        start_server(&self.shared, id, endpoint, watched, offer);
        Ok(Listening {
            id: id as f64,
            port,
        })
    }

    /// Ends a server and whatever sessions it still has; `ServerClosed` follows.
    #[napi]
    pub fn close_server(&self, id: f64) {
        if let Some(endpoint) = self.shared.servers.lock().unwrap().remove(&(id as u64)) {
            endpoint.close(VarInt::from_u32(0), b"");
        }
    }

    /// The new stream's number, negative when `Opened` will tell that it is open.
    #[napi]
    pub fn open_uni(&self, session: f64) -> f64 {
        self.open(session, |entry, shared, id| async move {
            let Some((send, header)) = entry.session.open_uni().await else {
                return false;
            };
            let control = Arc::new(SendControl::unstarted(id, entry.id, send, header));
            shared.sends.lock().unwrap().insert(id, control);
            // It may have ended meanwhile, and who looked for unused streams then did not find this one.
            if !shared.sessions.lock().unwrap().contains_key(&entry.id) {
                start_unused(&shared, entry.id);
            }
            true
        })
    }

    /// As `openUni`; the number is that of both halves.
    #[napi]
    pub fn open_bidi(&self, session: f64) -> f64 {
        self.open(session, |entry, shared, id| async move {
            let Some((send, recv)) = entry.session.open_bidi().await else {
                return false;
            };
            let control = register(&shared.sends, id);
            start_send(&shared, id, send, control);
            let control = register(&shared.recvs, id);
            start_recv(&shared, &entry.session.connection, id, recv, control);
            true
        })
    }

    #[napi]
    pub fn taken(&self, session: f64, uni: u32, bidi: u32, datagrams: u32) {
        if let Some(entry) = find(&self.shared.sessions, session) {
            entry.taken(uni as usize, bidi as usize, datagrams as usize);
        }
    }

    /// Queues a chunk; false when the writer should wait for `Drained`.
    #[napi]
    pub fn write(&self, stream: f64, chunk: Uint8ArraySlice) -> bool {
        self.queue(stream, Bytes::copy_from_slice(&chunk))
    }

    /// As `write`, with several chunks.
    #[napi]
    pub fn write_all(&self, stream: f64, chunks: Array) -> Result<bool> {
        let mut parts = Vec::with_capacity(chunks.len() as usize);
        for index in 0..chunks.len() {
            parts.extend(chunks.get::<Uint8ArraySlice>(index)?);
        }
        let size = parts.iter().map(|part| part.len()).sum();
        let mut joined = BytesMut::with_capacity(size);
        for part in &parts {
            joined.extend_from_slice(part);
        }
        Ok(self.queue(stream, joined.freeze()))
    }

    #[napi]
    pub fn finish(&self, stream: f64) {
        if let Some(send) = find(&self.shared.sends, stream) {
            send.finish(&self.shared);
        }
    }

    #[napi]
    pub fn reset(&self, stream: f64, code: u32) {
        if let Some(send) = find(&self.shared.sends, stream) {
            send.reset(&self.shared, code);
        }
    }

    #[napi]
    pub fn set_priority(&self, stream: f64, priority: i32) {
        if let Some(send) = find(&self.shared.sends, stream) {
            send.set_priority(priority);
        }
    }

    #[napi]
    pub fn grant(&self, stream: f64, bytes: u32) {
        if let Some(recv) = find(&self.shared.recvs, stream) {
            recv.grant(bytes);
        }
    }

    #[napi]
    pub fn stop(&self, stream: f64, code: u32) {
        if let Some(recv) = find(&self.shared.recvs, stream) {
            recv.stop(code);
        }
    }

    #[napi]
    pub fn send_datagram(&self, session: f64, payload: Uint8ArraySlice) {
        if let Some(entry) = find(&self.shared.sessions, session) {
            entry.session.send_datagram(&payload);
        }
    }

    #[napi]
    pub fn max_datagram_size(&self, session: f64) -> u32 {
        find(&self.shared.sessions, session)
            .map_or(0, |entry| entry.session.max_datagram_size() as u32)
    }

    /// Ends the session; `Closed` follows once the peer knows or does not answer.
    #[napi]
    pub fn close(&self, session: f64, code: u32, reason: String) {
        if let Some(entry) = find(&self.shared.sessions, session) {
            runtime().spawn(async move { entry.session.close(code, reason).await });
        }
    }
}

impl Hub {
    fn queue(&self, stream: f64, chunk: Bytes) -> bool {
        find(&self.shared.sends, stream).is_none_or(|send| send.write(&self.shared, chunk))
    }

    /// Opens at once where the peer's limit allows it, else in a task.
    fn open<F>(&self, session: f64, open: fn(Arc<SessionEntry>, Arc<Shared>, u64) -> F) -> f64
    where
        F: Future<Output = bool> + Send + 'static,
    {
        let _context = runtime().enter();
        let shared = self.shared.clone();
        let id = shared.next_id();
        let Some(entry) = find(&shared.sessions, session) else {
            // The session is over; JavaScript fails what waits when it hears of that.
            return -(id as f64);
        };
        let mut opening: Pin<Box<F>> = Box::pin(open(entry, shared.clone(), id));
        let mut cx = Context::from_waker(Waker::noop());
        match opening.as_mut().poll(&mut cx) {
            Poll::Ready(true) => return id as f64,
            Poll::Ready(false) => {}
            Poll::Pending => {
                runtime().spawn(async move {
                    if opening.await {
                        shared.emit(Kind::Opened, id, 0.0, Payload::None);
                    }
                });
            }
        }
        -(id as f64)
    }
}

impl Drop for Hub {
    /// The JavaScript environment ends: nobody can use the sessions any more.
    fn drop(&mut self) {
        for task in self.shared.connecting.lock().unwrap().values() {
            task.abort();
        }
        for entry in self.shared.sessions.lock().unwrap().values() {
            entry.session.connection.close(VarInt::from_u32(0), b"");
        }
        for server in self.shared.servers.lock().unwrap().values() {
            server.close(VarInt::from_u32(0), b"");
        }
    }
}

fn invalid(error: impl ToString) -> Error {
    Error::new(Status::InvalidArg, error.to_string())
}
