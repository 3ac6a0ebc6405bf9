//! How does an answer end in its midst? The server's side of a connection, which can be cut after so many bytes.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

const HEAD_END: &[u8; 4] = b"\r\n\r\n";

/// Where a connection is cut, counted from the answer that is about to be written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Cut {
    #[default]
    Nowhere,
    /// After so many bytes.
    After(usize),
    /// So many bytes after the end of the head, of which `matched` bytes have been written.
    InBody { after: usize, matched: usize },
    /// At once, by a reset.
    Reset,
}

/// Chooses where a connection is cut.
#[derive(Clone, Debug, Default)]
pub(super) struct Scissors(Arc<Mutex<Cut>>);

impl Scissors {
    pub(super) fn after(&self, bytes: usize) {
        *self.lock() = Cut::After(bytes);
    }

    pub(super) fn in_body(&self, after: usize) {
        *self.lock() = Cut::InBody { after, matched: 0 };
    }

    pub(super) fn reset(&self) {
        *self.lock() = Cut::Reset;
    }

    fn lock(&self) -> MutexGuard<'_, Cut> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Cut {
    /// How many of these bytes may pass.
    fn allows(self, bytes: &[u8]) -> usize {
        match self {
            Cut::Nowhere => bytes.len(),
            Cut::Reset => 0,
            Cut::After(left) => left.min(bytes.len()),
            Cut::InBody { after, mut matched } => {
                for (at, byte) in bytes.iter().enumerate() {
                    matched = matches_head_end(matched, *byte);
                    if matched == HEAD_END.len() {
                        return (at + 1 + after).min(bytes.len());
                    }
                }
                bytes.len()
            }
        }
    }

    /// What is left once these bytes have passed.
    fn passed(self, bytes: &[u8]) -> Cut {
        match self {
            Cut::Nowhere | Cut::Reset => self,
            Cut::After(left) => Cut::After(left.saturating_sub(bytes.len())),
            Cut::InBody { after, mut matched } => {
                for (at, byte) in bytes.iter().enumerate() {
                    matched = matches_head_end(matched, *byte);
                    if matched == HEAD_END.len() {
                        return Cut::After((at + 1 + after).saturating_sub(bytes.len()));
                    }
                }
                Cut::InBody { after, matched }
            }
        }
    }
}

/// How much of the head's end has been written after one more byte.
fn matches_head_end(matched: usize, byte: u8) -> usize {
    match HEAD_END.get(matched) {
        Some(expected) if *expected == byte => matched + 1,
        _ => usize::from(byte == HEAD_END[0]),
    }
}

/// The server's side of a connection.
#[derive(Debug)]
pub(super) struct Wire {
    socket: TcpStream,
    scissors: Scissors,
}

impl Wire {
    pub(super) fn new(socket: TcpStream, scissors: Scissors) -> Wire {
        Wire { socket, scissors }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        if *self.scissors.lock() == Cut::Reset {
            let _ = self.socket.set_zero_linger();
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_read(cx, buf)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let cut = *self.scissors.lock();
        let allowed = cut.allows(buf);
        if allowed == 0 && !buf.is_empty() {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let written = Pin::new(&mut self.socket).poll_write(cx, &buf[..allowed]);
        if let Poll::Ready(Ok(written)) = written {
            *self.scissors.lock() = cut.passed(&buf[..written]);
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What of an answer, written in pieces of a size, passes.
    fn passing(mut cut: Cut, answer: &[u8], piece: usize) -> Vec<u8> {
        let mut out = Vec::new();
        for bytes in answer.chunks(piece) {
            let allowed = cut.allows(bytes);
            out.extend_from_slice(&bytes[..allowed]);
            cut = cut.passed(&bytes[..allowed]);
            if allowed < bytes.len() {
                break;
            }
        }
        out
    }

    #[test]
    fn an_answer_is_cut_where_it_was_to_be_however_it_is_written() {
        let answer = b"HTTP/1.1 200 OK\r\na: b\r\n\r\n0123456789";
        let head = answer.len() - 10;
        for piece in 1..answer.len() + 1 {
            assert_eq!(passing(Cut::After(7), answer, piece), answer[..7], "{piece}");
            assert_eq!(passing(Cut::InBody { after: 4, matched: 0 }, answer, piece), answer[..head + 4], "{piece}");
            assert_eq!(passing(Cut::Nowhere, answer, piece), answer, "{piece}");
        }
    }
}
