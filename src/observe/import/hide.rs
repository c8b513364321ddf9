//! Secrets of what is imported: they become keyed hashes before anything else sees them.

#[cfg(test)]
mod tests;

use std::{borrow::Cow, collections::BTreeMap};

use base64::Engine as _;

use crate::{
    domain::{SecretHash, Tree},
    observe::secret::{
        ends_in_secret, is_digest, is_name_field, is_secret, is_secret_variable, is_value_field, mask, mask_text, words,
    },
};

/// Longest JSON text within a text that is looked into, bytes.
const LONGEST_JSON: usize = 1 << 20;
/// Longest text in base64 that is looked into, bytes, and the shortest.
const BASE64: std::ops::RangeInclusive<usize> = 16..=1 << 16;
/// Most words of a list that are taken for one command.
const MOST_WORDS: usize = 50;

/// Texts that are encrypted as a whole: Ansible vault, SOPS, age, Vault transit, PGP.
const ENCRYPTED: [&str; 5] = [
    "$ANSIBLE_VAULT;",
    "ENC[AES256_GCM,",
    "-----BEGIN AGE ENCRYPTED FILE-----",
    "vault:v",
    "-----BEGIN PGP MESSAGE-----",
];

/// Last words of names whose value tells one thing from others and only looks random, without the numbers at their ends.
const IDS: [&str; 17] = [
    "revision",
    "commit",
    "sha",
    "base64sha",
    "md",
    "digest",
    "checksum",
    "etag",
    "uid",
    "uuid",
    "id",
    "arn",
    "fingerprint",
    "image",
    "version",
    "serial",
    "path",
];
/// The same of names whose value is words, or a path of words, with something random behind at most.
const WORDED: [&str; 4] = ["name", "address", "link", "resource"];

/// Replaces every secret of a tree by its hash under `key`: by the name it stands at, by its look, and in texts within.
pub(super) fn hide(tree: &mut Tree, name: &str, key: &[u8; 32]) {
    match tree {
        Tree::Map(fields) => {
            for (name, value) in fields.iter_mut() {
                hide(value, name, key);
            }
            hide_beside(fields, key);
        }
        Tree::List(items) => {
            // The words of a command: `--password`, then the password.
            let mut words: Vec<Box<str>> = Vec::new();
            for item in items {
                let Tree::Text(text) = &*item else {
                    words.clear();
                    hide(item, name, key);
                    continue;
                };
                if words.len() >= MOST_WORDS {
                    words.clear();
                }
                let text = text.clone();
                let option = words
                    .last()
                    .filter(|word| word.starts_with('-') && !text.starts_with('-'));
                let behind = option.is_some_and(|option| is_secret(option, &text));
                words.push(text);
                let all: Vec<&str> = words.iter().map(|word| &**word).collect();
                if behind || all.len() > 1 && ends_in_secret(&all) {
                    conceal(item, key);
                } else {
                    hide(item, name, key);
                }
            }
        }
        Tree::Text(text) => {
            if is_secret(name, text.trim()) || is_encrypted(text) {
                conceal(tree, key);
            } else {
                // What is masked differs from what was there.
                let masked = match texts(text, name, key) {
                    Cow::Borrowed(_) => None,
                    Cow::Owned(masked) => Some(masked),
                };
                if let Some(masked) = masked {
                    *tree = Tree::Text(masked.into());
                }
            }
        }
        Tree::Int(_) | Tree::Float(_) => {
            if tree.scalar().is_some_and(|text| is_secret(name, &text)) {
                conceal(tree, key);
            }
        }
        Tree::Null | Tree::Bool(_) | Tree::Secret(_) => {}
    }
}

/// Hides what stands beside a name of a secret, and names that hold one.
fn hide_beside(fields: &mut BTreeMap<Box<str>, Tree>, key: &[u8; 32]) {
    let named = fields
        .iter()
        .find(|(field, value)| is_name_field(field) && value.as_str().is_some())
        .and_then(|(_, name)| name.as_str().map(str::to_owned));
    if let Some(named) = named {
        for (_, value) in fields.iter_mut().filter(|(field, _)| is_value_field(field)) {
            hide_named(value, &named, key);
        }
    }
    if fields
        .keys()
        .any(|name| name.len() >= 16 && mask(name, key, false) != **name)
    {
        let masked = |(name, value): (Box<str>, Tree)| (mask(&name, key, false).into(), value);
        *fields = std::mem::take(fields).into_iter().map(masked).collect();
    }
}

