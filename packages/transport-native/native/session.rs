//! The tasks of a session and of a listening server.

use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use quinn::{AsyncUdpSocket, Endpoint, RecvStream, SendStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use crate::events::{Kind, Payload};
use crate::stream::{start_recv, start_send, start_unused};
use crate::webtransport::{self, Offer, Session};
use crate::{register, runtime, Shared};

/// So many streams, of each kind, may wait for JavaScript to take them. Without a bound short
/// streams, which end once received, would pile up past every stream limit.
const UNTAKEN_STREAMS: usize = 512;
/// So many datagrams may wait for JavaScript; more are dropped.
const UNTAKEN_DATAGRAMS: usize = 1024;
/// A client gets so long from its first packet to its CONNECT request.
const ACCEPT_PATIENCE: Duration = Duration::from_secs(10);

/// What JavaScript's calls on a session need.
pub struct SessionEntry {
    pub id: u64,
    pub session: Session,
    untaken_uni: Semaphore,
    untaken_bidi: Semaphore,
    untaken_datagrams: AtomicUsize,
}

impl SessionEntry {
    /// JavaScript took streams and datagrams over.
    pub fn taken(&self, uni: usize, bidi: usize, datagrams: usize) {
        self.untaken_uni.add_permits(uni);
        self.untaken_bidi.add_permits(bidi);
        self.untaken_datagrams
            .fetch_sub(datagrams, Ordering::Relaxed);
    }
}

/// Announces a session with `announce`, findable by then, and starts its tasks.
pub fn start_session(
    shared: &Arc<Shared>,
    id: u64,
    session: Session,
    connect_recv: RecvStream,
    announce: impl FnOnce(),
) {
    let entry = Arc::new(SessionEntry {
        id,
        session,
        untaken_uni: Semaphore::new(UNTAKEN_STREAMS),
        untaken_bidi: Semaphore::new(UNTAKEN_STREAMS),
        untaken_datagrams: AtomicUsize::new(0),
    });
    let shared = shared.clone();
    shared.sessions.lock().unwrap().insert(id, entry.clone());
    announce();
    let tasks = [
        runtime().spawn(accept_uni(shared.clone(), entry.clone())),
        runtime().spawn(accept_bidi(shared.clone(), entry.clone())),
        runtime().spawn(read_datagrams(shared.clone(), entry.clone())),
    ];
    runtime().spawn(async move {
        let end = entry.session.ended(connect_recv).await;
        entry.untaken_uni.close();
        entry.untaken_bidi.close();
        for task in tasks {
            let _ = task.await;
        }
        shared.sessions.lock().unwrap().remove(&id);
        start_unused(&shared, id);
        let value = end.code.map_or(-1.0, f64::from);
        let texts = Payload::Texts(Some(end.by.into()), end.reason);
        shared.emit(Kind::Closed, id, value, texts);
    });
}

/// Runs a task's first step here: most often that is all of it.
fn run_or_spawn(task: impl Future<Output = ()> + Send + 'static) {
    let mut task = Box::pin(task);
    let mut cx = Context::from_waker(Waker::noop());
    if task.as_mut().poll(&mut cx) == Poll::Pending {
        runtime().spawn(task);
    }
}

async fn accept_uni(shared: Arc<Shared>, entry: Arc<SessionEntry>) {
    while let Ok(permit) = entry.untaken_uni.acquire().await {
        let Ok(recv) = entry.session.connection.accept_uni().await else {
            return;
        };
        permit.forget();
        run_or_spawn(announce_uni(shared.clone(), entry.clone(), recv));
    }
}

async fn announce_uni(shared: Arc<Shared>, entry: Arc<SessionEntry>, recv: RecvStream) {
    let Some(recv) = entry.session.identify_uni(recv).await else {
        entry.untaken_uni.add_permits(1);
        return;
    };
    let id = shared.next_id();
    let control = register(&shared.recvs, id);
    shared.emit(Kind::AcceptUni, entry.id, id as f64, Payload::None);
    start_recv(&shared, &entry.session.connection, id, recv, control);
}

async fn accept_bidi(shared: Arc<Shared>, entry: Arc<SessionEntry>) {
    while let Ok(permit) = entry.untaken_bidi.acquire().await {
        let Ok((send, recv)) = entry.session.connection.accept_bi().await else {
            return;
        };
        permit.forget();
        run_or_spawn(announce_bidi(shared.clone(), entry.clone(), send, recv));
    }
}

async fn announce_bidi(
    shared: Arc<Shared>,
    entry: Arc<SessionEntry>,
    send: SendStream,
    mut recv: RecvStream,
) {
    if entry.session.identify_bidi(&mut recv).await.is_none() {
        entry.untaken_bidi.add_permits(1);
        return;
    }
    let id = shared.next_id();
    let send_control = register(&shared.sends, id);
    let recv_control = register(&shared.recvs, id);
    shared.emit(Kind::AcceptBidi, entry.id, id as f64, Payload::None);
    start_send(&shared, id, send, send_control);
    start_recv(&shared, &entry.session.connection, id, recv, recv_control);
}

async fn read_datagrams(shared: Arc<Shared>, entry: Arc<SessionEntry>) {
    while let Ok(datagram) = entry.session.read_datagram().await {
        if entry.untaken_datagrams.load(Ordering::Relaxed) < UNTAKEN_DATAGRAMS {
            entry.untaken_datagrams.fetch_add(1, Ordering::Relaxed);
            let payload = Payload::Bytes(datagram);
            shared.emit(Kind::Datagram, entry.id, 0.0, payload);
        }
    }
}

/// Accepts sessions until the endpoint is closed. `socket` is the endpoint's.
pub fn start_server(
    shared: &Arc<Shared>,
    id: u64,
    endpoint: Endpoint,
    socket: Weak<dyn AsyncUdpSocket>,
    offer: Offer,
) {
    let shared = shared.clone();
    let offer = Arc::new(offer);
    runtime().spawn(async move {
        while let Some(incoming) = endpoint.accept().await {
            let (shared, offer) = (shared.clone(), offer.clone());
            runtime().spawn(async move {
                let accepted = timeout(ACCEPT_PATIENCE, async {
                    webtransport::accept(incoming.await?, &offer).await
                });
                // A client that never got as far as a session is not the application's concern.
                if let Ok(Ok((session, connect_recv, path))) = accepted.await {
                    let new = shared.next_id();
                    let texts = Payload::Texts(session.protocol.clone(), path);
                    start_session(&shared, new, session, connect_recv, || {
                        shared.emit(Kind::Incoming, id, new as f64, texts);
                    });
                }
            });
        }
        endpoint.wait_idle().await;
        drop(endpoint);
        // The library closes the socket in a task of its own, and tells nobody. Closed means
        // that the port is free again.
        while socket.strong_count() > 0 {
            sleep(Duration::from_millis(1)).await;
        }
        shared.emit(Kind::ServerClosed, id, 0.0, Payload::None);
    });
}
