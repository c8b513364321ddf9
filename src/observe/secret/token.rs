//! Words that look like a token, a password hash or a key.

use std::ops::Range;

/// Beginnings that only tokens of well-known issuers have.
const TOKEN_STARTS: [&str; 33] = [
    "AGE-SECRET-KEY-",
    "AKIA",
    "ASIA",
    "ghp_",
    "gho_",
    "ghs_",
    "ghu_",
    "github_pat_",
    "glpat-",
    "xoxb-",
    "xoxp-",
    "xoxa-",
    "sk_live_",
    "sk-",
    "AIza",
    "hvs.",
    "npm_",
    "SG.",
    "dckr_pat_",
    "dop_v1_",
    "glrt-",
    "glptt-",
    "glsa_",
    "GOCSPX-",
    "NRAK-",
    "hvb.",
    "pypi-",
    "rk_live_",
    "shpat_",
    "sk_test_",
    "whsec_",
    "xoxe-",
    "ya29.",
];
/// Beginnings of password hashes, crypt(5).
const CRYPT_STARTS: [&str; 12] = [
    "$1$", "$5$", "$6$", "$y$", "$gy$", "$7$", "$2a$", "$2b$", "$2y$", "$argon2", "$apr1$", "$pbkdf2",
];

/// What a digest of a content begins with: it says what the content is, and tells nobody how to make it.
pub(super) const DIGESTS: [&str; 11] = [
    "sha1:",
    "sha224:",
    "sha256:",
    "sha384:",
    "sha512:",
    "SHA256:",
    "md5:",
    "{md5}",
    "{sha1}",
    "{sha256}",
    "{sha256lite}",
];

/// Words that look like a token, a password hash or a key; the one word of a text may look random where `random` says so.
pub(super) fn tokens(text: &str, random: bool) -> impl Iterator<Item = Range<usize>> + '_ {
    let parts = |c: char| {
        let sign = "\"'`,;=:|<>(){}[]@&?";
        !c.is_ascii_alphanumeric() && (c.is_whitespace() || sign.contains(c))
    };
    let mut from = 0;
    std::iter::from_fn(move || {
        while from < text.len() {
            let rest = &text[from..];
            let end = rest.find(parts).unwrap_or(rest.len());
            let (start, word) = (from, &rest[..end]);
            from += end + rest[end..].chars().next().map_or(0, char::len_utf8);
            if word.len() > 12 && word.starts_with('$') && CRYPT_STARTS.iter().any(|hash| word.starts_with(hash)) {
                // A crypt hash has `=` and `,` in its middle.
                let whole = text[start..]
                    .find(|c: char| c.is_whitespace() || c == ':')
                    .map_or(text.len(), |len| start + len);
                from = whole;
                return Some(start..whole);
            }
            if is_token(word) && !(is_digest(word) && marks_digest(&text[..start])) {
                // The padding of base64 stands behind the cut.
                let padding = text[start + word.len()..].bytes().take_while(|b| *b == b'=').count();
                let found = start..start + word.len() + padding;
                if random && found == (0..text.len()) && !is_issued(word) {
                    continue;
                }
                return Some(found);
            }
        }
        None
    })
}

/// Whether what ends so says that a digest follows; `hmac-sha256:` and `ssha256:` say that a secret went into it.
fn marks_digest(before: &str) -> bool {
    let ends = |mark: &&str| before.strip_suffix(*mark);
    let mut befores = DIGESTS.iter().filter_map(ends);
    befores.any(|before| !before.ends_with(|c: char| c.is_alphanumeric() || matches!(c, '-' | '_')))
}

/// Whether a word has the length of a digest from MD5 to SHA-512, in hexadecimal digits or in base64 without its padding.
pub(in crate::observe) fn is_digest(word: &str) -> bool {
    let base64 = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/');
    match word.len() {
        32 | 40 | 56 | 96 | 128 => word.bytes().all(|b| b.is_ascii_hexdigit()),
        22 | 27 | 38 | 43 | 64 | 86 => word.bytes().all(base64),
        _ => false,
    }
}