/// Hides the secrets of two states of one thing, as [`hide`] does; what is the same in both is gone through once.
pub(super) fn hide_both(before: &mut Tree, after: &mut Tree, name: &str, key: &[u8; 32]) {
    if before == after {
        hide(before, name, key);
        after.clone_from(before);
        return;
    }
    match (before, after) {
        (Tree::Map(before), Tree::Map(after)) => {
            for (name, value) in &mut *before {
                match after.get_mut(name) {
                    Some(other) => hide_both(value, other, name, key),
                    None => hide(value, name, key),
                }
            }
            for (name, value) in after.iter_mut().filter(|(name, _)| !before.contains_key(*name)) {
                hide(value, name, key);
            }
            hide_beside(before, key);
            hide_beside(after, key);
        }
        // Texts of a list may be the words of one command.
        (Tree::List(before), Tree::List(after))
            if before.len() == after.len() && !before.iter().chain(&*after).any(|item| item.as_str().is_some()) =>
        {
            for (before, after) in before.iter_mut().zip(after) {
                hide_both(before, after, name, key);
            }
        }
        (before, after) => {
            hide(before, name, key);
            hide(after, name, key);
        }
    }
}

/// Whether a text is encrypted as a whole.
pub(super) fn is_encrypted(text: &str) -> bool {
    ENCRYPTED.iter().any(|mark| text.trim_start().starts_with(mark))
}

/// Hides the value of a pair whose name stands beside it.
fn hide_named(value: &mut Tree, named: &str, key: &[u8; 32]) {
    match value {
        Tree::List(items) => items.iter_mut().for_each(|item| hide_named(item, named, key)),
        Tree::Text(_) | Tree::Int(_) | Tree::Float(_)
            if value
                .scalar()
                .is_some_and(|text| is_secret_variable(named, text.trim())) =>
        {
            conceal(value, key);
        }
        _ => {}
    }
}

/// Replaces a value by the hash of all it says.
pub(super) fn conceal(tree: &mut Tree, key: &[u8; 32]) {
    let hash = match &*tree {
        Tree::Null | Tree::Secret(_) => return,
        Tree::Text(text) => SecretHash::of(key, text.as_bytes()),
        other => SecretHash::of(key, serde_json::to_string(other).unwrap_or_default().as_bytes()),
    };
    *tree = Tree::Secret(hash);
}

/// Replaces what is marked, `true` at any place of `marks`, by hashes; all of what is of another shape than its marks are, since
/// nobody knows where in it the marked value stands.
pub(super) fn conceal_marked(tree: &mut Tree, marks: &Tree, key: &[u8; 32]) {
    match (tree, marks) {
        (Tree::Map(fields), Tree::Map(marks)) => {
            for (name, marks) in marks {
                if let Some(value) = fields.get_mut(name) {
                    conceal_marked(value, marks, key);
                }
            }
        }
        (Tree::List(items), Tree::List(marks)) if items.len() == marks.len() => {
            for (item, marks) in items.iter_mut().zip(marks) {
                conceal_marked(item, marks, key);
            }
        }
        (tree, marks) if is_marked(marks) => conceal(tree, key),
        _ => {}
    }
}

/// Whether anything is marked.
fn is_marked(marks: &Tree) -> bool {
    match marks {
        Tree::Map(marks) => marks.values().any(is_marked),
        Tree::List(marks) => marks.iter().any(is_marked),
        marks => *marks == Tree::Bool(true),
    }
}

/// Hashes all of a Secret of Kubernetes; what stands in `data` by what it encodes, so that it equals the same in `stringData`, which
/// is put there, too, as the server does.
pub(super) fn conceal_secret(fields: &mut BTreeMap<Box<str>, Tree>, key: &[u8; 32]) {
    let mut data = BTreeMap::new();
    if let Some(Tree::Map(encoded)) = fields.remove("data") {
        for (name, value) in encoded {
            let text = value.scalar().unwrap_or_default();
            let bytes = decode(&text).unwrap_or_else(|| text.into_bytes());
            data.insert(name, Tree::Secret(SecretHash::of(key, &bytes)));
        }
    }
    if let Some(Tree::Map(plain)) = fields.remove("stringData") {
        for (name, value) in plain {
            let text = value.scalar().unwrap_or_default();
            data.insert(name, Tree::Secret(SecretHash::of(key, text.as_bytes())));
        }
    }
    fields.insert("data".into(), Tree::Map(data));
}

