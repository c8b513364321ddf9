//! Quotes around values, and where they close.

/// A quote that opened.
#[derive(Clone, Copy)]
pub(super) struct Quote {
    /// The quote itself, `"` or `'`.
    sign: u8,
    /// How many backslashes stood before it: it opened in a text that is in quotes itself.
    slashes: usize,
    /// Whether its twin stood before it: the next of its kind closes.
    twin: bool,
}

impl Quote {
    /// The quote that `before` ends with.
    pub(super) fn ends(before: &str) -> Option<Self> {
        let sign = before.bytes().next_back().filter(|b| matches!(b, b'"' | b'\''))?;
        let slashes = before.bytes().rev().skip(1).take_while(|b| *b == b'\\').count();
        let twin = slashes == 0 && before.as_bytes()[..before.len() - 1].ends_with(&[sign]);
        Some(Self { sign, slashes, twin })
    }

    /// Whether the byte `sign` behind `slashes` backslashes closes it: one more backslash belongs to a quote within.
    pub(super) fn closes(self, sign: u8, slashes: usize) -> bool {
        sign == self.sign && (slashes <= self.slashes || slashes.is_multiple_of(2))
    }

    /// Where the value in `text` ends that it opened: before the first quote of its kind that is neither escaped nor doubled; where all are,
    /// before the first. `None` without any.
    pub(super) fn close(self, text: &str) -> Option<usize> {
        let bytes = text.as_bytes();
        let (mut at, mut slashes) = (0, 0);
        if self.twin {
            return bytes.iter().position(|b| *b == self.sign);
        }
        while let Some(byte) = bytes.get(at) {
            let doubled = self.slashes == 0 && bytes.get(at + 1) == Some(&self.sign);
            match *byte {
                b'\\' => slashes += 1,
                sign if !self.closes(sign, slashes) => slashes = 0,
                _ if doubled && slashes == 0 => at += 1,
                _ => return Some(at - slashes.min(self.slashes)),
            }
            at += 1;
        }
        bytes.iter().position(|b| *b == self.sign)
    }
}
