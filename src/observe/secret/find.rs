//! Where secrets stand in a text, by their look.

use std::ops::Range;

use super::{
    command::in_commands,
    name::{harmless, names_secret, words},
};

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
const DIGESTS: [&str; 11] = [
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

/// Where secrets stand in `text`, whatever it belongs to. Ranges may overlap and come in no order.
pub(in crate::observe) fn secrets(text: &str) -> impl Iterator<Item = Range<usize>> + '_ {
    all(text, false)
}

/// The same; a text that only looks random, all of it, is none where `random` says so.
///
/// Most texts lack the signs without which a kind of secret cannot be written; they are not searched for it.
pub(super) fn all(text: &str, random: bool) -> impl Iterator<Item = Range<usize>> + '_ {
    let marks = Marks::of(text);
    let with = |any: &[u8]| if marks.any(any) { text } else { "" };
    private_keys(marks)
        .chain(sealed(marks))
        .chain(urls(with(b"@")))
        .chain(oracle(marks))
        .chain(signatures(marks))
        .chain(webhooks(marks))
        .chain(assignments(with(b"=: ")))
        .chain(tokens(text, random))
        .chain(in_commands(text))
        .chain(after_words(with(b" ")))
}

/// A text to look for marks in, and which bytes it has: a mark with another one is not in it.
#[derive(Clone, Copy)]
struct Marks<'t> {
    text: &'t str,
    there: [bool; 256],
}

impl<'t> Marks<'t> {
    fn of(text: &'t str) -> Self {
        let mut there = [false; 256];
        text.bytes().for_each(|b| there[usize::from(b)] = true);
        Self { text, there }
    }

    /// Whether any of these bytes is in the text.
    fn any(&self, any: &[u8]) -> bool {
        any.iter().any(|b| self.there[usize::from(*b)])
    }

