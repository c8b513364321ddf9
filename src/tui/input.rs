//! What a terminal sends, read and taken apart here: keys and pastes; mouse reports and answers nobody waits for are swallowed whole.
//!
//! crossterm's own reader loses the terminal's edge-triggered event when a resize comes in the same moment: the keys then lie unread
//! until another one is pressed. This one waits in the kernel for bytes, and for nothing else.

use std::{
    fs::File,
    io::{self, IsTerminal, Read},
    os::fd::AsFd,
};

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// How long after an ESC the rest of a sequence may take; after that it was the key. Links split sequences.
const ESCAPE: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 40_000_000,
};
/// Most bytes of a sequence or a paste that are kept; what is beyond is dropped.
const LONGEST: usize = 1 << 20;

/// The answer to the question for synchronized output (DECRPM): a digit follows, then `$y`.
const ANSWER: &[u8] = b"\x1b[?2026;";
/// Bytes of the whole answer.
const ANSWERED: usize = ANSWER.len() + 3;
/// Bytes of the answer that keys may spell as well, pressed one by one: ESC, `[`, `?`. Behind them it is waited for no longer.
const KEYS: usize = 3;

const PASTE: &[u8] = b"\x1b[200~";
const PASTED: &[u8] = b"\x1b[201~";

/// What a terminal tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// A key, or a paste.
    Event(Event),
    /// It answered whether it knows synchronized output.
    Answered(bool),
}

/// Reads the terminal until it is gone, or `take` says that nobody listens any more (`false`). `asked` says whether the terminal was
/// asked for synchronized output: its answer may come at any time, in any pieces, or never.
pub fn read(asked: bool, mut take: impl FnMut(Heard) -> bool) {
    let stdin = io::stdin();
    let terminal = if stdin.is_terminal() {
        stdin.as_fd().try_clone_to_owned().map(File::from)
    } else {
        File::open("/dev/tty")
    };
    let Ok(mut terminal) = terminal else { return };
    let mut decoder = Decoder {
        awaited: asked,
        ..Decoder::default()
    };
    let mut bytes = [0; 4_096];
    loop {
        let patience = (decoder.maybe_escape() || decoder.maybe_keys()).then_some(&ESCAPE);
        let mut ready = [PollFd::new(&terminal, PollFlags::IN)];
        let events = match poll(&mut ready, patience) {
            Err(rustix::io::Errno::INTR) => continue,
            Err(_) => return,
            Ok(0) => decoder.pause(),
            Ok(_) => match terminal.read(&mut bytes) {
                Ok(count @ 1..) => decoder.feed(&bytes[..count]),
                Err(error) if matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock) => {
                    continue;
                }
                _ => return,
            },
        };
        if let Some(knows) = decoder.synchronized.take()
            && !take(Heard::Answered(knows))
        {
            return;
        }
        for event in events {
            if !take(Heard::Event(event)) {
                return;
            }
        }
    }
}

/// Takes bytes apart, however they were cut.
#[derive(Debug, Default)]
struct Decoder {
    bytes: Vec<u8>,
    /// Whether the answer to [`ANSWER`]'s question is still to come.
    awaited: bool,
    /// Bytes of its beginning that were taken for keys, because nothing followed for a while.
    past: usize,
    /// What it said, when it came.
    synchronized: Option<bool>,
}

/// What stands at the beginning of some bytes.
enum Found {
    /// So many bytes that mean this; nothing when they are to be swallowed.
    Whole(usize, Option<Event>),
    /// The beginning of something longer.
    Part,
}

impl Decoder {
    /// Whether an ESC came last, which may be the key or the beginning of a sequence.
    fn maybe_escape(&self) -> bool {
        self.bytes == b"\x1b"
    }

    /// Whether what is held back may be keys, or the rest of an answer whose beginning came alone.
    fn maybe_keys(&self) -> bool {
        self.past > 0 && self.bytes.len() == 1
    }