/// Whether a word is a token, by its beginning or because it is random.
fn is_token(word: &str) -> bool {
    if is_issued(word) {
        return true;
    }
    if word.len() < 16 {
        return false;
    }
    if word.starts_with(['/', '.', '~', '%', '$']) || word.as_bytes().windows(2).any(|two| two == b"/.") {
        return word.split('/').any(is_random);
    }
    is_random(word)
}

/// Whether a word begins as the tokens of a well-known issuer do.
fn is_issued(word: &str) -> bool {
    let has = |of: fn(&u8) -> bool| word.bytes().any(|b| of(&b));
    let first = word.bytes().next();
    // The first letter tells nearly all words from a token.
    let mut starts = (TOKEN_STARTS.iter()).filter(|start| start.bytes().next() == first && word.starts_with(**start));
    if word.len() < 16 {
        // A short one must look like nothing else: `pypi-mirror-2` is a name.
        let rest = starts.next().map(|start| &word[start.len()..]);
        return rest.is_some_and(|rest| {
            let of = |of: fn(&u8) -> bool| rest.bytes().any(|b| of(&b));
            let mixed = of(u8::is_ascii_digit) && of(u8::is_ascii_uppercase) && of(u8::is_ascii_lowercase);
            rest.len() >= 5 && mixed && rest.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b))
        });
    }
    // `sk-ecdsa-sha2-nistp256` is an algorithm of OpenSSH.
    let named = ["sk-", "pypi-"].iter().any(|start| word.starts_with(start));
    let algorithm = named && !has(u8::is_ascii_uppercase);
    let issued = starts.next().is_some() && !algorithm;
    let plain = || word.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b));
    if issued && plain() && has(u8::is_ascii_digit) {
        return true;
    }
    // A JSON web token: two JSON objects in base64 begin with `{"`.
    word.starts_with("eyJ") && word[3..].contains(".eyJ")
}

/// Whether a word is long and random: 32 or more hexadecimal digits, or base64 with capitals, small letters and digits mixed and an
/// entropy (Shannon 1948) that words of a language do not have.
fn is_random(word: &str) -> bool {
    if word.len() < 24 {
        return false;
    }
    if is_uuid(word) {
        return false;
    }
    if word.len() >= 32 && word.bytes().all(|b| b.is_ascii_hexdigit()) {
        return entropy(word) > 3.0;
    }
    let has = |of: fn(&u8) -> bool| word.as_bytes().iter().filter(|b| of(b)).count();
    let in_alphabet = word.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/_-".contains(&b));
    let (digits, small, capital) = (
        has(u8::is_ascii_digit),
        has(u8::is_ascii_lowercase),
        has(u8::is_ascii_uppercase),
    );
    in_alphabet && digits >= 1 && small >= 3 && capital >= 3 && switches(word) * 3 >= word.len() && entropy(word) > 3.7
}

/// Machine, disk and partition ids: 8-4-4-4-12 hexadecimal digits.
fn is_uuid(word: &str) -> bool {
    word.split('-').map(str::len).eq([8, 4, 4, 4, 12]) && word.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-')
}

/// How often the kind of character changes; random text does so at every second place, names rarely.
fn switches(word: &str) -> usize {
    let kind = |b: u8| match b {
        b'a'..=b'z' => 0,
        b'A'..=b'Z' => 1,
        b'0'..=b'9' => 2,
        _ => 3,
    };
    word.as_bytes()
        .windows(2)
        .filter(|pair| kind(pair[0]) != kind(pair[1]))
        .count()
}

/// Bits a character.
fn entropy(word: &str) -> f64 {
    let mut counts = [0u32; 256];
    for b in word.bytes() {
        counts[usize::from(b)] += 1;
    }
    let total = word.len() as f64;
    counts
        .iter()
        .filter(|count| **count > 0)
        .map(|count| {
            let p = f64::from(*count) / total;
            -p * p.log2()
        })
        .sum()
}
