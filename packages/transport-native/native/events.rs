//! What happens on the runtime's threads, queued for the JavaScript thread.
//!
//! One call into JavaScript announces any number of events; JavaScript then
//! drains them in one call, four numbers each plus a payload for some.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Mutex;

use bytes::Bytes;
use napi::bindgen_prelude::*;
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};

/// Wakes the JavaScript thread; does not keep the process alive.
pub type Notify = ThreadsafeFunction<(), Unknown<'static>, (), Status, false, true>;

/// From this size on JavaScript gets the memory itself; below it a copy is cheaper.
const EXTERNAL_MIN_BYTES: usize = 16 * 1024;

/// The event kinds, as `src/binding.ts` names them.
#[derive(Clone, Copy)]
pub enum Kind {
    /// id: session. Texts: protocol, empty.
    Connected = 1,
    /// id: session, value: HTTP status or -1. Texts: error code, message.
    ConnectFailed = 2,
    /// id: server, value: the new session. Texts: protocol, path.
    Incoming = 3,
    /// id: session, value: stream.
    AcceptUni = 4,
    /// id: session, value: stream, the same for both halves.
    AcceptBidi = 5,
    /// id: stream. Only for opens that had to wait.
    Opened = 6,
    /// id: stream, value: 1 when the FIN came too. Payload: the bytes.
    Data = 7,
    /// id: stream.
    Fin = 8,
    /// id: stream, value: code or -1.
    RecvReset = 9,
    /// id: stream; the session ended under the receiving half.
    RecvLost = 10,
    /// id: stream; a writer that was told to wait may go on.
    Drained = 11,
    /// id: stream, value: code or -1.
    SendStopped = 12,
    /// id: stream; the peer has everything and the FIN.
    SendFinished = 13,
    /// id: stream; the session ended under the sending half.
    SendLost = 14,
    /// id: session. Payload: the bytes.
    Datagram = 15,
    /// id: session, value: code or -1. Texts: who ended it, reason.
    Closed = 16,
    /// id: server.
    ServerClosed = 17,
}

/// What an event carries beside its numbers.
pub enum Payload {
    None,
    Bytes(Bytes),
    /// Two JavaScript values: the first may be undefined.
    Texts(Option<String>, String),
}

struct Event {
    kind: Kind,
    id: u64,
    value: f64,
    payload: Payload,
}

/// How many numbers an event takes in the records.
const RECORD_LEN: usize = 3;

/// The queue between the runtime's threads and the JavaScript thread.
pub struct Events {
    queue: Mutex<VecDeque<Event>>,
    announced: AtomicBool,
    notify: Notify,
}

impl Events {
    pub fn new(notify: Notify) -> Self {
        Self {
            queue: Mutex::default(),
            announced: AtomicBool::new(false),
            notify,
        }
    }

    pub fn emit(&self, kind: Kind, id: u64, value: f64, payload: Payload) {
        self.queue.lock().unwrap().push_back(Event {
            kind,
            id,
            value,
            payload,
        });
        if !self.announced.swap(true, Ordering::AcqRel) {
            self.notify
                .call((), ThreadsafeFunctionCallMode::NonBlocking);
        }
    }

    /// Moves as many events as fit into `records` and `payloads`; the caller
    /// drains until fewer than that come.
    pub fn drain(&self, env: &Env, records: &mut [f64], payloads: &mut Array) -> Result<u32> {
        // Cleared first: an event that comes during the drain is announced again.
        self.announced.store(false, Ordering::Release);
        let fit = records.len() / RECORD_LEN;
        let batch: Vec<Event> = {
            let mut queue = self.queue.lock().unwrap();
            let count = fit.min(queue.len());
            queue.drain(..count).collect()
        };
        let count = batch.len() as u32;
        let mut next = 0;
        for (record, event) in records.chunks_exact_mut(RECORD_LEN).zip(batch) {
            record[0] = f64::from(event.kind as u32);
            record[1] = event.id as f64;
            record[2] = event.value;
            match event.payload {
                Payload::None => {}
                Payload::Bytes(bytes) => {
                    payloads.set(next, to_buffer(env, bytes)?)?;
                    next += 1;
                }
                Payload::Texts(first, second) => {
                    payloads.set(next, first)?;
                    payloads.set(next + 1, second)?;
                    next += 2;
                }
            }
        }
        Ok(count)
    }
}

fn to_buffer<'env>(env: &'env Env, bytes: Bytes) -> Result<BufferSlice<'env>> {
    if bytes.len() < EXTERNAL_MIN_BYTES {
        return BufferSlice::copy_from(env, &bytes);
    }
    // Without a copy when nothing else holds the memory, which is so for gathered reads.
    BufferSlice::from_data(env, Vec::from(bytes))
}
