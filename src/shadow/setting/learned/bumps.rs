//! Versions inside texts, and how they rise.

/// The dotted numbers of a text: what stands before them, they themselves, and what follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dotted<'a> {
    /// The text before.
    pub head: &'a str,
    /// Its numbers as written (`08`).
    pub parts: Vec<&'a str>,
    /// The text after.
    pub tail: &'a str,
}

/// Most numbers looked at.
const PARTS: usize = 6;

impl<'a> Dotted<'a> {
    /// The dotted numbers of `text`: the longest run behind an image's colon (or anywhere else, where there is none), the last of equals.
    #[must_use]
    pub fn of(text: &'a str) -> Option<Self> {
        let colon = text.rfind(':').filter(|at| !text[*at..].starts_with("://"));
        let tag = colon.filter(|at| text[at + 1..].bytes().any(|byte| byte.is_ascii_digit()));
        let start = tag.map_or(0, |at| at + 1);
        let bytes = text.as_bytes();
        let (mut best, mut most) = (None, 0);
        let mut at = start;
        while at < bytes.len() {
            if !bytes[at].is_ascii_digit() {
                at += 1;
                continue;
            }
            let (from, mut parts) = (at, 1);
            while at < bytes.len() {
                if bytes[at].is_ascii_digit() {
                    at += 1;
                } else if bytes[at] == b'.' && bytes.get(at + 1).is_some_and(u8::is_ascii_digit) {
                    parts += 1;
                    at += 1;
                } else {
                    break;
                }
            }
            if parts >= most {
                (best, most) = (Some((from, at)), parts);
            }
        }
        let (from, to) = best?;
        let parts: Vec<&str> = text[from..to].split('.').collect();
        (parts.len() <= PARTS && parts.iter().all(|part| part.len() <= 15)).then(|| Self {
            head: &text[..from],
            parts,
            tail: &text[to..],
        })
    }

    /// The numbers.
    #[must_use]
    pub fn numbers(&self) -> Vec<u64> {
        self.parts.iter().map(|part| part.parse().unwrap_or(0)).collect()
    }

    /// The text with part `place` raised by `step` and all parts after it at 0; widths of parts written with leading zeros stay.
    #[must_use]
    pub fn bump(&self, place: usize, step: i64) -> Option<String> {
        let mut text = self.head.to_owned();
        for (k, part) in self.parts.iter().enumerate() {
            if k > 0 {
                text.push('.');
            }
            let value = part.parse::<i64>().ok()?;
            let value = match k.cmp(&place) {
                std::cmp::Ordering::Less => value,
                std::cmp::Ordering::Equal => value.checked_add(step).filter(|value| *value >= 0)?,
                std::cmp::Ordering::Greater => 0,
            };
            if part.len() > 1 && part.starts_with('0') {
                text.push_str(&format!("{value:0width$}", width = part.len()));
            } else {
                text.push_str(&value.to_string());
            }
        }
        text.push_str(self.tail);
        Some(text)
    }

    /// Which part rose (or fell) from `self` to `other` and by how much, where they differ in nothing else but later parts.
    #[must_use]
    pub fn step(&self, other: &Self) -> Option<(usize, i64, bool)> {
        if self.parts.len() != other.parts.len() || self.head != other.head {
            return None;
        }
        let (a, b) = (self.numbers(), other.numbers());
        let place = (0..a.len()).find(|place| a[*place] != b[*place])?;
        let rest = b[place + 1..].iter().all(|part| *part == 0);
        Some((place, b[place] as i64 - a[place] as i64, rest))
    }
}
