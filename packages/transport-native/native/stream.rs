//! One task per stream half that is in use. Commands reach it through a small shared state and
//! a wake-up, so that reset, stop and priority never wait for blocked data.

use std::future::{poll_fn, Future};
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use quinn::{Connection, ReadError, RecvStream, SendStream, VarInt, WriteError};
use tokio::sync::Notify;

use crate::events::{Kind, Payload};
use crate::webtransport::{from_wire, to_wire};
use crate::Shared;

/// A writer is told to wait above this many queued bytes of a stream.
const SEND_QUEUE_BYTES: usize = 256 * 1024;
/// So many received bytes of a stream may wait for JavaScript to read them.
const RECV_QUEUE_BYTES: isize = 256 * 1024;
/// The most bytes handed to JavaScript at once.
const READ_BYTES: usize = 64 * 1024;
/// Datagram-sized pieces fetched under one lock of the connection.
const READ_CHUNKS: usize = 32;

/// Codes outside WebTransport's range have no number for the application.
const NO_CODE: f64 = -1.0;

#[derive(Default)]
pub struct SendControl {
    state: Mutex<SendState>,
    wake: Notify,
}

#[derive(Default)]
struct SendState {
    /// Until there is something to send.
    unstarted: Option<Unstarted>,
    chunks: Vec<Bytes>,
    queued: usize,
    writer_waits: bool,
    finish: bool,
    reset: Option<u32>,
    priority: Option<i32>,
}

/// A stream that was opened and not used. The peer knows nothing of it yet.
struct Unstarted {
    id: u64,
    session: u64,
    send: SendStream,
}

impl SendControl {
    /// Of a stream whose task starts, with the header, when there is more to send: so the header, the
    /// priority, a short group and its FIN cost one wake-up and one packet.
    pub fn unstarted(id: u64, session: u64, send: SendStream, header: Bytes) -> Self {
        let state = SendState {
            unstarted: Some(Unstarted { id, session, send }),
            queued: header.len(),
            chunks: vec![header],
            ..SendState::default()
        };
        Self {
            state: Mutex::new(state),
            wake: Notify::new(),
        }
    }

    /// Queues a chunk; false tells the writer to wait for `Drained`.
    pub fn write(self: &Arc<Self>, shared: &Arc<Shared>, chunk: Bytes) -> bool {
        self.command(shared, |state| {
            state.queued += chunk.len();
            state.chunks.push(chunk);
            state.writer_waits = state.queued > SEND_QUEUE_BYTES;
            !state.writer_waits
        })
    }

    pub fn finish(self: &Arc<Self>, shared: &Arc<Shared>) {
        self.command(shared, |state| state.finish = true);
    }

    pub fn reset(self: &Arc<Self>, shared: &Arc<Shared>, code: u32) {
        self.command(shared, |state| state.reset = Some(code));
    }

    pub fn set_priority(&self, priority: i32) {
        let mut state = self.state.lock().unwrap();
        state.priority = Some(priority);
        if state.unstarted.is_none() {
            drop(state);
            self.wake.notify_one();
        }
    }

    /// Changes what is to be done, and starts or wakes the task that does it.
    fn command<T>(
        self: &Arc<Self>,
        shared: &Arc<Shared>,
        change: impl FnOnce(&mut SendState) -> T,
    ) -> T {
        let mut state = self.state.lock().unwrap();
        let result = change(&mut state);
        let unstarted = state.unstarted.take();
        drop(state);
        match unstarted {
            Some(stream) => start_send(shared, stream.id, stream.send, self.clone()),
            None => self.wake.notify_one(),
        }
        result
    }

    /// Counts bytes the connection took; true when a waiting writer may go on.
    fn sent(&self, bytes: usize) -> bool {
        let mut state = self.state.lock().unwrap();
        state.queued -= bytes;
        let resume = state.writer_waits && state.queued <= SEND_QUEUE_BYTES / 2;
        state.writer_waits &= !resume;
        resume
    }
}

/// How a sending half ended.
enum SendEnd {
    Reset,
    Stopped(VarInt),
    Finished,
    Lost,
}

