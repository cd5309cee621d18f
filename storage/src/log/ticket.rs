//! The promise an append gives: it resolves when the batch that holds the records is on disk, or has failed.
//!
//! Every batch has its own list of waiters, so a commit wakes exactly those who wait for it.

use super::CommitError;
use greenhub_model::Position;
use parking_lot::Mutex;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

/// One batch's outcome and those who wait for it.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    result: Option<Result<(), CommitError>>,
    wakers: Vec<Option<Waker>>,
    free: Vec<usize>,
}

impl Outcome {
    pub(super) fn committed() -> Self {
        Self { state: Mutex::new(State { result: Some(Ok(())), ..State::default() }) }
    }

    /// Settles the batch and wakes everybody, outside the lock. The first answer stands.
    pub(super) fn settle(&self, result: Result<(), CommitError>) {
        let wakers = {
            let mut state = self.state.lock();
            if state.result.is_some() {
                return;
            }
            state.result = Some(result);
            state.free.clear();
            std::mem::take(&mut state.wakers)
        };
        wakers.into_iter().flatten().for_each(Waker::wake);
    }

    fn get(&self) -> Option<Result<(), CommitError>> {
        self.state.lock().result.clone()
    }
}

/// What an append returns: the records' place and the way to learn when they are durable.
#[derive(Debug, Clone)]
pub struct Ticket {
    /// Position of the burst's first record.
    pub first: Position,
    /// Position after its last.
    pub end: Position,
    pub(super) outcome: Arc<Outcome>,
}

impl Ticket {
    /// Resolves when the burst is durable (`Ok`) or has failed. The future owns what it needs.
    pub fn committed(&self) -> Commit {
        Commit { outcome: self.outcome.clone(), slot: None }
    }

    /// True once the burst is durable.
    pub fn is_committed(&self) -> bool {
        matches!(self.outcome.get(), Some(Ok(())))
    }

    /// The outcome, when there is one already.
    pub fn outcome(&self) -> Option<Result<(), CommitError>> {
        self.outcome.get()
    }

    /// Blocks the thread until the outcome is known or `timeout` has passed (`None`).
    pub fn wait(&self, timeout: Duration) -> Option<Result<(), CommitError>> {
        struct Unpark(std::thread::Thread);
        impl Wake for Unpark {
            fn wake(self: Arc<Self>) {
                self.0.unpark();
            }
        }
        let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
        let mut commit = self.committed();
        let start = Instant::now();
        loop {
            if let Poll::Ready(result) = Pin::new(&mut commit).poll(&mut Context::from_waker(&waker)) {
                return Some(result);
            }
            let left = timeout.checked_sub(start.elapsed())?;
            std::thread::park_timeout(left);
        }
    }
}

/// The wait for one batch, see [`Ticket::committed`]. Cancel-safe.
#[derive(Debug)]
pub struct Commit {
    outcome: Arc<Outcome>,
    slot: Option<usize>,
}

impl Future for Commit {
    type Output = Result<(), CommitError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let mut state = this.outcome.state.lock();
        if let Some(result) = &state.result {
            this.slot = None;
            return Poll::Ready(result.clone());
        }
        let slot = match this.slot {
            Some(slot) => slot,
            None => state.free.pop().unwrap_or_else(|| {
                state.wakers.push(None);
                state.wakers.len() - 1
            }),
        };
        this.slot = Some(slot);
        match &mut state.wakers[slot] {
            Some(known) if known.will_wake(cx.waker()) => {}
            place => *place = Some(cx.waker().clone()),
        }
        Poll::Pending
    }
}

impl Drop for Commit {
    fn drop(&mut self) {
        let Some(slot) = self.slot else { return };
        let mut state = self.outcome.state.lock();
        if state.result.is_none() {
            state.wakers[slot] = None;
            state.free.push(slot);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    struct Count(AtomicUsize);
    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn ticket() -> Ticket {
        Ticket { first: Position(0), end: Position(1), outcome: Arc::default() }
    }

    #[test]
    fn a_waiter_is_woken_once_and_a_cancelled_one_never() {
        let (ticket, count) = (ticket(), Arc::new(Count(AtomicUsize::new(0))));
        let waker = Waker::from(count.clone());
        let mut cx = Context::from_waker(&waker);
        let mut waits: Vec<_> = (0..3).map(|_| ticket.committed()).collect();
        for wait in waits.iter_mut().chain([&mut ticket.committed()]) {
            assert!(Pin::new(wait).poll(&mut cx).is_pending());
        }
        assert!(Pin::new(&mut waits[0]).poll(&mut cx).is_pending());
        drop(waits.pop());
        ticket.outcome.settle(Ok(()));
        ticket.outcome.settle(Err(CommitError("too late to change".into())));
        assert_eq!(count.0.load(Ordering::SeqCst), 2);
        assert_eq!(Pin::new(&mut waits[0]).poll(&mut cx), Poll::Ready(Ok(())));
        assert!(ticket.is_committed());
    }

    #[test]
    fn asking_again_and_again_takes_no_more_room() {
        let ticket = ticket();
        let waker = Waker::noop();
        for _ in 0..1000 {
            assert!(Pin::new(&mut ticket.committed()).poll(&mut Context::from_waker(waker)).is_pending());
        }
        assert_eq!(ticket.outcome.state.lock().wakers.len(), 1);
    }

    #[test]
    fn a_blocking_wait_ends_with_the_outcome_or_the_timeout() {
        let ticket = ticket();
        assert_eq!(ticket.wait(Duration::from_millis(1)), None);
        let other = ticket.clone();
        let thread = std::thread::spawn(move || other.wait(Duration::from_secs(10)));
        ticket.outcome.settle(Err(CommitError("disk".into())));
        assert_eq!(thread.join().expect("no panic"), Some(Err(CommitError("disk".into()))));
    }
}
