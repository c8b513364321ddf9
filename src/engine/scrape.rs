//! Answers a Prometheus that scrapes: the little of HTTP that this takes (RFC 9112), for `GET /metrics` alone.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    sync::{Mutex, Semaphore},
    time::timeout,
};

use super::{Ahead, Answer, Link, Query, Snapshot, exposition::exposition};
use crate::domain::{Span, Timestamp};

/// Scrapes answered at the same time; who comes beyond waits.
const AT_ONCE: usize = 4;
/// Bytes a request may have.
const REQUEST: u64 = 16 << 10;
/// How long asking may take, and how long taking the answer.
const ASKING: Duration = Duration::from_secs(5);
const TAKING: Duration = Duration::from_secs(20);
/// How long nobody is let in after the system could give no socket.
const BREATH: Duration = Duration::from_millis(200);

/// How far ahead is told, besides the horizon of the options; and how long that stands.
const DISTANCES: [Span; 2] = [Span::from_mins(5), Span::from_hours(1)];
const STANDS: Span = Span::from_mins(1);

/// What is expected ahead, and of when; asked for once for all who scrape.
type Foretold = Mutex<Option<(Timestamp, Vec<Ahead>)>>;

/// A TCP socket that waits for scrapes.
#[derive(Debug)]
pub struct Scraped {
    listener: TcpListener,
}

impl Scraped {
    /// Listens at `address`.
    ///
    /// # Errors
    /// The system's words: the port is taken, or may not be.
    pub async fn at(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        Ok(Self { listener })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// The system's words.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Answers with what the engine of `link` knows for as long as the future is held.
    pub async fn serve<L: Link>(self, link: Arc<L>) {
        let foretold: Arc<Foretold> = Arc::default();
        let room = Arc::new(Semaphore::new(AT_ONCE));
        loop {
            let Ok(place) = room.clone().acquire_owned().await else {
                return;
            };
            let Ok((stream, _)) = self.listener.accept().await else {
                tokio::time::sleep(BREATH).await;
                continue;
            };
            let (link, foretold) = (link.clone(), foretold.clone());
            tokio::spawn(async move {
                // Who hangs up, or is too slow, gets no answer.
                let _ = answer(stream, &*link, &foretold).await;
                drop(place);
            });
        }
    }
}

/// All that is told now.
async fn page<L: Link>(link: &L, foretold: &Foretold) -> String {
    let snapshot: Arc<Snapshot> = link.snapshots().borrow().clone();
    let now = snapshot.at.unwrap_or(Timestamp(0));
    let mut foretold = foretold.lock().await;
    let stands = |of: Timestamp| of <= now && now - of < STANDS;
    if foretold.as_ref().is_none_or(|(of, _)| !stands(*of)) {
        let mut spans = DISTANCES.to_vec();
        if !spans.contains(&snapshot.options.horizon) {
            spans.push(snapshot.options.horizon);
        }
        // An engine that ends answers no more: the rest is told all the same.
        let all = match link.ask(Query::Ahead(spans)).await {
            Ok(Answer::Ahead(all)) => all,
            _ => Vec::new(),
        };
        *foretold = Some((now, all));
    }
    let ahead = foretold.as_ref().map_or(&[][..], |(_, all)| all);
    exposition(&snapshot, ahead)
}

async fn answer<L: Link>(mut stream: TcpStream, link: &L, foretold: &Foretold) -> io::Result<()> {
    let (reader, mut writer) = stream.split();
    let asked = timeout(ASKING, request(BufReader::new(reader.take(REQUEST)))).await??;
    let (status, body) = match asked.split(' ').collect::<Vec<_>>()[..] {
        ["GET" | "HEAD", target, version] if version.starts_with("HTTP/1.") => {
            match target.split('?').next().unwrap_or_default() {
                "/metrics" => ("200 OK", page(link, foretold).await),
                "/" => ("200 OK", "foreshadow: see /metrics\n".into()),
                _ => ("404 Not Found", "there is only /metrics\n".into()),
            }
        }
        [_, _, version] if version.starts_with("HTTP/1.") => ("405 Method Not Allowed", "GET is all\n".into()),
        _ => ("400 Bad Request", "this is no HTTP/1.1\n".into()),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nContent-Length: {}\r\nAllow: GET, HEAD\r\n\
         X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n",
        body.len()
    );
    let body = if asked.starts_with("HEAD ") { "" } else { &body };
    let write = async {
        writer.write_all(head.as_bytes()).await?;
        writer.write_all(body.as_bytes()).await?;
        writer.shutdown().await
    };
    timeout(TAKING, write).await?
}

/// The first line of a request; the rest of its head is read, so that the asker does not see its connection reset, and left.
async fn request(mut reader: impl AsyncBufReadExt + Unpin) -> io::Result<String> {
    let mut first = Vec::new();
    reader.read_until(b'\n', &mut first).await?;
    let mut line = Vec::new();
    loop {
        line.clear();
        reader.read_until(b'\n', &mut line).await?;
        if line.trim_ascii().is_empty() {
            break;
        }
    }
    Ok(String::from_utf8_lossy(first.trim_ascii()).into_owned())
}