impl From<WriteError> for SendEnd {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Stopped(code) => Self::Stopped(code),
            _ => Self::Lost,
        }
    }
}

/// Runs a sending half whose control JavaScript can find already.
pub fn start_send(shared: &Arc<Shared>, id: u64, mut send: SendStream, control: Arc<SendControl>) {
    let shared = shared.clone();
    crate::runtime().spawn(async move {
        let end = run_send(&shared, id, &mut send, &control).await;
        shared.sends.lock().unwrap().remove(&id);
        match end {
            SendEnd::Reset => {}
            SendEnd::Finished => shared.emit(Kind::SendFinished, id, 0.0, Payload::None),
            SendEnd::Lost => shared.emit(Kind::SendLost, id, 0.0, Payload::None),
            SendEnd::Stopped(code) => {
                // STOP_SENDING is answered with a reset of the same code (RFC 9000, section 3.5).
                let _ = send.reset(code);
                let value = from_wire(code).map_or(NO_CODE, f64::from);
                shared.emit(Kind::SendStopped, id, value, Payload::None);
            }
        }
    });
}

/// The session has ended: streams that were never used have a task now to tell that they are lost.
pub fn start_unused(shared: &Arc<Shared>, session: u64) {
    let controls: Vec<_> = shared.sends.lock().unwrap().values().cloned().collect();
    for control in controls {
        let unused = {
            let mut state = control.state.lock().unwrap();
            state.unstarted.take_if(|stream| stream.session == session)
        };
        if let Some(stream) = unused {
            start_send(shared, stream.id, stream.send, control);
        }
    }
}

async fn run_send(
    shared: &Shared,
    id: u64,
    send: &mut SendStream,
    control: &SendControl,
) -> SendEnd {
    let mut chunks: Vec<Bytes> = Vec::new();
    let mut written = 0;
    let mut finished = false;
    loop {
        if written == chunks.len() {
            chunks.clear();
            written = 0;
        }
        let finish = {
            let mut state = control.state.lock().unwrap();
            if let Some(priority) = state.priority.take() {
                let _ = send.set_priority(priority);
            }
            if let Some(code) = state.reset {
                let _ = send.reset(to_wire(code));
                return SendEnd::Reset;
            }
            chunks.append(&mut state.chunks);
            state.finish
        };
        if written < chunks.len() {
            let result = tokio::select! {
                biased;
                () = control.wake.notified() => continue,
                result = send.write_chunks(&mut chunks[written..]) => result,
            };
            match result {
                Ok(done) => {
                    written += done.chunks;
                    if control.sent(done.bytes) {
                        shared.emit(Kind::Drained, id, 0.0, Payload::None);
                    }
                }
                Err(error) => return error.into(),
            }
            continue;
        }
        if finish && !finished {
            finished = true;
            // Fails only when the peer has stopped the stream, which comes up below.
            let _ = send.finish();
        }
        tokio::select! {
            biased;
            () = control.wake.notified() => {}
            end = send_ended(send) => return end,
        }
    }
}

/// Waits until the stream ends without us: acknowledged, stopped or lost.
async fn send_ended(send: &SendStream) -> SendEnd {
    match send.stopped().await {
        Ok(Some(code)) => SendEnd::Stopped(code),
        Ok(None) => SendEnd::Finished,
        Err(_) => SendEnd::Lost,
    }
}

#[derive(Default)]
pub struct RecvControl {
    state: Mutex<RecvState>,
    wake: Notify,
}

#[derive(Default)]
struct RecvState {
    granted: isize,
    stop: Option<u32>,
}

impl RecvControl {
    /// JavaScript has read so many bytes more.
    pub fn grant(&self, bytes: u32) {
        self.state.lock().unwrap().granted += bytes as isize;
        self.wake.notify_one();
    }

    pub fn stop(&self, code: u32) {
        self.state.lock().unwrap().stop = Some(code);
        self.wake.notify_one();
    }
}

/// What reading gave, beside the bytes gathered.
enum ReadStep {
    More,
    Fin,
    Reset(VarInt),
    Lost,
}

