//! How is a request passed on, and its answer lost?
//!
//! A request that is passed on is carried out whatever becomes of its client; each connection of a client has one of its own
//! to the server.

use std::convert::Infallible;
use std::error::Error;
use std::future::pending;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::SendRequest;
use hyper::header::{CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use super::asked::{Asked, What};
use super::fault::{Fault, Held, Lost, Unsent};
use super::seen::Seen;
use super::wire::{Scissors, Wire};

/// A page as a gateway sends it; it is no XML.
const PAGE: &str = "<!DOCTYPE html><html><head><meta charset=utf-8><title>Sign in</title><body><p>One moment<br>please";
/// Bytes of a head that pass before it is cut.
const HALF_A_HEAD: usize = 20;

type Failed = Box<dyn Error + Send + Sync>;
type Answer = Response<Full<Bytes>>;
type Upstream = Arc<tokio::sync::Mutex<Option<SendRequest<Full<Bytes>>>>>;

/// What all connections have in common.
pub(super) struct Server {
    /// `HOST:PORT` of the server.
    address: String,
    faults: Box<dyn Fn(&Asked) -> Fault + Send + Sync>,
    numbers: AtomicU64,
    seen: Mutex<Vec<Seen>>,
    lost_writes: AtomicU64,
    /// Requests that are on their way to the server, or held before it.
    under_way: AtomicUsize,
    holds: Sender<Asked>,
    releases: Semaphore,
}

/// One connection of a client.
#[derive(Clone)]
struct Line {
    scissors: Scissors,
    upstream: Upstream,
}

/// A request that is on its way.
struct UnderWay(Arc<Server>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Takes connections for as long as it is polled.
pub(super) async fn accept(listener: TcpListener, server: Arc<Server>) -> Infallible {
    loop {
        if let Ok((socket, _)) = listener.accept().await {
            tokio::spawn(connection(socket, Arc::clone(&server)));
        }
    }
}

/// Serves one connection of a client until it ends, or is cut.
async fn connection(socket: TcpStream, server: Arc<Server>) {
    let _ = socket.set_nodelay(true);
    let line = Line { scissors: Scissors::default(), upstream: Upstream::default() };
    let wire = TokioIo::new(Wire::new(socket, line.scissors.clone()));
    let service = service_fn(move |request| Arc::clone(&server).answer(line.clone(), request));
    // An error is a connection that was cut, by us or by the client.
    let _ = http1::Builder::new().serve_connection(wire, service).await;
}

impl Server {
    pub(super) fn new(
        address: &str,
        faults: Box<dyn Fn(&Asked) -> Fault + Send + Sync>,
        holds: Sender<Asked>,
    ) -> Server {
        Server {
            address: address.to_owned(),
            faults,
            numbers: AtomicU64::new(0),
            seen: Mutex::default(),
            lost_writes: AtomicU64::new(0),
            under_way: AtomicUsize::new(0),
            holds,
            releases: Semaphore::new(0),
        }
    }

    pub(super) fn take_seen(&self) -> Vec<Seen> {
        std::mem::take(&mut *self.lock())
    }

    pub(super) fn lost_writes(&self) -> u64 {
        self.lost_writes.load(Ordering::SeqCst)
    }

    pub(super) fn release(&self) {
        self.releases.add_permits(1);
    }

    pub(super) fn is_busy(&self) -> bool {
        self.under_way.load(Ordering::SeqCst) > 0
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Seen>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, asked: Asked, fault: Fault, answered: Option<u16>, body: Bytes) {
        let seen = Seen { asked, fault, answered, body };
        if seen.is_lost() && seen.asked.what.writes() {
            self.lost_writes.fetch_add(1, Ordering::SeqCst);
        }
        self.lock().push(seen);
    }

    fn under_way(self: &Arc<Self>) -> UnderWay {
        self.under_way.fetch_add(1, Ordering::SeqCst);
        UnderWay(Arc::clone(self))
    }

    /// What the client gets; an error ends the connection without a byte.
    async fn answer(self: Arc<Self>, line: Line, request: Request<Incoming>) -> Result<Answer, Failed> {
        let asked = Asked::of(self.numbers.fetch_add(1, Ordering::SeqCst), request.method(), request.uri());
        let fault = (self.faults)(&asked);
        if fault == Fault::Unsent(Unsent::Reset) {
            self.note(asked, fault, None, Bytes::new());
            line.scissors.reset();
            return Err("reset".into());
        }
        let (parts, body) = request.into_parts();
        let bytes = body.collect().await?.to_bytes();
        let commit = if asked.what == What::PutCommit { bytes.clone() } else { Bytes::new() };
        let message = Message { asked, fault, commit, request: Request::from_parts(parts, Full::new(bytes)) };
        let answer = match fault {
            Fault::None => self.pass(message, &line.upstream).await?,
            Fault::Partial => self.pass(message, &line.upstream).await?.map(|body| with_an_error(&body)),
            Fault::HidesMissing => match self.pass(message, &line.upstream).await? {
                answer if answer.status() == StatusCode::NOT_FOUND => refusal(403)?,
                answer => answer,
            },
            Fault::Lost(lost) => self.lose(lost, message, &line).await?,
            Fault::Held(held) => self.hold(held, message, &line.upstream).await?,
            Fault::Unsent(unsent) => {
                self.note(message.asked, fault, None, message.commit);
                unsent_answer(unsent)?
            }
        };
        Ok(answer.map(Full::new))
    }

    /// Passes a request on, whatever becomes of its client meanwhile, and notes what came of it.
    async fn pass(self: &Arc<Self>, message: Message, upstream: &Upstream) -> Result<Response<Bytes>, Failed> {
        let (server, upstream, under_way) = (Arc::clone(self), Arc::clone(upstream), self.under_way());
        let passing = tokio::spawn(async move {
            let Message { asked, fault, commit, request } = message;
            let answer = send(&server.address, &mut *upstream.lock().await, request).await;
            let status = answer.as_ref().ok().map(|answer| answer.status().as_u16());
            server.note(asked, fault, status, commit);
            drop(under_way);
            answer
        });
        passing.await?
    }

    async fn lose(self: &Arc<Self>, lost: Lost, message: Message, line: &Line) -> Result<Response<Bytes>, Failed> {
        if let Lost::Late(ms) = lost {
            let (server, under_way) = (Arc::clone(self), self.under_way());
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(ms)).await;
                let _ = server.pass(message, &Upstream::default()).await;
                drop(under_way);
            });
            return Err("late".into());
        }
        let answer = self.pass(message, &line.upstream).await?;
        match lost {
            Lost::Nothing | Lost::Late(_) => return Err("nothing".into()),
            Lost::Slow => pending::<()>().await,
            Lost::Body if !answer.body().is_empty() => line.scissors.in_body(answer.body().len() / 2),
            Lost::Head | Lost::Body => line.scissors.after(HALF_A_HEAD),
            Lost::Status(status) => return refusal(status),
            Lost::Page => return Ok(page()),
            Lost::Empty => return Ok(Response::new(Bytes::new())),
        }
        Ok(answer)
    }

    /// The client waits until it is gone.
    async fn hold(self: &Arc<Self>, held: Held, message: Message, line: &Upstream) -> Result<Response<Bytes>, Failed> {
        let asked = message.asked.clone();
        match held {
            Held::Landed => drop(self.pass(message, line).await?),
            Held::Unsent => self.note(message.asked, message.fault, None, message.commit),
            Held::Late => {
                let (server, under_way) = (Arc::clone(self), self.under_way());
                tokio::spawn(async move {
                    if let Ok(release) = server.releases.acquire().await {
                        release.forget();
                        let _ = server.pass(message, &Upstream::default()).await;
                    }
                    drop(under_way);
                });
            }
        }
        let _ = self.holds.send(asked);
        pending().await
    }
}