    /// Nothing came for a while.
    fn pause(&mut self) -> Vec<Event> {
        if self.maybe_keys() {
            self.past = (self.past + 1) % KEYS;
            return self.decode();
        }
        if !self.maybe_escape() {
            return Vec::new();
        }
        self.bytes.clear();
        self.past = usize::from(self.awaited);
        vec![key(KeyCode::Esc)]
    }

    /// Swallows the rest of the answer whose beginning was taken for keys; whether more of it is to come.
    fn rest_of_answer(&mut self) -> bool {
        let expected = |place: usize, byte: u8| match place {
            place if place < ANSWER.len() => ANSWER[place] == byte,
            place if place == ANSWER.len() => byte.is_ascii_digit(),
            place => byte == b"$y"[place - ANSWER.len() - 1],
        };
        let left = ANSWERED - self.past;
        let alike = |(place, byte): (usize, &u8)| expected(self.past + place, *byte);
        if !self.bytes.iter().take(left).enumerate().all(alike) {
            self.past = 0;
            return false;
        }
        if self.bytes.len() < left {
            return true;
        }
        self.answered(self.bytes[left - 3]);
        self.bytes.drain(..left);
        self.past = 0;
        false
    }

    /// Notes the answer: 1 and 2 are on and off of what it knows; 0 it does not know, 3 and 4 it cannot change.
    fn answered(&mut self, digit: u8) {
        self.awaited = false;
        self.synchronized = Some(matches!(digit, b'1' | b'2'));
    }

    fn feed(&mut self, bytes: &[u8]) -> Vec<Event> {
        let room = LONGEST.saturating_sub(self.bytes.len());
        if bytes.len() <= room {
            self.bytes.extend_from_slice(bytes);
        } else {
            // Too long to be kept; its end must be found all the same.
            let tail = self.bytes.len().saturating_sub(PASTED.len());
            self.bytes.drain(PASTE.len().min(tail)..tail);
            self.bytes.extend_from_slice(bytes);
        }
        if self.past > 0 && self.rest_of_answer() {
            return Vec::new();
        }
        self.decode()
    }

    fn decode(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        let mut from = 0;
        while from < self.bytes.len() {
            match first(&self.bytes[from..]) {
                Found::Whole(length, event) => {
                    if self.awaited && length == ANSWERED && self.bytes[from..].starts_with(ANSWER) {
                        self.answered(self.bytes[from + ANSWER.len()]);
                    }
                    from += length;
                    events.extend(event);
                }
                Found::Part => break,
            }
        }
        self.bytes.drain(..from);
        events
    }
}

fn key(code: KeyCode) -> Event {
    Event::Key(KeyEvent::new(code, KeyModifiers::NONE))
}

fn with(code: KeyCode, modifiers: KeyModifiers) -> Event {
    Event::Key(KeyEvent::new(code, modifiers))
}

/// Takes the first thing off `bytes`, of which there is at least one.
fn first(bytes: &[u8]) -> Found {
    match bytes {
        [0x1b, rest @ ..] => escape(bytes, rest),
        [b'\r' | b'\n', ..] => Found::Whole(1, Some(key(KeyCode::Enter))),
        [b'\t', ..] => Found::Whole(1, Some(key(KeyCode::Tab))),
        [0x7f, ..] => Found::Whole(1, Some(key(KeyCode::Backspace))),
        [0, ..] => Found::Whole(1, Some(with(KeyCode::Char(' '), KeyModifiers::CONTROL))),
        [low @ 1..=26, ..] => {
            let letter = char::from(low - 1 + b'a');
            Found::Whole(1, Some(with(KeyCode::Char(letter), KeyModifiers::CONTROL)))
        }
        [low @ 0x1c..=0x1f, ..] => {
            let digit = char::from(low - 0x1c + b'4');
            Found::Whole(1, Some(with(KeyCode::Char(digit), KeyModifiers::CONTROL)))
        }
        _ => character(bytes, KeyModifiers::NONE),
    }
}