/// Hashes what stands in base64 in a ConfigMap, by what it encodes: nobody reads it there.
pub(super) fn conceal_binary(fields: &mut BTreeMap<Box<str>, Tree>, key: &[u8; 32]) {
    if let Some(Tree::Map(encoded)) = fields.get_mut("binaryData") {
        for value in encoded.values_mut() {
            let text = value.scalar().unwrap_or_default();
            let bytes = decode(&text).unwrap_or_else(|| text.into_bytes());
            *value = Tree::Secret(SecretHash::of(key, &bytes));
        }
    }
}

/// A text with the secrets in it hashed: of JSON by its names, of lines by theirs, and all that looks like one.
fn texts<'t>(text: &'t str, name: &str, key: &[u8; 32]) -> Cow<'t, str> {
    // Too short for a token, and nothing that could stand before a password.
    if text.len() < 16 && !text.bytes().any(|b| b":=@ <._-".contains(&b)) {
        return Cow::Borrowed(text);
    }
    let start = text.trim_start();
    if start.starts_with(['{', '['])
        && text.len() <= LONGEST_JSON
        && let Ok(json) = serde_json::from_str::<serde_json::Value>(text)
    {
        let before = Tree::from(json);
        let mut tree = before.clone();
        hide(&mut tree, name, key);
        if tree == before {
            return Cow::Borrowed(text);
        }
        return Cow::Owned(serde_json::to_string(&tree).unwrap_or_default());
    }
    match mask_text(text, key, false) {
        Cow::Borrowed(_) if encodes_secret(text, key) && !is_id(name, text) => {
            Cow::Owned(format!("{:?}", SecretHash::of(key, text.as_bytes())))
        }
        // What a token begins with, or what stands beside a secret, tells it under any name.
        Cow::Owned(_) if is_id(name, text) => mask_text(text, key, true),
        masked => masked,
    }
}

/// Whether the value `text` of this name tells one thing from others, and looks as what the name says.
fn is_id(name: &str, text: &str) -> bool {
    let words = words(name);
    let Some(last) = words.last().map(String::as_str) else {
        return false;
    };
    let bare = text.trim().trim_end_matches('=');
    let hexadecimal = |text: &str| text.bytes().all(|b| b.is_ascii_hexdigit());
    match last {
        "hash" => is_digest(bare) || has_words(bare),
        last if WORDED.contains(&last) => {
            has_words(bare) || hexadecimal(bare) && is_digest(bare) || bare.strip_prefix("0x").is_some_and(hexadecimal)
        }
        last => IDS.contains(&last),
    }
}

/// Whether words are a third of a text at least, a word being four small letters or more and the capital before them. Of random letters,
/// capitals and digits a twelfth is.
fn has_words(text: &str) -> bool {
    let runs = text.split(|c: char| !c.is_ascii_lowercase()).map(str::len);
    let letters: usize = runs.filter(|run| *run >= 4).map(|run| run + 1).sum();
    letters * 3 >= text.len()
}

/// Whether a text is base64 of one that holds a secret.
fn encodes_secret(text: &str, key: &[u8; 32]) -> bool {
    let text = text.trim();
    let digit = |b: u8| b.is_ascii_alphanumeric() || b"+/=\n".contains(&b);
    if !BASE64.contains(&text.len()) || !text.bytes().all(digit) {
        return false;
    }
    let decoded = decode(text).and_then(|bytes| String::from_utf8(bytes).ok());
    decoded.is_some_and(|inner| {
        let readable = |c: char| !c.is_control() || c.is_whitespace();
        inner.chars().all(readable) && matches!(texts(&inner, "", key), Cow::Owned(_))
    })
}

/// What a text in base64 stands for.
fn decode(text: &str) -> Option<Vec<u8>> {
    let text: String = text.split_ascii_whitespace().collect();
    base64::engine::general_purpose::STANDARD.decode(text).ok()
}