    /// Where a mark stands in the text.
    fn each(&self, mark: &'static str) -> impl Iterator<Item = usize> + use<'t> {
        let possible = mark.bytes().all(|b| self.there[usize::from(b)]);
        let text = self.text;
        let found = possible.then(|| text.match_indices(mark).map(|(at, _)| at));
        found.into_iter().flatten()
    }
}

/// PEM private keys: from the opening line to the end of the text.
fn private_keys(marks: Marks<'_>) -> impl Iterator<Item = Range<usize>> + '_ {
    let text = marks.text;
    let found = marks.each("-----BEGIN").next();
    let found = found.filter(|at| text[*at..].contains("PRIVATE KEY"));
    found.map(|at| at..text.len()).into_iter()
}

/// What is encrypted: to the end of the text what ansible-vault, age and PGP wrote, to its bracket what sops and eyaml did
/// (`ENC[AES256_GCM,data:…]`), and words of Vault's transit engine (`vault:v1:…`). Who has the key reads it later, too.
fn sealed(marks: Marks<'_>) -> impl Iterator<Item = Range<usize>> + '_ {
    const REST: [&str; 4] = [
        "$ANSIBLE_VAULT;",
        "-----BEGIN AGE ENCRYPTED FILE-----",
        "age-encryption.org/v1",
        "-----BEGIN PGP MESSAGE-----",
    ];
    let text = marks.text;
    let rest = REST
        .iter()
        .filter_map(move |mark| marks.each(mark).next().map(|at| at..text.len()));
    let brackets = marks.each("ENC[").filter_map(move |at| {
        let start = at + "ENC[".len();
        let inner = &text[start..];
        let method = inner.split(',').next().unwrap_or_default();
        let known = !method.is_empty()
            && method.len() < inner.len()
            && method
                .bytes()
                .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
        let end = inner.find(']').map_or(text.len(), |end| start + end + 1);
        known.then_some(at..end)
    });
    let words = marks.each("vault:v").filter_map(move |at| {
        let start = at + "vault:v".len();
        let inner = &text[start..];
        let (version, _) = inner.split_once(':')?;
        let end = inner.find(|c: char| c.is_whitespace() || "\"',;".contains(c));
        let known = !version.is_empty() && version.bytes().all(|b| b.is_ascii_digit());
        known.then(|| at..end.map_or(text.len(), |end| start + end))
    });
    rest.chain(brackets).chain(words)
}

/// The password in `scheme://user:password@host`.
fn urls(text: &str) -> impl Iterator<Item = Range<usize>> + '_ {
    text.match_indices("://").filter_map(move |(at, mark)| {
        let start = at + mark.len();
        let rest = &text[start..];
        let end = rest
            .find(|c: char| c.is_whitespace() || "/?#\"'<>".contains(c))
            .unwrap_or(rest.len());
        let user = &rest[..rest[..end].rfind('@')?];
        let colon = user.find(':')?;
        (colon + 1 < user.len()).then(|| start + colon + 1..start + user.len())
    })
}

/// The password in `jdbc:oracle:thin:user/password@host`, which may stand in quotes of its own.
fn oracle(marks: Marks<'_>) -> impl Iterator<Item = Range<usize>> + '_ {
    let text = marks.text;
    marks.each("jdbc:oracle:").filter_map(move |at| {
        let rest = text[at..].split(char::is_whitespace).next()?;
        let user = &rest[..rest.find('@')?];
        let start = user.find('/')? + 1;
        let end = match rest[start..].strip_prefix('"') {
            Some(quoted) => start + 1 + quoted.find("\"@")? + 1,
            None => user.len(),
        };
        (start < end).then_some(at + start..at + end)
    })
}

/// The signature in an address that is signed: who has it may do what it was signed for. `sig` of Azure, `X-Amz-Signature` and the like.
fn signatures(marks: Marks<'_>) -> impl Iterator<Item = Range<usize>> + '_ {
    let text = marks.text;
    ["sig=", "ignature="].into_iter().flat_map(move |mark| {
        marks.each(mark).filter_map(move |at| {
            let named = text[..at].rfind(['?', '&', ';', ' ', '\n', '"', '\'']);
            let name = &text[named.filter(|sign| text[*sign..].starts_with(['?', '&', ';']))? + 1..at];
            let known = match mark {
                "sig=" => name.is_empty(),
                _ => matches!(name, "s" | "S" | "X-Amz-S" | "X-Goog-S"),
            };
            let start = at + mark.len();
            let end = text[start..].find(|c: char| c.is_whitespace() || "&;\"'`<>,)".contains(c));
            let end = end.map_or(text.len(), |len| start + len);
            (known && end - start >= 8).then_some(start..end)
        })
    })
}

/// What stands behind the address of a chat's webhook: who has it may write there.
fn webhooks(marks: Marks<'_>) -> impl Iterator<Item = Range<usize>> + '_ {
    const MARKS: [&str; 4] = [
        "hooks.slack.com/",
        "discord.com/api/webhooks/",
        "discordapp.com/api/webhooks/",
        "webhook.office.com/",
    ];
    let text = marks.text;
    MARKS.iter().flat_map(move |mark| {
        marks.each(mark).filter_map(move |at| {
            let start = at + mark.len();
            let end = text[start..].find(|c: char| c.is_whitespace() || "\"'`<>,;)".contains(c));
            let end = end.map_or(text.len(), |len| start + len);
            (end > start).then_some(start..end)
        })
    })
}

/// The password behind words that say so: `IDENTIFIED BY 'x'`, `PASSWORD 'x'` (SQL), `AUTH\ x` and `redis-cli … "AUTH x"` (Redis), and
/// what stands in a header that authorizes, whatever its scheme.
fn after_words(text: &str) -> impl Iterator<Item = Range<usize>> + '_ {
    const MARKS: [&str; 7] = [
        "by '",
        "password '",
        "by \"",
        "password \"",
        "auth\\ ",
        "auth ",
        "authorization",
    ];
    let lower = text.to_ascii_lowercase();
    let marks = Marks::of(&lower);
    let redis = marks.each("-cli").next().is_some();
    let mut found = Vec::new();
    for mark in MARKS {
        for at in marks.each(mark) {
            let start = at + mark.len();
            let (value, end) = match mark {
                "by '" | "by \"" if !lower[..at].trim_end().ends_with("identified") => continue,
                "auth " if !redis || !text[at..].starts_with("AUTH") => continue,
                "auth\\ " | "auth " => (
                    start,
                    text[start..].find(|c: char| c.is_whitespace() || "\\'\"".contains(c)),
                ),
                "authorization" => {
                    let rest = text[start..].trim_start_matches(['"', '\'']);
                    let Some(rest) = rest.strip_prefix([':', '=', ' ']) else {
                        continue;
                    };
                    let rest = rest.trim_start_matches([' ', '"', '\'']);
                    let from = text.len() - rest.len();
                    let end = rest.find(['"', '\'', '\n']).unwrap_or(rest.len());
                    // A scheme and what it takes; a single word is what the reader may as well do without.
                    let Some((scheme, secret)) = rest[..end].split_once(' ') else {
                        continue;
                    };
                    let known = ["bearer", "basic", "digest", "token", "apikey", "negotiate"];
                    if !known.contains(&scheme.to_ascii_lowercase().as_str()) {
                        continue;
                    }
                    let begin = from + scheme.len() + 1;
                    (begin, Some(secret.find(char::is_whitespace).unwrap_or(secret.len())))
                }
                _ => (start, text[start..].find(['\'', '"'])),
            };
            let end = end.map_or(text.len(), |len| value + len);
            let secret = text[value..end].trim_matches(['"', '\'']);
            if !secret.is_empty() && !secret.starts_with('$') {
                found.push(value..value + text[value..end].trim_end_matches(['"', '\'']).len());
            }
        }
    }
    found.into_iter()
}

/// The value in `password=x`, `"token": "x"`, `--api-key x`, `Authorization: Bearer x`, and a digest in `password_hash=sha256:x`.
fn assignments(text: &str) -> impl Iterator<Item = Range<usize>> + '_ {
    let name_char = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
    let mut from = 0;
    std::iter::from_fn(move || {
        while from < text.len() {
            let start = from + text[from..].find(name_char)?;
            let end = text[start..]
                .find(|c| !name_char(c))
                .map_or(text.len(), |len| start + len);
            from = end;
            let name = &text[start..end];
            let scheme = matches!(name, "Bearer" | "Basic");
            let rest = &text[end..];
            let value =
                rest.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ':' | '=' | '!'));
            let between = &rest[..rest.len() - value.len()];
            // `-token x`, as Go's programs have it.
            let option = (name.starts_with("--") || name.starts_with('-') && name.len() > 5)
                && between.starts_with(' ')
                && !value.starts_with('-');
            // What stands on the next line is told by its place.
            let here = !between.contains('\n');
            if !(here && between.contains(['=', ':']) || option || scheme && between.starts_with(' ')) {
                continue;
            }
            let named = if scheme { Some(true) } else { names_secret(&words(name)) };
            let Some(certain) = named else { continue };
            let quote = between.chars().next_back().filter(|c| matches!(c, '"' | '\''));
            let stop = |c: char| quote.map_or(c.is_whitespace() || ",;&\"'}".contains(c), |quote| c == quote);
            // `{md5}` has a bracket that ends nothing.
            let mark = DIGESTS.iter().find(|mark| value.starts_with(**mark));
            let Some(past) = mark.map(|mark| mark.len()).or(certain.then_some(0)) else {
                continue;
            };
            let value = &value[..value[past..].find(stop).map_or(value.len(), |len| past + len)];
            // `password: for user` in a sentence is told by its words, `Bearer token` has one that is long.
            if value.is_empty() || harmless(value) || scheme && value.len() < 8 {
                continue;
            }
            let value_start = end + between.len();
            from = value_start + value.len();
            return Some(value_start..from);
        }
        None
    })
}

/// Words that look like a token, a password hash or a key; the one word of a text may look random where `random` says so.
fn tokens(text: &str, random: bool) -> impl Iterator<Item = Range<usize>> + '_ {
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
fn is_digest(word: &str) -> bool {
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