/// A request, whole.
struct Message {
    asked: Asked,
    fault: Fault,
    /// Its body, where that is a commit.
    commit: Bytes,
    request: Request<Full<Bytes>>,
}

/// The server's answer, whole. A connection that has ended meanwhile is made anew; no request is sent twice.
async fn send(
    address: &str,
    upstream: &mut Option<SendRequest<Full<Bytes>>>,
    request: Request<Full<Bytes>>,
) -> Result<Response<Bytes>, Failed> {
    let open = match upstream.take() {
        Some(mut open) => open.ready().await.is_ok().then_some(open),
        None => None,
    };
    let mut connected = match open {
        Some(open) => open,
        None => connect(address).await?,
    };
    let (mut parts, body) = connected.send_request(request).await?.into_parts();
    let body = body.collect().await?.to_bytes();
    *upstream = Some(connected);
    // How the server framed its answer is between it and us.
    parts.headers.remove(TRANSFER_ENCODING);
    parts.headers.remove(CONNECTION);
    if !body.is_empty() {
        // Ours is told by the body; an answer to HEAD has only this.
        parts.headers.remove(CONTENT_LENGTH);
    }
    Ok(Response::from_parts(parts, body))
}

async fn connect(address: &str) -> Result<SendRequest<Full<Bytes>>, Failed> {
    let socket = TcpStream::connect(address).await?;
    socket.set_nodelay(true)?;
    let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(socket)).await?;
    tokio::spawn(connection);
    Ok(sender)
}

fn unsent_answer(unsent: Unsent) -> Result<Response<Bytes>, Failed> {
    match unsent {
        Unsent::Nothing | Unsent::Reset => Err("unsent".into()),
        Unsent::Status(status) => refusal(status),
        Unsent::Page => Ok(page()),
    }
}

fn page() -> Response<Bytes> {
    Response::new(Bytes::from_static(PAGE.as_bytes()))
}

/// An error as S3 words it.
fn refusal(status: u16) -> Result<Response<Bytes>, Failed> {
    let code = match status {
        403 => "AccessDenied",
        409 => "ConditionalRequestConflict",
        412 => "PreconditionFailed",
        429 | 503 => "SlowDown",
        _ => "InternalError",
    };
    let body = format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>by the proxy</Message></Error>");
    Ok(Response::builder().status(StatusCode::from_u16(status)?).body(body.into())?)
}

/// The answer to a deletion of many, which says of the first that it failed.
fn with_an_error(answer: &Bytes) -> Bytes {
    let edited = || {
        let text = std::str::from_utf8(answer).ok()?;
        let (before, rest) = text.split_once("<Deleted>")?;
        let (deleted, after) = rest.split_once("</Deleted>")?;
        let key = deleted.split_once("<Key>")?.1.split_once("</Key>")?.0;
        let error = format!("<Error><Key>{key}</Key><Code>InternalError</Code><Message>by the proxy</Message></Error>");
        Some(Bytes::from(format!("{before}{error}{after}")))
    };
    let edited = edited();
    edited.unwrap_or_else(|| answer.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_many_deletions_is_said_to_have_failed() {
        let answer = "<DeleteResult><Deleted><Key>a</Key></Deleted><Deleted><Key>b</Key></Deleted></DeleteResult>";
        let edited = with_an_error(&Bytes::from(answer));
        let error = "<Error><Key>a</Key><Code>InternalError</Code><Message>by the proxy</Message></Error>";
        assert_eq!(edited, format!("<DeleteResult>{error}<Deleted><Key>b</Key></Deleted></DeleteResult>"));
    }
}
