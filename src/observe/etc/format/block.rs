//! Files of statements in blocks: nginx, HAProxy, the Apache HTTP server, chrony and the like.

use super::{Pair, lines};

/// Blocks in blocks deeper than this are no configuration.
const DEEPEST: usize = 32;
/// Directives of nginx that name the block they stand in.
const NAMES: [&str; 2] = ["server_name", "listen"];

/// The words and signs of a file in nginx's format.
enum Token {
    Word(String),
    Open,
    Close,
    End,
}

fn tokens(text: &str) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '#' => while chars.next().is_some_and(|c| c != '\n') {},
            '{' => tokens.push(Token::Open),
            '}' => tokens.push(Token::Close),
            ';' => tokens.push(Token::End),
            '"' | '\'' => {
                let mut word = String::new();
                loop {
                    match chars.next()? {
                        '\\' => word.extend(chars.next()),
                        end if end == c => break,
                        other => word.push(other),
                    }
                }
                tokens.push(Token::Word(word));
            }
            c if c.is_whitespace() => {}
            c => {
                let mut word = String::from(c);
                // `${name}` within a word is a variable and no block.
                while let Some(next) = chars.next_if(|next| !next.is_whitespace() && !matches!(next, ';' | '}')) {
                    if next == '{' && !word.ends_with('$') {
                        tokens.push(Token::Word(std::mem::take(&mut word)));
                        tokens.push(Token::Open);
                        break;
                    }
                    word.push(next);
                    if next == '{' {
                        while let Some(inner) = chars.next_if(|inner| *inner != '\n') {
                            word.push(inner);
                            if inner == '}' {
                                break;
                            }
                        }
                    }
                }
                if !word.is_empty() {
                    tokens.push(Token::Word(word));
                }
            }
        }
    }
    Some(tokens)
}

/// One statement: its words, and what stands in its block if it has one.
struct Statement {
    words: Vec<String>,
    block: Option<Vec<Statement>>,
}

fn statements(tokens: &mut std::vec::IntoIter<Token>, deep: usize) -> Option<Vec<Statement>> {
    let mut found = Vec::new();
    let mut words = Vec::new();
    loop {
        let block = match tokens.next() {
            Some(Token::Word(word)) => {
                words.push(word);
                continue;
            }
            Some(Token::End) => None,
            Some(Token::Open) if deep < DEEPEST => Some(statements(tokens, deep + 1)?),
            Some(Token::Open) => return None,
            Some(Token::Close) => return (deep > 0 && words.is_empty()).then_some(found),
            None => return (deep == 0 && words.is_empty()).then_some(found),
        };
        if words.is_empty() && block.is_none() {
            continue;
        }
        found.push(Statement {
            words: std::mem::take(&mut words),
            block,
        });
    }
}

/// nginx's format: `directive words;` and `block words { … }`. Tables of characters and of media types are no settings.
pub(super) fn nginx(text: &str) -> Option<Vec<Pair>> {
    let all = statements(&mut tokens(text)?.into_iter(), 0)?;
    let table = |statement: &Statement| {
        matches!(
            statement.words.first().map(String::as_str),
            Some("charset_map" | "types")
        )
    };
    if all.iter().any(table) {
        return None;
    }
    let mut found = Vec::new();
    put(&all, "", &mut found);
    (!found.is_empty()).then_some(found)
}

fn put(statements: &[Statement], path: &str, found: &mut Vec<Pair>) {
    for statement in statements {
        let Some((name, rest)) = statement.words.split_first() else {
            continue;
        };
        match &statement.block {
            None => found.push((format!("{path}{name}"), rest.join(" "))),
            Some(block) => {
                let mut called = rest.join(" ");
                if called.is_empty() {
                    // Servers are told apart by what they answer to.
                    let own = block.iter().filter(|inner| {
                        inner.block.is_none() && inner.words.first().is_some_and(|word| NAMES.contains(&word.as_str()))
                    });
                    called = own
                        .map(|inner| inner.words[1..].join(" "))
                        .collect::<Vec<_>>()
                        .join(" ");
                }
                let own = if called.is_empty() {
                    format!("{path}{name}.")
                } else {
                    format!("{path}{name}[{called}].")
                };
                put(block, &own, found);
            }
        }
    }
}

/// HAProxy's format: a section's name begins a line of its own, what belongs to it follows.
pub(super) fn haproxy(text: &str) -> Option<Vec<Pair>> {
    const SECTIONS: [&str; 14] = [
        "global",
        "defaults",
        "frontend",
        "backend",
        "listen",
        "peers",
        "resolvers",
        "userlist",
        "mailers",
        "program",
        "cache",
        "http-errors",
        "ring",
        "crt-store",
    ];
    // These are several of one kind, each with a name of its own behind the word.
    const NAMED: [&str; 6] = ["server", "bind", "acl", "timeout", "option", "user"];
    let mut section = String::new();
    let mut found = Vec::new();
    for line in lines(text) {
        let line = line.split(" #").next().unwrap_or_default().trim_end();
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let Some((first, rest)) = words.split_first() else {
            continue;
        };
        if SECTIONS.contains(first) {
            section = words.join(" ");
        } else if section.is_empty() {
            return None;
        } else if let [name, rest @ ..] = rest
            && NAMED.contains(first)
        {
            found.push((format!("{section}.{first} {name}"), rest.join(" ")));
        } else {
            found.push((format!("{section}.{first}"), rest.join(" ")));
        }
    }
    Some(found)
}

/// The format of the Apache HTTP server: `<Section words>` … `</Section>` around `Directive words`.
pub(super) fn apache(text: &str) -> Option<Vec<Pair>> {
    let mut path: Vec<String> = Vec::new();
    let mut found = Vec::new();
    for line in lines(text) {
        if line.starts_with("</") {
            path.pop()?;
        } else if let Some(inner) = line.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')) {
            path.push(inner.trim().to_owned());
            if path.len() > DEEPEST {
                return None;
            }
        } else {
            let (name, rest) = line.split_once(char::is_whitespace).unwrap_or((&line, ""));
            let full: Vec<&str> = path.iter().map(String::as_str).chain([name]).collect();
            found.push((full.join("."), rest.trim().to_owned()));
        }
    }
    path.is_empty().then_some(found)
}
