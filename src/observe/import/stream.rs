//! A text of YAML documents in pieces: no line and no document has to be held.

use std::{
    cell::{Cell, RefCell},
    io::{self, BufRead},
};

use super::{AT_ONCE, Fault};

/// Longest piece of a line, bytes.
const PIECE: u64 = 64 << 10;

/// The lines of a text, document by document.
pub(super) struct Pieces<R> {
    source: R,
    /// A line, or a piece of a long one, that is not taken yet.
    next: Vec<u8>,
    /// Whether that begins a line.
    begins: bool,
    /// Lines before that.
    pub number: usize,
    /// Whether the document that is read says anything.
    pub says: bool,
    /// Whether it is at its end.
    ends: bool,
    /// Whether the text is.
    pub over: bool,
    /// What kept it from being read further.
    pub error: Option<io::Error>,
}

impl<R: BufRead> Pieces<R> {
    pub fn of(source: R) -> Self {
        Self {
            source,
            next: Vec::new(),
            begins: true,
            number: 0,
            says: false,
            ends: false,
            over: false,
            error: None,
        }
    }

    /// Begins the next document.
    pub fn begin(&mut self) {
        (self.says, self.ends) = (false, false);
    }

    /// Adds the next piece of the document to `held`; `false` at its end.
    pub fn next(&mut self, held: &mut Vec<u8>) -> bool {
        if self.ends || self.over {
            return false;
        }
        if self.next.is_empty() {
            let mut piece = io::Read::take(&mut self.source, PIECE);
            match piece.read_until(b'\n', &mut self.next) {
                Ok(read) => self.over = read == 0,
                Err(error) => (self.over, self.error) = (true, Some(error)),
            }
            if self.over {
                return false;
            }
        }
        if self.begins {
            // These marks stand at the begin of a line in no document (YAML 1.2.2, 9.1.2).
            if is_mark(&self.next, b"---") && self.says {
                self.ends = true;
                return false;
            }
            self.ends = is_mark(&self.next, b"...");
        }
        let mut bytes = self.next.iter();
        let first = bytes.find(|byte| !byte.is_ascii_whitespace());
        self.says |= first.is_some_and(|byte| !self.begins || !b"#%".contains(byte));
        self.begins = self.next.ends_with(b"\n");
        self.number += usize::from(self.begins);
        held.append(&mut self.next);
        true
    }
}

fn is_mark(line: &[u8], mark: &[u8]) -> bool {
    line.strip_prefix(mark)
        .is_some_and(|rest| rest.first().is_none_or(u8::is_ascii_whitespace))
}

/// What a parser's text and what reads its events tell each other.
#[derive(Default)]
pub(super) struct Stream {
    /// Bytes since the last event.
    pub silent: Cell<usize>,
    /// Why the text was broken off before its end.
    pub fault: RefCell<Option<Fault>>,
    /// Whether it was.
    pub broken: Cell<bool>,
}

/// The characters of a document.
pub(super) struct Chars<'p, R> {
    /// What is read of, whole characters up to `valid`, and where it is.
    bytes: Vec<u8>,
    valid: usize,
    at: usize,
    /// Lines before them.
    before: usize,
    pieces: &'p mut Pieces<R>,
    stream: &'p Stream,
}

impl<'p, R: BufRead> Chars<'p, R> {
    /// The characters of `held`, before which are `before` lines, and of what follows in the same document.
    pub fn new(held: Vec<u8>, before: usize, pieces: &'p mut Pieces<R>, stream: &'p Stream) -> Self {
        let mut chars = Self {
            bytes: held,
            valid: 0,
            at: 0,
            before,
            pieces,
            stream,
        };
        chars.check();
        chars
    }

    fn break_off(&mut self, fault: Fault) {
        *self.stream.fault.borrow_mut() = Some(fault);
        self.stream.broken.set(true);
        (self.valid, self.at) = (0, 0);
    }

    /// Looks which of the bytes are whole characters.
    fn check(&mut self) {
        self.at = 0;
        match std::str::from_utf8(&self.bytes) {
            Ok(text) => self.valid = text.len(),
            Err(error) => {
                self.valid = error.valid_up_to();
                if error.error_len().is_some() {
                    let lines = self.bytes[..self.valid].iter().filter(|byte| **byte == b'\n').count();
                    self.break_off(Fault::at(self.before + lines + 1, "not UTF-8 text"));
                }
            }
        }
    }

    /// Reads on; `false` at the end.
    fn more(&mut self) -> bool {
        while self.at == self.valid && !self.stream.broken.get() {
            self.bytes.drain(..self.valid);
            (self.valid, self.at) = (0, 0);
            self.before = self.pieces.number;
            if !self.pieces.next(&mut self.bytes) {
                if !self.bytes.is_empty() {
                    self.break_off(Fault::at(self.before + 1, "not UTF-8 text"));
                }
                return false;
            }
            self.check();
        }
        !self.stream.broken.get()
    }
}

impl<R: BufRead> Iterator for Chars<'_, R> {
    type Item = char;

    fn next(&mut self) -> Option<char> {
        if self.at == self.valid && !self.more() {
            return None;
        }
        let first = self.bytes[self.at];
        let c = if first.is_ascii() {
            char::from(first)
        } else {
            let rest = &self.bytes[self.at..self.valid.min(self.at + 4)];
            // The last may be the begin of the one behind it.
            let whole = match std::str::from_utf8(rest) {
                Ok(text) => text,
                Err(error) => std::str::from_utf8(&rest[..error.valid_up_to()]).ok()?,
            };
            whole.chars().next()?
        };
        self.at += c.len_utf8();
        let silent = self.stream.silent.get() + c.len_utf8();
        self.stream.silent.set(silent);
        // The parser holds what is no value yet.
        if silent as u64 > AT_ONCE {
            let what = format!("no value ends within {} MiB", AT_ONCE >> 20);
            self.break_off(Fault::at(self.before + 1, what));
            return None;
        }
        Some(c)
    }
}
