//! How is a request stopped on its way to the S3 server? By a proxy that passes bytes on as they are, and waits before it
//! passes on one put.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::S3;

const POLL: Duration = Duration::from_millis(2);

/// A put that is stopped before it reaches the server. Dropped, it goes on.
pub(crate) struct Hold {
    /// `http://127.0.0.1:PORT`: where the engine that is to be stopped has to send its requests.
    pub(crate) endpoint: String,
    gate: Arc<Gate>,
}

struct Gate {
    /// How the path of the put ends.
    name: String,
    is_reached: AtomicBool,
    is_open: AtomicBool,
}

/// Will stop the first put of an object whose key ends with `name`. The proxy stays until this process ends.
pub(crate) fn put_of(s3: &S3, name: &str) -> Hold {
    let server = s3.endpoint.strip_prefix("http://").expect("plain HTTP").to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let gate = Gate { name: name.to_owned(), is_reached: AtomicBool::new(false), is_open: AtomicBool::new(false) };
    let gate = Arc::new(gate);
    let passes = Arc::clone(&gate);
    std::thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let (gate, server) = (Arc::clone(&passes), TcpStream::connect(&server));
            // A connection that breaks is the client's to notice.
            std::thread::spawn(move || server.and_then(|server| pass(&client, &server, &gate)));
        }
    });
    Hold { endpoint, gate }
}

impl Hold {
    /// Whether the put has been sent.
    pub(crate) fn is_reached(&self) -> bool {
        self.gate.is_reached.load(Ordering::SeqCst)
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.gate.is_open.store(true, Ordering::SeqCst);
    }
}

/// Passes requests on, one after the other, and every byte that comes back.
fn pass(client: &TcpStream, server: &TcpStream, gate: &Gate) -> io::Result<()> {
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (mut back, mut answers) = (client.try_clone()?, server.try_clone()?);
    std::thread::spawn(move || {
        let _ = io::copy(&mut answers, &mut back);
        let _ = back.shutdown(Shutdown::Both);
    });
    let (mut requests, mut onward) = (BufReader::new(client), server);
    while let Some((head, body_bytes)) = head(&mut requests)? {
        if gate.stops(&head) {
            gate.is_reached.store(true, Ordering::SeqCst);
            while !gate.is_open.load(Ordering::SeqCst) {
                std::thread::sleep(POLL);
            }
        }
        onward.write_all(head.as_bytes())?;
        io::copy(&mut requests.by_ref().take(body_bytes), &mut onward)?;
    }
    server.shutdown(Shutdown::Write)
}

impl Gate {
    fn stops(&self, head: &str) -> bool {
        let path = head.strip_prefix("PUT ").and_then(|rest| rest.split([' ', '?']).next());
        path.is_some_and(|path| path.ends_with(&self.name)) && !self.is_open.load(Ordering::SeqCst)
    }
}

/// A request up to its empty line, and how long its body is; `None` where the client has closed.
fn head(requests: &mut impl BufRead) -> io::Result<Option<(String, u64)>> {
    let (mut head, mut body_bytes) = (String::new(), 0);
    loop {
        let before = head.len();
        if requests.read_line(&mut head)? == 0 {
            return Ok(None);
        }
        let line = head[before..].trim_end();
        if line.is_empty() {
            return Ok(Some((head, body_bytes)));
        }
        if let Some((name, value)) = line.split_once(':') {
            assert!(!name.eq_ignore_ascii_case("transfer-encoding"), "a request of unknown length");
            if name.eq_ignore_ascii_case("content-length") {
                body_bytes = value.trim().parse().map_err(io::Error::other)?;
            }
        }
    }
}
