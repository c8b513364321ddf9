//! Where secrets stand in a text, by their look.

use std::{net::Ipv4Addr, ops::Range};

use super::{
    command::in_commands,
    name::{harmless, names_secret, words},
    phrase::after_words,
    quote::Quote,
    token::{DIGESTS, tokens},
};

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
pub(super) struct Marks<'t> {
    text: &'t str,
    there: [bool; 256],
}

impl<'t> Marks<'t> {
    pub(super) fn of(text: &'t str) -> Self {
        let mut there = [false; 256];
        text.bytes().for_each(|b| there[usize::from(b)] = true);
        Self { text, there }
    }

    /// Whether any of these bytes is in the text.
    fn any(&self, any: &[u8]) -> bool {
        any.iter().any(|b| self.there[usize::from(*b)])
    }

    /// Where a mark stands in the text.
    pub(super) fn each(&self, mark: &'static str) -> impl Iterator<Item = usize> + use<'t> {
        let possible = mark.bytes().all(|b| self.there[usize::from(b)]);
        let text = self.text;
        let found = possible.then(|| text.match_indices(mark).map(|(at, _)| at));
        found.into_iter().flatten()
    }
}

/// What `found` makes of each of `marks`, but of those that stand in what was found before: a text that is all marks is searched once.
pub(super) fn apart<'t>(
    marks: impl Iterator<Item = usize> + 't,
    found: impl Fn(usize) -> Option<Range<usize>> + 't,
) -> impl Iterator<Item = Range<usize>> + 't {
    let mut past = 0;
    marks.filter_map(move |at| {
        let range = if at < past { None } else { found(at) }?;
        past = range.end;
        Some(range)
    })
}

/// Private keys of PEM, from the opening line to the end of the text, and of PuTTY, from that of the private part.
fn private_keys(marks: Marks<'_>) -> impl Iterator<Item = Range<usize>> + '_ {
    let text = marks.text;
    let pem = marks.each("-----BEGIN").next();
    let pem = pem.filter(|at| text[*at..].contains("PRIVATE KEY"));
    let putty = marks.each("Private-Lines:").next();
    pem.into_iter().chain(putty).map(|at| at..text.len())
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
    let brackets = apart(marks.each("ENC["), move |at| {
        let start = at + "ENC[".len();
        let method = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
        let length = text.as_bytes()[start..].iter().take_while(|b| method(**b)).count();
        if length == 0 || !text[start + length..].starts_with(',') {
            return None;
        }
        Some(at..text[start..].find(']').map_or(text.len(), |end| start + end + 1))
    });
    let words = apart(marks.each("vault:v"), move |at| {
        let start = at + "vault:v".len();
        let version = text.as_bytes()[start..]
            .iter()
            .take_while(|b| b.is_ascii_digit())
            .count();
        if version == 0 || !text[start + version..].starts_with(':') {
            return None;
        }
        let end = text[start..].find(|c: char| c.is_whitespace() || "\"',;".contains(c));
        Some(at..end.map_or(text.len(), |end| start + end))
    });
    rest.chain(brackets).chain(words)
}

/// The password in `scheme://user:password@host`, which may have in it what an address should have written as `%40` or `%2F`.
fn urls(text: &str) -> impl Iterator<Item = Range<usize>> + '_ {
    let mut marks = text.match_indices("://").map(|(at, _)| at + 3).peekable();
    std::iter::from_fn(move || {
        let start = marks.next()?;
        // Up to the next address at most.
        let rest = &text[start..marks.peek().map_or(text.len(), |next| *next - 3)];
        // Git's own protocol knows no passwords, and its addresses are written as `git://host:path`, too.
        let scheme = text[..start - 3].rsplit(|c: char| !c.is_ascii_alphanumeric() && !"+-.".contains(c));
        let known = Some("git") != scheme.into_iter().next();
        let found = if known { password(rest) } else { None };
        Some(found.map(|range| start + range.start..start + range.end))
    })
    .flatten()
}

/// The password in what stands behind `://`: up to the last `@` before the host.
fn password(rest: &str) -> Option<Range<usize>> {
    let end = rest.find(|c: char| c.is_whitespace() || "\"'<>".contains(c));
    let whole = &rest[..end.unwrap_or(rest.len())];
    let authority = &whole[..whole.find(['/', '?', '#']).unwrap_or(whole.len())];
    let last = whole.rfind('@')?;
    let end = match authority.rfind('@') {
        // What follows is no host, as it seems, but more of the password.
        Some(at) if last > at && !is_plain_host(&authority[at + 1..]) => last,
        Some(at) => at,
        None => {
            let (name, port) = authority.split_once(':')?;
            let variable = |text: &str| text.contains(['$', '{', '<', '[', '*']);
            // `host:4873/@scope` and `host:5000/image@sha256:…` are paths on a host; behind any other a slash stands in the password.
            let path = whole[..last].ends_with('/') || whole[last..].starts_with("@sha256:");
            let path = path && port.bytes().all(|b| b.is_ascii_digit());
            // Nobody is called as this machine or as an address is: what stands behind the port is a path, whatever is in it.
            let machine = name == "localhost" || name.parse::<Ipv4Addr>().is_ok();
            let path = path || machine && port.parse::<u16>().is_ok();
            if path || name.starts_with('[') || variable(name) && variable(port) {
                return None;
            }
            last
        }
    };
    let colon = authority.split('@').next()?.find(':')?;
    (colon + 1 < end).then_some(colon + 1..end)
}

