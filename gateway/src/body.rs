//! Bodies on their way through the gateway.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{Context, Poll},
    time::Duration,
};

use axum::body::{Body, Bytes, HttpBody};
use http_body_util::Limited;
use hyper::body::{Frame, SizeHint};
use pin_project_lite::pin_project;
use tower_http::timeout::TimeoutBody;

/// A request's body, of at most `limit` bytes, which nothing may come of for `pause` at most.
pub(crate) fn incoming(body: Body, limit: u64, pause: Duration) -> (Body, Complete) {
    if body.is_end_stream() {
        return (Body::empty(), Complete(Arc::new(AtomicBool::new(true))));
    }
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let complete = Complete(Arc::default());
    let body = Watched {
        hint: body.size_hint(),
        inner: TimeoutBody::new(pause, Limited::new(body, limit)),
        complete: complete.clone(),
    };
    (Body::new(body), complete)
}

/// Whether a body has come to its end.
#[derive(Clone)]
pub(crate) struct Complete(Arc<AtomicBool>);

impl Complete {
    pub(crate) fn get(&self) -> bool {
        self.0.load(Relaxed)
    }
}

pin_project! {
    struct Watched<B> {
        #[pin]
        inner: B,
        // Before it is read: the timeout does not pass it on.
        hint: SizeHint,
        complete: Complete,
    }
}

impl<B: HttpBody<Data = Bytes>> HttpBody for Watched<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = self.project();
        let polled = this.inner.poll_frame(context);
        if matches!(polled, Poll::Ready(None)) {
            this.complete.0.store(true, Relaxed);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        let ended = self.inner.is_end_stream();
        if ended {
            self.complete.0.store(true, Relaxed);
        }
        ended
    }

    fn size_hint(&self) -> SizeHint {
        self.hint
    }
}

/// An answer's body, which nothing may come of for `pause` at most, and what it is to hold until it ends.
pub(crate) fn outgoing<B, G>(body: B, pause: Duration, guard: G) -> Body
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<axum::BoxError>,
    G: Send + 'static,
{
    Body::new(Holding {
        hint: body.size_hint(),
        inner: TimeoutBody::new(pause, body),
        _guard: guard,
    })
}

pin_project! {
    struct Holding<B, G> {
        #[pin]
        inner: B,
        // As above.
        hint: SizeHint,
        _guard: G,
    }
}

impl<B: HttpBody, G> HttpBody for Holding<B, G> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        self.project().inner.poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.hint
    }
}