/// A character in UTF-8; bytes that are none are swallowed.
fn character(bytes: &[u8], modifiers: KeyModifiers) -> Found {
    let length = match bytes[0] {
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => 1,
    };
    let found = bytes.len().min(length);
    match std::str::from_utf8(&bytes[..found]) {
        Ok(text) => {
            let event = text.chars().next().map(|c| {
                let shift = if c.is_uppercase() {
                    KeyModifiers::SHIFT
                } else {
                    KeyModifiers::NONE
                };
                with(KeyCode::Char(c), modifiers | shift)
            });
            Found::Whole(length, event)
        }
        Err(error) if error.error_len().is_none() && found < length => Found::Part,
        Err(_) => Found::Whole(1, None),
    }
}

/// What an ESC leads; `rest` is what stands behind it.
fn escape(bytes: &[u8], rest: &[u8]) -> Found {
    match rest {
        [] => Found::Part,
        [0x1b, ..] => Found::Whole(1, Some(key(KeyCode::Esc))),
        [b'[', ..] if bytes.starts_with(PASTE) => paste(bytes),
        [b'['] | [b'O'] => Found::Part,
        // The Linux console's F1 to F5.
        [b'[', b'[', last, ..] => Found::Whole(4, function(last.wrapping_sub(b'A').wrapping_add(1)).map(key)),
        [b'[', b'['] => Found::Part,
        // The oldest mouse report has three bytes more.
        [b'[', b'M', _, _, _, ..] => Found::Whole(6, None),
        [b'[', b'M', ..] => Found::Part,
        [b'[', body @ ..] => control(body),
        [b'O', last, ..] => Found::Whole(3, letter(*last).map(key)),
        // Texts of the terminal: they end with BEL or ST.
        [b']' | b'P' | b'X' | b'^' | b'_', body @ ..] => {
            let bell = body.iter().position(|byte| *byte == 7).map(|at| at + 3);
            let end = body.windows(2).position(|pair| pair == b"\x1b\\").map(|at| at + 4);
            match bell.into_iter().chain(end).min() {
                Some(length) => Found::Whole(length, None),
                None => Found::Part,
            }
        }
        _ => match first(rest) {
            Found::Whole(length, Some(Event::Key(key))) => {
                let event = with(key.code, key.modifiers | KeyModifiers::ALT);
                Found::Whole(length + 1, Some(event))
            }
            Found::Whole(length, event) => Found::Whole(length + 1, event),
            Found::Part => Found::Part,
        },
    }
}

/// Pasted text between its brackets.
fn paste(bytes: &[u8]) -> Found {
    let text = &bytes[PASTE.len()..];
    match text.windows(PASTED.len()).position(|end| end == PASTED) {
        Some(end) => {
            let pasted = String::from_utf8_lossy(&text[..end]).into_owned();
            Found::Whole(PASTE.len() + end + PASTED.len(), Some(Event::Paste(pasted)))
        }
        None => Found::Part,
    }
}

/// A control sequence behind its `ESC [`: parameters, then a byte that says what it is.
fn control(body: &[u8]) -> Found {
    let Some(end) = body.iter().position(|byte| !(0x20..=0x3f).contains(byte)) else {
        return Found::Part;
    };
    let length = end + 3;
    // An interrupted sequence: what interrupts it is read for itself.
    if !(0x40..=0x7e).contains(&body[end]) {
        return Found::Whole(end + 2, None);
    }
    let parameters = std::str::from_utf8(&body[..end]).unwrap_or_default();
    let mut numbers = parameters.split(';').map(|number| number.parse::<u8>());
    let (number, held) = (numbers.next(), numbers.next());
    let code = match (body[end], number) {
        (b'Z', _) => Some(KeyCode::BackTab),
        (b'~', Some(Ok(number))) => tilde(number),
        // With other numbers or a mark in front it is an answer of the terminal's.
        (last, Some(Ok(1))) => letter(last),
        (last, _) if parameters.is_empty() => letter(last),
        _ => None,
    };
    let bits = held.and_then(Result::ok).map_or(0, |held| held.saturating_sub(1));
    let mut modifiers = KeyModifiers::NONE;
    for (bit, modifier) in [
        (1, KeyModifiers::SHIFT),
        (2, KeyModifiers::ALT),
        (4, KeyModifiers::CONTROL),
    ] {
        if bits & bit != 0 {
            modifiers |= modifier;
        }
    }
    Found::Whole(length, code.map(|code| with(code, modifiers)))
}