/// Runs a receiving half whose control JavaScript can find already.
pub fn start_recv(
    shared: &Arc<Shared>,
    connection: &Connection,
    id: u64,
    mut recv: RecvStream,
    control: Arc<RecvControl>,
) {
    let mut credit = RECV_QUEUE_BYTES;
    // A short stream is often here whole: then it needs no task.
    let mut cx = Context::from_waker(Waker::noop());
    if let Poll::Ready(step) = gather(&mut recv, &mut cx, shared, id, &mut credit) {
        if shared.recv_ended(id, &step) {
            shared.recvs.lock().unwrap().remove(&id);
            return;
        }
    }
    let (shared, connection) = (shared.clone(), connection.clone());
    crate::runtime().spawn(async move {
        loop {
            let paused = credit <= 0;
            let step = tokio::select! {
                biased;
                () = control.wake.notified() => {
                    let mut state = control.state.lock().unwrap();
                    if let Some(code) = state.stop {
                        let _ = recv.stop(to_wire(code));
                        break;
                    }
                    credit += std::mem::take(&mut state.granted);
                    continue;
                }
                _ = connection.closed(), if paused => ReadStep::Lost,
                step = poll_fn(|cx| gather(&mut recv, cx, &shared, id, &mut credit)), if !paused => step,
            };
            if shared.recv_ended(id, &step) {
                break;
            }
        }
        shared.recvs.lock().unwrap().remove(&id);
    });
}

impl Shared {
    /// Tells JavaScript how a receiving half ended; false when it did not.
    fn recv_ended(&self, id: u64, step: &ReadStep) -> bool {
        match step {
            ReadStep::More => return false,
            // Emitted with the data, if any.
            ReadStep::Fin => {}
            ReadStep::Reset(code) => {
                let value = from_wire(*code).map_or(NO_CODE, f64::from);
                self.emit(Kind::RecvReset, id, value, Payload::None);
            }
            ReadStep::Lost => self.emit(Kind::RecvLost, id, 0.0, Payload::None),
        }
        true
    }
}

/// Reads what is there, up to a limit, and hands it to JavaScript as one buffer.
fn gather(
    recv: &mut RecvStream,
    cx: &mut Context<'_>,
    shared: &Shared,
    id: u64,
    credit: &mut isize,
) -> Poll<ReadStep> {
    let mut pieces: Vec<Bytes> = Vec::new();
    let mut total = 0;
    let step = loop {
        if total >= READ_BYTES {
            break Some(ReadStep::More);
        }
        let mut chunks: [Bytes; READ_CHUNKS] = Default::default();
        let read = pin!(recv.read_chunks(&mut chunks)).poll(cx);
        match read {
            Poll::Pending => break None,
            Poll::Ready(Ok(None)) => break Some(ReadStep::Fin),
            Poll::Ready(Ok(Some(count))) => {
                total += chunks[..count].iter().map(Bytes::len).sum::<usize>();
                pieces.extend(chunks.into_iter().take(count));
            }
            Poll::Ready(Err(ReadError::Reset(code))) => break Some(ReadStep::Reset(code)),
            Poll::Ready(Err(_)) => break Some(ReadStep::Lost),
        }
    };
    let fin = matches!(step, Some(ReadStep::Fin));
    if total > 0 {
        *credit -= total as isize;
        let payload = Payload::Bytes(join(pieces, total));
        shared.emit(Kind::Data, id, f64::from(u8::from(fin)), payload);
        return Poll::Ready(step.unwrap_or(ReadStep::More));
    }
    if fin {
        shared.emit(Kind::Fin, id, 0.0, Payload::None);
    }
    step.map_or(Poll::Pending, Poll::Ready)
}

fn join(mut pieces: Vec<Bytes>, total: usize) -> Bytes {
    if pieces.len() == 1 {
        return pieces.swap_remove(0);
    }
    let mut joined = Vec::with_capacity(total);
    for piece in pieces {
        joined.extend_from_slice(&piece);
    }
    joined.into()
}
