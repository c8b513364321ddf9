//! Passwords behind words that say so.

use std::ops::Range;

use super::{
    find::{Marks, apart},
    name::harmless,
    quote::Quote,
};

/// Longest name of a header before `authorization` and of a scheme, bytes.
const LONGEST: usize = 40;
/// Most that is looked at of the word behind a scheme that is not known, bytes: a text may be full of them.
const FIRST: usize = 1024;

/// Schemes that take one word, and others that are known; each other scheme's word must look like more than a word of a sentence.
const TOKENS: [&str; 7] = ["bearer", "basic", "token", "apikey", "negotiate", "ntlm", "bot"];
const LISTS: [&str; 4] = ["digest", "hawk", "oauth", "aws4-hmac-sha256"];

/// The password behind words that say so: `IDENTIFIED BY 'x'`, `PASSWORD 'x'` (SQL), `AUTH\ x` and `redis-cli … "AUTH x"` (Redis), and
/// what stands in a header that authorizes, whatever its scheme.
pub(super) fn after_words(text: &str) -> impl Iterator<Item = Range<usize>> + '_ {
    let lower = text.to_ascii_lowercase();
    let marks = Marks::of(&lower);
    let mut found = Vec::new();
    for mark in ["by ", "password "] {
        found.extend(apart(marks.each(mark), |at| {
            let said = mark != "by " || lower[..at].trim_end().ends_with("identified");
            if said { quoted(text, at + mark.len()) } else { None }
        }));
    }
    let redis = marks.each("-cli").next().is_some();
    for mark in ["auth\\ ", "auth "] {
        found.extend(apart(marks.each(mark), |at| {
            let start = at + mark.len();
            if mark == "auth " && !(redis && text[at..].starts_with("AUTH")) {
                return None;
            }
            let end = text[start..].find(|c: char| c.is_whitespace() || "\\'\"".contains(c));
            given(text, start..end.map_or(text.len(), |len| start + len))
        }));
    }
    found.extend(apart(marks.each("authorization"), |at| {
        credentials(text, at..at + "authorization".len())
    }));
    found.into_iter()
}

/// A range that is neither empty nor a variable.
fn given(text: &str, range: Range<usize>) -> Option<Range<usize>> {
    let word = &text[range.clone()];
    (!word.is_empty() && !word.starts_with('$')).then_some(range)
}

/// What stands in quotes at `start`.
fn quoted(text: &str, start: usize) -> Option<Range<usize>> {
    let slashes = text.as_bytes()[start..].iter().take_while(|b| **b == b'\\').count();
    let from = start + slashes + 1;
    let quote = Quote::ends(text.get(start..from)?)?;
    let end = quote.close(&text[from..]).map_or(text.len(), |len| from + len);
    given(text, from..end)
}

/// What a header gives whose name ends with `name`: `Authorization: Bearer x`, `"Proxy-Authorization": "Digest username=…, response=…"`.
fn credentials(text: &str, name: Range<usize>) -> Option<Range<usize>> {
    let letter = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    let bytes = text.as_bytes();
    let longer = bytes[..name.start]
        .iter()
        .rev()
        .take(LONGEST)
        .take_while(|b| letter(b))
        .count();
    let rest = &text[name.end..];
    let value = rest.trim_start_matches([' ', '\t', ':', '=', '>', '"', '\'', '\\', '[']);
    let between = &rest[..rest.len() - value.len()];
    let header = between.contains([':', '=']);
    if between.is_empty() {
        return None;
    }
    // Around the value; else, where it does not end with the name, around both.
    let quote = Quote::ends(between)
        .or_else(|| Quote::ends(&text[..name.start - longer]).filter(|_| !between.contains(['"', '\''])));
    let from = name.end + between.len();
    let scheme = bytes[from..].iter().take(LONGEST).take_while(|b| letter(b)).count();
    let sign = *bytes.get(from + scheme)?;
    if scheme == 0 || !matches!(sign, b' ' | b'=') {
        return None;
    }
    let spaces = bytes[from + scheme + 1..].iter().take_while(|b| **b == b' ').count();
    let start = from + scheme + 1 + spaces;
    let scheme = text[from..from + scheme].to_ascii_lowercase();
    let word = TOKENS.contains(&scheme.as_str());
    let known = sign == b' ' && (word || LISTS.contains(&scheme.as_str()));
    if !known && !header || bytes.get(start) == Some(&b'$') {
        return None;
    }
    let most = (start..=text.len().min(start + FIRST)).rev();
    let most = most.into_iter().find(|end| text.is_char_boundary(*end))?;
    let first = text[start..most]
        .split(|c: char| c.is_whitespace() || matches!(c, '"' | '\''))
        .next()?;
    let alone = matches!(
        bytes.get(start + first.len()),
        None | Some(b'\n' | b'\r' | b'"' | b'\'')
    );
    let ends = alone || first.len() >= 16 || first.ends_with(',');
    if !(known || ends && first.len() >= 8 && is_no_word(first) && !harmless(first)) {
        return None;
    }
    let end = list_end(text, start, quote, !word);
    let end = start + text[start..end].trim_end_matches([',', ';', ']', '}', ')', '\\']).len();
    given(text, start..end)
}

/// Whether a word is none of a language: it has a digit, an `=`, or a capital within.
fn is_no_word(word: &str) -> bool {
    let capital = || {
        word.as_bytes()
            .windows(2)
            .any(|two| two[0].is_ascii_lowercase() && two[1].is_ascii_uppercase())
    };
    word.bytes().any(|b| b.is_ascii_digit() || b == b'=') || capital()
}

/// Where the word at `start` ends, or a `list` of words with commas between them (`username="a b", nonce=…`), in a value that `quote` opened.
fn list_end(text: &str, start: usize, quote: Option<Quote>, list: bool) -> usize {
    let bytes = text.as_bytes();
    let (mut slashes, mut inner) = (0, false);
    for at in start..bytes.len() {
        match bytes[at] {
            b'\\' => {
                slashes += 1;
                continue;
            }
            b'\n' => return at,
            sign @ (b'"' | b'\'') => {
                let closed = quote.is_some_and(|quote| quote.closes(sign, slashes));
                // `realm="…"`: a quote that is not the value's own.
                let opens = list && bytes[..at - slashes].ends_with(b"=");
                if closed || !(inner || opens) {
                    return at - slashes;
                }
                inner = !inner;
            }
            b' ' | b'\t' if !(inner || list && bytes[..at].ends_with(b",")) => return at,
            _ => {}
        }
        slashes = 0;
    }
    bytes.len()
}
