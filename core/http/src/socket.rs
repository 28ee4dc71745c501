//! WebSockets: a route answers with a conversation, which begins on the connection once the client heard the answer.

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use infralogs_core::{Error, Result};
use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tide::{Request, Response, StatusCode};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Message,
        handshake::derive_accept_key,
        protocol::{Role, WebSocketConfig},
    },
};

/// The longest message a client may send, in bytes.
const MESSAGE_BYTES_MAX: usize = 1 << 20;

/// The longest a client may take to accept one message.
const SAY_TIMEOUT: Duration = Duration::from_secs(20);

/// A stream of bytes that was an HTTP connection.
trait Line: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Line for T {}

/// A conversation in messages of text.
pub struct Talk(WebSocketStream<Box<dyn Line>>);

impl std::fmt::Debug for Talk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Talk")
    }
}

impl Talk {
    /// The next message; `None` when the client is gone or said something that is no text. May be dropped while it
    /// waits: nothing is lost.
    pub async fn hear(&mut self) -> Option<String> {
        loop {
            match self.0.next().await? {
                Ok(Message::Text(text)) => return Some(text.as_str().to_owned()),
                Ok(Message::Ping(_) | Message::Pong(_)) => {}
                Ok(_) | Err(_) => return None,
            }
        }
    }

    /// Sends a message.
    ///
    /// # Errors
    /// `Unavailable` when the client is gone or does not take it in time.
    pub async fn say(&mut self, text: String) -> Result<()> {
        self.send(Message::text(text)).await
    }

    /// Shows that this end lives.
    ///
    /// # Errors
    /// As for [`Talk::say`].
    pub async fn ping(&mut self) -> Result<()> {
        self.send(Message::Ping(Bytes::new())).await
    }

    /// Ends the conversation in order.
    pub async fn end(mut self) {
        let _ = timeout(SAY_TIMEOUT, self.0.close(None)).await;
    }

    async fn send(&mut self, message: Message) -> Result<()> {
        let gone = || Error::unavailable("the client is gone");
        timeout(SAY_TIMEOUT, self.0.send(message)).await.map_err(|_| gone())?.map_err(|_| gone())
    }
}

/// What begins when the connection is no longer HTTP's.
type Begin = Box<dyn FnOnce(Talk) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send>;

/// A conversation to come, on its way from the route to the connection.
#[derive(Clone)]
pub(crate) struct Upgrade(Arc<Mutex<Option<Begin>>>);

impl Upgrade {
    /// Talks until either end is done. `heard` is what came of the client's first words already.
    pub(crate) async fn begin<IO>(self, io: IO, heard: Bytes)
    where
        IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let Some(begin) = self.0.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
        let limits = WebSocketConfig::default()
            .max_message_size(Some(MESSAGE_BYTES_MAX))
            .max_frame_size(Some(MESSAGE_BYTES_MAX));
        let io: Box<dyn Line> = Box::new(io);
        let stream = WebSocketStream::from_partially_read(io, heard.to_vec(), Role::Server, Some(limits)).await;
        begin(Talk(stream)).await;
    }
}

/// A client's offer to talk.
#[derive(Debug)]
pub struct Offer {
    accept: String,
}

impl Offer {
    /// The offer a request makes.
    ///
    /// # Errors
    /// `Invalid` if the request asks for no WebSocket (version 13, over HTTP/1.1).
    pub fn of<S>(request: &Request<S>) -> Result<Self> {
        let says = |name: &str, word: &str| {
            let said = request.header(name).map(|values| values.last().as_str().to_ascii_lowercase());
            said.is_some_and(|said| said.split(',').any(|one| one.trim() == word))
        };
        let asks = says("upgrade", "websocket") && says("connection", "upgrade") && says("sec-websocket-version", "13");
        match request.header("sec-websocket-key").filter(|_| asks) {
            Some(key) => Ok(Self { accept: derive_accept_key(key.last().as_str().as_bytes()) }),
            None => {
                let wrong = Error::invalid("this path speaks WebSocket only");
                Err(wrong.help("connect with version 13 over HTTP/1.1"))
            }
        }
    }

    /// Accepts it: `talk` begins when the client heard so. `protocol` is which of those it offered is spoken.
    pub fn accept<F>(self, protocol: &str, talk: impl FnOnce(Talk) -> F + Send + 'static) -> Response
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let begin: Begin = Box::new(move |stream| Box::pin(talk(stream)));
        let mut response = Response::builder(StatusCode::SwitchingProtocols)
            .header("upgrade", "websocket")
            .header("sec-websocket-accept", self.accept)
            .header("sec-websocket-protocol", protocol)
            .build();
        response.insert_ext(Upgrade(Arc::new(Mutex::new(Some(begin)))));
        response
    }
}
