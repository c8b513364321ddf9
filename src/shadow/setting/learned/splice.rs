//! Pieces of texts that are replaced by others.

/// A path's last number in brackets, and what stands around it.
#[must_use]
pub fn index(path: &str) -> Option<(&str, i64, &str)> {
    let mut end = path.len();
    while let Some(close) = path[..end].rfind(']') {
        let open = path[..close].rfind('[')?;
        if let Ok(number) = path[open + 1..close].parse::<i64>() {
            return Some((&path[..=open], number, &path[close..]));
        }
        end = open;
    }
    None
}

/// The piece that differs between two texts, widened to whole words.
#[must_use]
pub fn difference<'a>(from: &'a str, to: &'a str) -> Option<(&'a str, &'a str)> {
    let word = |c: char| c.is_alphanumeric() || c == '_';
    let (a, b): (Vec<char>, Vec<char>) = (from.chars().collect(), to.chars().collect());
    let mut start = a.iter().zip(&b).take_while(|(a, b)| a == b).count();
    let most = a.len().min(b.len()) - start;
    let mut end = a
        .iter()
        .rev()
        .zip(b.iter().rev())
        .take(most)
        .take_while(|(a, b)| a == b)
        .count();
    while start > 0 && word(a[start - 1]) {
        start -= 1;
    }
    while end > 0 && word(a[a.len() - end]) {
        end -= 1;
    }
    if start + end >= a.len() || (start == 0 && end == 0 && a.len() > 60) {
        return None;
    }
    let cut = |text: &'a str, length: usize| {
        let from = text.char_indices().nth(start).map_or(text.len(), |(at, _)| at);
        let to = text.char_indices().nth(length - end).map_or(text.len(), |(at, _)| at);
        text.get(from..to)
    };
    Some((cut(from, a.len())?, cut(to, b.len())?))
}

/// `text` with every `from` that stands as a word of its own replaced; `None` when there is none.
#[must_use]
pub fn replaced(text: &str, from: &str, to: &str) -> Option<String> {
    if from.is_empty() {
        return None;
    }
    let word = |c: char| c.is_alphanumeric() || c == '_';
    let mut out = String::with_capacity(text.len());
    let (mut done, mut any) = (0, false);
    for (at, _) in text.match_indices(from) {
        let before = text[..at].chars().next_back().is_some_and(word) && from.chars().next().is_some_and(word);
        let after =
            text[at + from.len()..].chars().next().is_some_and(word) && from.chars().next_back().is_some_and(word);
        if at < done || before || after {
            continue;
        }
        out.push_str(&text[done..at]);
        out.push_str(to);
        done = at + from.len();
        any = true;
    }
    out.push_str(&text[done..]);
    any.then_some(out)
}