fn letter(last: u8) -> Option<KeyCode> {
    Some(match last {
        b'A' => KeyCode::Up,
        b'B' => KeyCode::Down,
        b'C' => KeyCode::Right,
        b'D' => KeyCode::Left,
        b'H' => KeyCode::Home,
        b'F' => KeyCode::End,
        b'P'..=b'S' => KeyCode::F(last - b'P' + 1),
        b'M' => KeyCode::Enter,
        _ => return None,
    })
}

fn tilde(number: u8) -> Option<KeyCode> {
    Some(match number {
        1 | 7 => KeyCode::Home,
        2 => KeyCode::Insert,
        3 => KeyCode::Delete,
        4 | 8 => KeyCode::End,
        5 => KeyCode::PageUp,
        6 => KeyCode::PageDown,
        11..=15 => KeyCode::F(number - 10),
        17..=21 => KeyCode::F(number - 11),
        23 | 24 => KeyCode::F(number - 12),
        _ => return None,
    })
}

fn function(number: u8) -> Option<KeyCode> {
    (1..=5).contains(&number).then_some(KeyCode::F(number))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(bytes: &[u8]) -> Vec<Event> {
        Decoder::default().feed(bytes)
    }

    fn one(bytes: &[u8]) -> (KeyCode, KeyModifiers) {
        match &all(bytes)[..] {
            [Event::Key(key)] => (key.code, key.modifiers),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn keys_are_known_in_all_their_spellings() {
        let plain = |code| (code, KeyModifiers::NONE);
        assert_eq!(one(b"j"), plain(KeyCode::Char('j')));
        assert_eq!(one(b"L"), (KeyCode::Char('L'), KeyModifiers::SHIFT));
        assert_eq!(one("東".as_bytes()), plain(KeyCode::Char('東')));
        assert_eq!(one(b"\x1b[A"), plain(KeyCode::Up));
        assert_eq!(one(b"\x1bOA"), plain(KeyCode::Up));
        assert_eq!(one(b"\x1b[1;2D"), (KeyCode::Left, KeyModifiers::SHIFT));
        assert_eq!(one(b"\x1b[5~"), plain(KeyCode::PageUp));
        assert_eq!(one(b"\x1b[4~"), plain(KeyCode::End));
        assert_eq!(one(b"\x1b[Z"), plain(KeyCode::BackTab));
        assert_eq!(one(b"\x1b[[B"), plain(KeyCode::F(2)));
        assert_eq!(one(b"\x1b[24~"), plain(KeyCode::F(12)));
        assert_eq!(one(b"\x03"), (KeyCode::Char('c'), KeyModifiers::CONTROL));
        assert_eq!(one(b"\x10"), (KeyCode::Char('p'), KeyModifiers::CONTROL));
        assert_eq!(one(b"\x7f"), plain(KeyCode::Backspace));
        assert_eq!(one(b"\x1bx"), (KeyCode::Char('x'), KeyModifiers::ALT));
    }

    #[test]
    fn an_escape_alone_is_the_key_once_nothing_follows() {
        let mut decoder = Decoder::default();
        assert_eq!(decoder.feed(b"\x1b"), []);
        assert!(decoder.maybe_escape());
        assert_eq!(decoder.pause(), [key(KeyCode::Esc)]);
        assert_eq!(decoder.feed(b"q"), [key(KeyCode::Char('q'))]);
        assert_eq!(all(b"\x1b\x1b[B"), [key(KeyCode::Esc), key(KeyCode::Down)]);
    }

    #[test]
    fn late_answers_and_mouse_reports_are_swallowed() {
        let sent =
            b"a\x1b[?2026;2$y\x1b[24;80R\x1b]11;rgb:00/00/00\x1b\\\x1bP>|xterm(1)\x1b\\\x1b[<0;3;4M\x1b[M !!\x1b[Ib";
        assert_eq!(all(sent), [key(KeyCode::Char('a')), key(KeyCode::Char('b'))]);
    }

    #[test]
    fn the_answer_for_synchronized_output_is_known_however_late_and_cut() {
        let asked = || Decoder {
            awaited: true,
            ..Decoder::default()
        };
        for (answer, yes) in [
            (b"\x1b[?2026;2$y", true),
            (b"\x1b[?2026;1$y", true),
            (b"\x1b[?2026;0$y", false),
        ] {
            for cut in 0..=ANSWERED {
                let mut decoder = asked();
                let mut events = decoder.feed(&answer[..cut]);
                // A pause longer than an ESC is waited for.
                events.extend(decoder.pause());
                events.extend(decoder.feed(&answer[cut..]));
                events.extend(decoder.feed(b"j"));
                let escaped = if cut == 1 { vec![key(KeyCode::Esc)] } else { Vec::new() };
                assert_eq!(
                    events,
                    [escaped, vec![key(KeyCode::Char('j'))]].concat(),
                    "cut at {cut}"
                );
                assert_eq!(
                    (decoder.synchronized, decoder.awaited),
                    (Some(yes), false),
                    "cut at {cut}"
                );
            }
        }
        // Byte by byte it is swallowed as well, as long as there are no pauses.
        let mut decoder = asked();
        assert!(b"\x1b[?2026;2$y".iter().all(|byte| decoder.feed(&[*byte]).is_empty()));
        assert_eq!(decoder.synchronized, Some(true));
        // Esc, and then the keys for going back in time and for help.
        let mut decoder = asked();
        decoder.feed(b"\x1b");
        assert_eq!(decoder.pause(), [key(KeyCode::Esc)]);
        assert_eq!(decoder.feed(b"["), []);
        assert_eq!(decoder.pause(), [key(KeyCode::Char('['))]);
        assert_eq!(decoder.feed(b"?"), []);
        assert_eq!(decoder.pause(), [key(KeyCode::Char('?'))]);
        assert_eq!(decoder.feed(b"2"), [key(KeyCode::Char('2'))]);
        assert!(decoder.synchronized.is_none() && decoder.awaited);
    }

    #[test]
    fn a_paste_is_one_text_whatever_it_holds() {
        assert_eq!(
            all(b"\x1b[200~q7\x1b[A\r\x1b[201~"),
            [Event::Paste("q7\x1b[A\r".into())]
        );
        let mut decoder = Decoder::default();
        decoder.feed(PASTE);
        for _ in 0..40 {
            decoder.feed(&[b'x'; 65_536]);
        }
        let events = decoder.feed(b"\x1b[201~j");
        assert!(
            matches!(&events[..], [Event::Paste(_), Event::Key(_)]),
            "{}",
            events.len()
        );
        assert!(decoder.bytes.is_empty());
    }

    proptest! {
        #[test]
        fn how_the_bytes_are_cut_makes_no_difference(bytes in prop::collection::vec(
            prop::sample::select(b"\x1b\x1b[[OM<;?12~AZ]P\\\x07qjL\xe6\x9d\xb1\x03".to_vec()), 0..60), cut in 0usize..60) {
            let whole = all(&bytes);
            let (head, tail) = bytes.split_at(cut.min(bytes.len()));
            let mut decoder = Decoder::default();
            let mut parts = decoder.feed(head);
            parts.extend(decoder.feed(tail));
            prop_assert_eq!(parts, whole);
        }
    }
}
