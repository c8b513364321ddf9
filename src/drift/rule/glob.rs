//! Names with holes: `*` is any run of characters, `{name}` the same run wherever it stands.

/// What the holes of a rule stand for, so far.
pub(super) type Bound = Vec<(Box<str>, Box<str>)>;

/// Most holes a pattern may have: each is tried at every place.
const HOLES: usize = 6;

/// The pattern with what is bound filled in.
pub(super) fn filled(pattern: &str, bound: &Bound) -> String {
    let mut text = pattern.to_owned();
    for (name, value) in bound {
        text = text.replace(&format!("{{{name}}}"), value);
    }
    text
}

/// The part before the first hole.
pub(super) fn stem(pattern: &str) -> &str {
    &pattern[..pattern.find(['*', '{']).unwrap_or(pattern.len())]
}

/// Whether the pattern has no hole.
pub(super) fn whole(pattern: &str) -> bool {
    stem(pattern).len() == pattern.len()
}

/// What `text` binds in `pattern`; `None` when it does not fit.
pub(super) fn fit(pattern: &str, text: &str, bound: &Bound) -> Option<Bound> {
    if pattern.matches(['*', '{']).count() > HOLES {
        return None;
    }
    let mut bound = bound.clone();
    take(pattern, text, &mut bound).then_some(bound)
}

fn take(pattern: &str, text: &str, bound: &mut Bound) -> bool {
    let stem = stem(pattern);
    let Some(text) = text.strip_prefix(stem) else {
        return false;
    };
    let hole = &pattern[stem.len()..];
    if hole.is_empty() {
        return text.is_empty();
    }
    let (name, rest) = match hole.strip_prefix('{').and_then(|inner| inner.split_once('}')) {
        Some((name, rest)) => (Some(name), rest),
        None => (None, &hole[1..]),
    };
    let held = name.and_then(|name| {
        bound
            .iter()
            .find(|(known, _)| **known == *name)
            .map(|(_, value)| value.clone())
    });
    if let Some(held) = held {
        return text.strip_prefix(&*held).is_some_and(|text| take(rest, text, bound));
    }
    let ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
    for end in ends {
        let before = bound.len();
        if let Some(name) = name {
            bound.push((name.into(), text[..end].into()));
        }
        if take(rest, &text[end..], bound) {
            return true;
        }
        bound.truncate(before);
    }
    false
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn holes_bind_what_they_stand_for() {
        let bound = fit("etc.pg/{v}/{c}/x:fsync", "etc.pg/15/main/x:fsync", &Bound::new()).unwrap();
        assert_eq!(filled("a {v}/{c}", &bound), "a 15/main");
        assert!(fit("{a}-{a}", "x-x", &Bound::new()).is_some());
        assert!(fit("{a}-{a}", "x-y", &Bound::new()).is_none());
        assert!(fit("port.*", "port.tcp/1", &Bound::new()).is_some() && whole("a.b") && !whole("a.*"));
        assert!(
            fit("a{", "a", &Bound::new()).is_some(),
            "a hole without an end is any run"
        );
    }

    proptest! {
        #[test]
        fn any_pattern_ends(pattern in "[ab*{}]{0,12}", text in "[ab]{0,24}") {
            let _ = fit(&pattern, &text, &Bound::new());
        }
    }
}
