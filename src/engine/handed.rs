//! Exports for whoever asks over the socket: the engine may not write where they may, so it hands the bytes over in pieces, and they write
//! the file themselves.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Write},
    os::unix::fs::FileExt,
    path::Path,
    sync::{Arc, Mutex},
};

use super::{Answer, LinkError, Query, SocketLink};
use crate::store::{Format, new_file};

/// Bytes of a piece.
const PIECE: usize = 4 << 20;
/// Exports that may wait to be fetched; one more lets the oldest go.
const MOST: usize = 4;

/// The exports that are being handed over, by their number.
#[derive(Clone, Default)]
pub(super) struct Handed(Arc<Mutex<BTreeMap<u64, File>>>);

impl Handed {
    /// Keeps a file to be fetched; returns its number.
    pub(super) fn keep(&self, file: File) -> u64 {
        let Ok(mut files) = self.0.lock() else { return 0 };
        let number = files.last_key_value().map_or(1, |(last, _)| last + 1);
        files.insert(number, file);
        if files.len() > MOST {
            files.pop_first();
        }
        number
    }

    /// The bytes of export `number` from `from` on, at most a piece; after the last one none, and it is let go.
    ///
    /// # Errors
    /// There is no such export, or it cannot be read.
    pub(super) fn piece(&self, number: u64, from: u64) -> Result<Vec<u8>, LinkError> {
        let refused = |why: String| LinkError::Refused(why);
        let mut files = self.0.lock().map_err(|error| refused(error.to_string()))?;
        let file = files
            .get(&number)
            .ok_or_else(|| refused("this export is gone, others were asked for since: ask again".into()))?;
        let mut piece = vec![0; PIECE];
        let mut read = 0;
        while read < PIECE {
            match file.read_at(&mut piece[read..], from + read as u64) {
                Ok(0) => break,
                Ok(more) => read += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(refused(format!("the export cannot be read: {error}"))),
            }
        }
        piece.truncate(read);
        if piece.is_empty() {
            files.remove(&number);
        }
        Ok(piece)
    }
}

/// Asks `link` for an export and writes it to `file`, which must not exist yet.
///
/// # Errors
/// What the engine says, or the system of the file; a file made for nothing is removed again.
pub(super) async fn fetch(link: &SocketLink, what: String, format: Format, file: &Path) -> Result<Answer, LinkError> {
    let refused = |error: &dyn std::fmt::Display| LinkError::Refused(error.to_string());
    let mut made = new_file(file).map_err(|error| refused(&error))?;
    let told = format!("written to {}", file.display());
    let fetched = async {
        let Answer::Handed { number, rows } = link
            .put(Query::Hand {
                what: what.clone(),
                format,
            })
            .await?
        else {
            return Err(refused(&"the engine handed nothing over"));
        };
        let mut from = 0;
        loop {
            let Answer::Piece(piece) = link.put(Query::Piece { number, from }).await? else {
                return Err(refused(&"the engine handed something else over"));
            };
            if piece.is_empty() {
                break;
            }
            let written = made.write_all(&piece);
            written.map_err(|error| refused(&format!("{}: {error}", file.display())))?;
            from += piece.len() as u64;
        }
        made.sync_all()
            .map_err(|error| refused(&format!("{}: {error}", file.display())))?;
        Ok(Answer::Text(vec![format!("{rows} rows of {what} {told}")]))
    };
    let fetched = fetched.await;
    if fetched.is_err() {
        let _ = fs::remove_file(file);
    }
    fetched
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(bytes: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    #[test]
    fn a_file_comes_whole_in_pieces_and_is_let_go() {
        let handed = Handed::default();
        let bytes: Vec<u8> = (0..PIECE * 2 + 7).map(|place| place as u8).collect();
        let number = handed.keep(file(&bytes));
        let mut whole = Vec::new();
        loop {
            let piece = handed.piece(number, whole.len() as u64).unwrap();
            if piece.is_empty() {
                break;
            }
            whole.extend(piece);
        }
        assert!(whole == bytes);
        assert!(handed.piece(number, 0).is_err());
    }

    #[test]
    fn who_never_fetches_holds_little() {
        let handed = Handed::default();
        let first = handed.keep(file(b"1"));
        let mut last = first;
        for _ in 0..MOST {
            last = handed.keep(file(b"2"));
        }
        assert!(handed.piece(first, 0).is_err());
        assert_eq!(handed.piece(last, 0).unwrap(), b"2");
    }
}
