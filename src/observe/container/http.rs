//! Questions to a daemon over its Unix socket, in the little of HTTP that this takes (RFC 9112, HTTP/1.0).

use std::{
    io::{Read as _, Write as _},
    net::Shutdown,
    os::unix::net::UnixStream,
    path::Path,
    sync::mpsc,
    thread,
    time::Duration,
};

use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};
use serde_json::Value;

use crate::observe::{ObserveError, file::failed};

/// How long an answer may take.
const LIMIT: Duration = Duration::from_secs(5);
/// Most that is taken of an answer.
const MOST_BYTES: u64 = 16 << 20;

/// The body of the answer to `GET target` of the daemon that listens at `path`.
///
/// # Errors
/// Absent when nothing listens there, Denied when it may not be asked, Malformed for any answer but 200.
pub(super) fn get(path: &Path, target: &str) -> Result<String, ObserveError> {
    get_within(LIMIT, path, target)
}

fn get_within(limit: Duration, path: &Path, target: &str) -> Result<String, ObserveError> {
    let io = |source: std::io::Error| match source.kind() {
        std::io::ErrorKind::ConnectionRefused => ObserveError::Absent {
            what: path.display().to_string(),
        },
        _ => failed(path, source),
    };
    let mut stream = open(path).map_err(io)?;
    stream.set_write_timeout(Some(limit)).map_err(io)?;
    // With HTTP/1.0 the answer comes in one piece and the daemon hangs up behind it.
    let request = format!("GET {target} HTTP/1.0\r\nHost: localhost\r\nAccept: application/json\r\n\r\n");
    stream.write_all(request.as_bytes()).map_err(io)?;
    let reader = stream.try_clone().map_err(io)?;
    // A thread reads, so that the wait has an end however slowly the answer drips.
    let (told, answer) = mpsc::sync_channel(1);
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let read = reader.take(MOST_BYTES).read_to_end(&mut bytes).map(|_| bytes);
        // Nobody waits any more when the limit has passed.
        let _ = told.send(read);
    });
    let bytes = answer.recv_timeout(limit).map_err(|_| {
        let _ = stream.shutdown(Shutdown::Both);
        io(std::io::Error::other(format!("no answer within {} s", limit.as_secs())))
    })?;
    let text = String::from_utf8_lossy(&bytes.map_err(io)?).into_owned();
    let malformed = |why: String| ObserveError::Malformed {
        what: path.display().to_string(),
        why,
    };
    let (head, body) = text
        .split_once("\r\n\r\n")
        .ok_or_else(|| malformed("the answer is not HTTP".into()))?;
    let status = head.split(' ').nth(1).unwrap_or_default();
    if status != "200" {
        return Err(malformed(format!("the answer to {target} is {status:?}")));
    }
    Ok(body.to_owned())
}

/// Connects without waiting: a daemon that hangs has a full queue.
fn open(path: &Path) -> std::io::Result<UnixStream> {
    let socket = socket_with(
        AddressFamily::UNIX,
        SocketType::STREAM,
        SocketFlags::CLOEXEC | SocketFlags::NONBLOCK,
        None,
    )?;
    connect(&socket, &SocketAddrUnix::new(path)?)?;
    let stream = UnixStream::from(socket);
    stream.set_nonblocking(false)?;
    Ok(stream)
}

/// The same as a JSON value.
pub(super) fn json(path: &Path, target: &str) -> Result<Value, ObserveError> {
    let body = get(path, target)?;
    serde_json::from_str(&body).map_err(|why| ObserveError::Malformed {
        what: path.display().to_string(),
        why: format!("the answer to {target} is no JSON: {why}"),
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;
    use crate::observe::fixture::Tree;

    #[test]
    fn a_daemon_that_does_not_answer_is_given_up() {
        let tree = Tree::new();
        let path = tree.path("d.sock");
        assert!(matches!(get(&path, "/"), Err(ObserveError::Absent { .. })));
        let listener = UnixListener::bind(&path).unwrap();
        let hung = get_within(Duration::from_millis(50), &path, "/");
        assert!(hung.unwrap_err().to_string().contains("no answer"));
        drop(listener);
        assert!(matches!(get(&path, "/"), Err(ObserveError::Absent { .. })));
    }
}
