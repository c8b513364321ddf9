//! Text that came from elsewhere, made safe to show.

use std::borrow::Cow;

/// Shows control characters (C0, DEL, C1, line separators, direction overrides) as `\u{..}` or their short escape.
///
/// Everything printed or drawn passes here or through a writer that calls this, so that an escape sequence in data never
/// reaches a terminal. Text without such characters is borrowed.
#[must_use]
pub fn visible(text: &str) -> Cow<'_, str> {
    if !text.chars().any(unsafe_to_show) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if unsafe_to_show(c) {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

/// Whether a character would act on a terminal or reorder a line instead of being seen.
#[must_use]
pub fn unsafe_to_show(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// How many of a thing there are, in words: `1 time`, `3 times`. `word` is the one of which more end in `s`.
#[must_use]
pub fn count(number: usize, word: &str) -> String {
    format!("{number} {word}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_no_plural() {
        assert_eq!(
            [0, 1, 2].map(|number| count(number, "time")),
            ["0 times", "1 time", "2 times"]
        );
    }

    #[test]
    fn escapes_are_shown_not_sent() {
        assert_eq!(visible("eth0"), "eth0");
        assert_eq!(visible("a\u{1b}[31mb\u{9b}x\n"), "a\\u{1b}[31mb\\u{9b}x\\n");
        assert_eq!(visible("größe 東"), "größe 東");
    }
}
