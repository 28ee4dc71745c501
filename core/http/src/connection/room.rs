//! Room for the answer to come on a connection, used again for each of its requests: answers in the making are large,
//! and hyper gives a connection back only if they can be moved.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

/// Room for one future at a time.
pub(super) struct Room<F>(Arc<Mutex<Pin<Box<Option<F>>>>>);

/// The future that is in the room.
pub(super) struct Answering<F>(Room<F>);

impl<F> Room<F> {
    pub fn new() -> Self {
        Self(Arc::new(Mutex::new(Box::pin(None))))
    }

    /// Takes a future in. One that is there is dropped: HTTP/1 answers one request at a time.
    pub fn begin(&self, future: F) -> Answering<F> {
        self.lock().as_mut().set(Some(future));
        Answering(Self(self.0.clone()))
    }

    fn lock(&self) -> MutexGuard<'_, Pin<Box<Option<F>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<F: Future> Future for Answering<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        match self.0.lock().as_mut().as_pin_mut() {
            Some(future) => future.poll(cx),
            None => Poll::Pending,
        }
    }
}

impl<F> Drop for Answering<F> {
    fn drop(&mut self) {
        self.0.lock().as_mut().set(None);
    }
}