/// Whether that looks like a host and nothing else: it has a dot or a port, or is an address in brackets.
fn is_plain_host(host: &str) -> bool {
    let port = host.rsplit_once(':').map(|(_, port)| port);
    let port = port.is_some_and(|port| !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()));
    port || host == "localhost" || host.contains('.') || host.starts_with('[')
}

/// The password in `jdbc:oracle:thin:user/password@host`, which may stand in quotes of its own: up to the last `@` before the host.
fn oracle(marks: Marks<'_>) -> impl Iterator<Item = Range<usize>> + '_ {
    const MARK: &str = "jdbc:oracle:";
    let text = marks.text;
    let mut places = marks.each(MARK).peekable();
    std::iter::from_fn(move || {
        let at = places.next()?;
        let rest = &text[at..places.peek().copied().unwrap_or(text.len())];
        let found = || {
            let rest = &rest[..rest.find(char::is_whitespace).unwrap_or(rest.len())];
            let user = rest.find(['/', '@']).filter(|sign| rest[*sign..].starts_with('/'))?;
            let start = user + 1;
            let end = match rest[start..].strip_prefix('"') {
                Some(quoted) => start + 1 + quoted.find("\"@")? + 1,
                None => {
                    let end = rest[start..]
                        .find(['"', '\'', '<'])
                        .map_or(rest.len(), |len| start + len);
                    start + rest[start..end].rfind('@')?
                }
            };
            (start < end).then_some(at + start..at + end)
        };
        Some(found())
    })
    .flatten()
}

/// The signature in an address that is signed: who has it may do what it was signed for. `sig` of Azure, `X-Amz-Signature` and the like;
/// in JSON an `&` may be `\u0026`, in HTML `&amp;`.
fn signatures(marks: Marks<'_>) -> impl Iterator<Item = Range<usize>> + '_ {
    const NAMES: [&str; 5] = ["sig", "signature", "Signature", "X-Amz-Signature", "X-Goog-Signature"];
    const SIGNS: [&str; 4] = ["?", "&", ";", "\\u0026"];
    let text = marks.text;
    ["sig=", "ignature="].into_iter().flat_map(move |mark| {
        apart(marks.each(mark), move |at| {
            let start = at + mark.len();
            let before = &text[..start - 1];
            let known = NAMES.iter().filter(|name| name.ends_with(mark.trim_end_matches('=')));
            let mut before = known.filter_map(|name| before.strip_suffix(name));
            if !before.any(|before| SIGNS.iter().any(|sign| before.ends_with(sign))) {
                return None;
            }
            let end = text[start..].find(|c: char| c.is_whitespace() || "&;\"'`<>,)\\".contains(c));
            let end = end.map_or(text.len(), |len| start + len);
            (end - start >= 8).then_some(start..end)
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
        apart(marks.each(mark), move |at| {
            let start = at + mark.len();
            let end = text[start..].find(|c: char| c.is_whitespace() || "\"'`<>,;)".contains(c));
            let end = end.map_or(text.len(), |len| start + len);
            (end > start).then_some(start..end)
        })
    })
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
            let between = between(rest);
            let value = &rest[between.len()..];
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
            let quote = Quote::ends(between);
            let stop = |value: &str| match quote {
                Some(quote) => quote.close(value),
                None => value.find(|c: char| c.is_whitespace() || ",;&\"'}".contains(c)),
            };
            // `{md5}` has a bracket that ends nothing.
            let mark = DIGESTS.iter().find(|mark| value.starts_with(**mark));
            let Some(past) = mark.map(|mark| mark.len()).or(certain.then_some(0)) else {
                continue;
            };
            let value = &value[..stop(&value[past..]).map_or(value.len(), |len| past + len)];
            // `password: for user` in a sentence is told by its words, `Bearer token` has one that is long.
            if value.trim().is_empty() || harmless(value) || scheme && value.len() < 8 {
                continue;
            }
            let value_start = end + between.len();
            from = value_start + value.len();
            return Some(value_start..from);
        }
        None
    })
}

/// What stands between a name and its value at the start of `rest`: quotes that close around the name, spaces and signs (`:`, `=`, `=>`), and the
/// quote that opens the value, each with the backslashes before it.
fn between(rest: &str) -> &str {
    let quote = |text| str::trim_start_matches(text, '\\').strip_prefix(['"', '\'']);
    let mut value = rest;
    while let Some(behind) = quote(value) {
        value = behind;
    }
    loop {
        value = value.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, ':' | '=' | '!'));
        let before = &rest[..rest.len() - value.len()];
        match value.strip_prefix('>').filter(|_| before.ends_with('=')) {
            Some(behind) => value = behind,
            None => break,
        }
    }
    if let Some(opened) = quote(value) {
        let twin = ["\"\"", "''"].iter().find_map(|twin| value.strip_prefix(twin));
        // `""x""`, as in a cell of CSV; else `""` is an empty value.
        let twin =
            twin.filter(|behind| behind.starts_with(|c: char| !c.is_whitespace() && !"\"'\\,;&)]}>".contains(c)));
        // `"password: " "x"`: a text that ends before its value.
        let next = quote(opened.trim_start()).filter(|_| opened.starts_with(char::is_whitespace));
        value = twin.or(next).unwrap_or(opened);
    }
    &rest[..rest.len() - value.len()]
}
