//! Where secrets stand in a text by their place: behind a name on its line, below it, beside it, between its tags.

use std::ops::Range;

use super::{directive::secret_by_directive, is_secret, is_secret_line, is_secret_variable};

/// A value that is a secret wherever one may stand: asks of a name alone.
const ANY: &str = "Xy7-any-value";
/// Longest name, bytes.
const LONGEST_NAME: usize = 80;
/// What stands at the name and at the value of a pair that is written as two fields.
const NAMES: [&str; 8] = [
    "name",
    "key",
    "Name",
    "Key",
    "option",
    "variable",
    "parameter",
    "ParameterKey",
];
const VALUES: [&str; 4] = ["value", "Value", "default", "ParameterValue"];

/// Whether a field holds the name, or the value, of a pair.
pub(in crate::observe) fn is_name_field(field: &str) -> bool {
    NAMES.contains(&field)
}

/// See [`is_name_field`].
pub(in crate::observe) fn is_value_field(field: &str) -> bool {
    VALUES.contains(&field)
}

/// Where secrets stand in `text` by their place, in no order; of a `file` a single line counts as a directive, too, and not as a sentence.
pub(super) fn in_places(text: &str, file: bool) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    if text.contains("</") || text.contains("/>") {
        tags(text, &mut found);
    }
    if text.contains("login") {
        netrc(text, &mut found);
    }
    lines(text, file || text.contains('\n'), &mut found);
    found
}

/// A name whose value stands on the lines below it.
struct Below<'t> {
    name: &'t str,
    indent: usize,
    /// Whether all that is indented deeper is one text.
    block: bool,
    held: Option<Range<usize>>,
}

/// What lines give: `name = value`, `name: value`, `name value`, `- name: x` before `value: y`, and YAML's texts over several lines.
fn lines(text: &str, directives: bool, found: &mut Vec<Range<usize>>) {
    // The name of a pair, with the column it stands at: its value stands no further left, and in the same item.
    let mut named: Option<(&str, usize)> = None;
    let mut below: Option<Below<'_>> = None;
    let mut at = 0;
    for whole in text.split_inclusive('\n') {
        let start = at;
        at += whole.len();
        let line = whole.trim_end();
        let trimmed = line.trim_start();
        let indent = line.len() - trimmed.len();
        if trimmed.is_empty() {
            continue;
        }
        if let Some(open) = &mut below {
            let item = trimmed.strip_prefix("- ").map(str::trim_start);
            if indent > open.indent || indent == open.indent && item.is_some() && !open.block {
                let bare = item.unwrap_or(trimmed);
                let place = start + line.len() - bare.len();
                if open.block {
                    let first = open.held.as_ref().map_or(place, |held| held.start);
                    open.held = Some(first..start + line.len());
                    continue;
                }
                if !bare.contains(": ") && !bare.ends_with(':') && is_secret(open.name, bare) {
                    found.push(place..start + line.len());
                    continue;
                }
            }
            found.extend(below.take().and_then(|open| open.held));
        }
        let column = indent + trimmed.len() - trimmed.trim_start_matches("- ").len();
        let ends = |at: usize| column < at || column == at && (column > indent || trimmed.starts_with('['));
        named = named.filter(|(_, at)| !ends(*at));
        let pair = pair(trimmed);
        if let Some((name, value)) = pair {
            let place = start + indent + offset(trimmed, value);
            let secret = |value: &str| {
                let of = named.filter(|_| is_value_field(name));
                is_secret(name, value) || of.is_some_and(|(of, _)| is_secret_variable(of, value))
            };
            match form(value) {
                Form::Below { block } if secret(ANY) => {
                    below = Some(Below {
                        name,
                        indent: column,
                        block,
                        held: None,
                    });
                    continue;
                }
                Form::Plain(bare) if secret(bare) => {
                    let from = place + offset(value, bare);
                    found.push(from..from + bare.len());
                    continue;
                }
                Form::Other if value.starts_with('[') => {
                    for word in value.split(['[', ',', ']']) {
                        let word = word.trim().trim_matches(['"', '\'']);
                        if !word.is_empty() && secret(word) {
                            let from = place + offset(value, word);
                            found.push(from..from + word.len());
                        }
                    }
                }
                Form::Plain(bare) if is_name_field(name) => named = Some((bare, column)),
                _ => {}
            }
        }
        let item = trimmed.trim_start_matches("- ");
        if let Some((name, rest)) = item.split_once(char::is_whitespace)
            && !rest.trim().is_empty()
            && gives(item, name, rest.trim(), directives, pair.is_some())
        {
            let end = start + line.len();
            found.push(end - rest.trim().len()..end);
        }
    }
    found.extend(below.and_then(|open| open.held));
}

/// Whether the directive `name` of `line` gives a secret with `rest`. In a text that is no file, a line that begins with a word of the
/// language (`Password reset`) is a sentence.
fn gives(line: &str, name: &str, rest: &str, directives: bool, pair: bool) -> bool {
    if !directives {
        let spoken = [
            "password",
            "token",
            "secret",
            "cookie",
            "community",
            "pass",
            "credentials",
            "bearer",
        ];
        let sentence =
            spoken.iter().any(|word| name.eq_ignore_ascii_case(word)) && !rest.bytes().any(|b| b.is_ascii_digit());
        let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b));
        return plain && !pair && !sentence && !rest.contains(char::is_whitespace) && is_secret(name, rest)
            || secret_by_directive(name, rest);
    }
    // What is a pair was judged as one, unless its sign belongs to the value.
    !(rest.starts_with([':', '=']) || pair && name.ends_with([':', '='])) && is_secret_line(line)
}

/// The name and the value of a line of `name = value`, `name: value`, `'name' => value`, `define('name', value)`.
fn pair(line: &str) -> Option<(&str, &str)> {
    if let Some(rest) = line.strip_prefix("define(") {
        return rest
            .split_once(',')
            .map(|(name, value)| (bare(name), value.trim_end_matches([')', ';'])));
    }
    let cut = line.find(['=', ':'])?;
    let name = line[..cut].trim();
    let name = name
        .trim_start_matches("- ")
        .trim_start_matches("export ")
        .trim_start_matches(['?', '+']);
    let mut value = &line[cut + 1..];
    for sign in ['=', '>'] {
        // `:=`, `=>`, but not YAML's `: >`.
        value = value.strip_prefix(sign).unwrap_or(value);
    }
    (!name.is_empty() && name.len() <= LONGEST_NAME).then(|| (bare(name), value))
}

/// Where `part` of `whole` begins in it.
fn offset(whole: &str, part: &str) -> usize {
    part.as_ptr().addr() - whole.as_ptr().addr()
}

fn bare(text: &str) -> &str {
    text.trim().trim_matches(['"', '\''])
}

/// How a value is written.
enum Form<'t> {
    /// On the lines below; as one text, or each by itself.
    Below { block: bool },
    /// On the line itself.
    Plain(&'t str),
    /// It refers to elsewhere, or is a map or list.
    Other,
}

fn form(value: &str) -> Form<'_> {
    let mut text = value.trim().trim_end_matches([',', ';']).trim_end();
    // A tag or an anchor of YAML before the value.
    while text.starts_with(['!', '&'])
        && let Some((mark, rest)) = text.split_once(' ')
        && mark.len() > 1
    {
        text = rest.trim_start();
    }
    let indicator = text.split(" #").next().unwrap_or_default().trim_end();
    if let Some(rest) = indicator.strip_prefix(['|', '>'])
        && rest.bytes().all(|b| b.is_ascii_digit() || b"+-".contains(&b))
    {
        return Form::Below { block: true };
    }
    if indicator.is_empty() || indicator == "\\" {
        return Form::Below { block: false };
    }
    let refers = text.strip_prefix('$').is_some_and(|rest| {
        rest.starts_with(['{', '('])
            || rest
                .bytes()
                .all(|b| b.is_ascii_uppercase() || b == b'_' || b.is_ascii_digit())
    });
    let alias = text
        .strip_prefix('*')
        .is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b)));
    let text = bare(text);
    if text.is_empty() || refers || alias || text.starts_with(['{', '[']) {
        return Form::Other;
    }
    Form::Plain(text)
}

/// What stands between and in the tags of XML: `<password>x</password>`, `<name>password</name> <value>x</value>`, `<entry
/// key="password">x</entry>`, `<add key="password" value="x"/>`.
fn tags(text: &str, found: &mut Vec<Range<usize>>) {
    // The text of a name's element, and how deep in others that stands.
    let (mut named, mut deep): (Option<(String, usize)>, usize) = (None, 0);
    for (at, _) in text.match_indices('<') {
        let inner = &text[at + 1..];
        let Some(end) = inner.find(['<', '>']) else { break };
        if inner[end..].starts_with('<') {
            continue;
        }
        let inside = &inner[..end];
        if inside.starts_with('/') {
            deep = deep.saturating_sub(1);
            named = named.filter(|(_, of)| deep + 1 >= *of);
        }
        let name = inside
            .split(|c: char| c.is_whitespace() || c == '/')
            .next()
            .unwrap_or_default();
        if !name.starts_with(|c: char| c.is_alphabetic()) {
            continue;
        }
        let attributes = attributes(text, at + 1 + name.len()..at + 1 + end);
        let name = name.rsplit(':').next().unwrap_or(name);
        let of = |field: fn(&str) -> bool| attributes.iter().find(|(name, _)| field(name));
        let key = of(is_name_field).map(|(_, range)| text[range.clone()].to_owned());
        for (attribute, range) in &attributes {
            let value = &text[range.clone()];
            let paired = is_value_field(attribute) && key.as_deref().is_some_and(|key| is_secret_variable(key, value));
            if !value.is_empty() && (paired || is_secret(attribute, value)) {
                found.push(range.clone());
            }
        }
        if inside.ends_with('/') {
            continue;
        }
        deep += 1;
        let from = at + 1 + end + 1;
        let mut content = from..text[from..].find('<').map_or(text.len(), |len| from + len);
        if let Some(data) = text[content.end..].strip_prefix("<![CDATA[") {
            let from = content.end + 9;
            // One that does not close ends with the next at the latest.
            let data = &data[..data.find("<![CDATA[").unwrap_or(data.len())];
            content = from..from + data.find("]]>").unwrap_or(data.len());
        }
        let value = text[content.clone()].trim();
        if value.is_empty() {
            continue;
        }
        let by = key.as_deref().or(named
            .as_ref()
            .filter(|_| is_value_field(name))
            .map(|(of, _)| of.as_str()));
        if is_secret(name, value) || by.is_some_and(|by| is_secret_variable(by, value)) {
            let from = offset(text, value);
            found.push(from..from + value.len());
        }
        if is_name_field(name) {
            named = Some((value.to_owned(), deep));
        }
    }
}

/// The attributes in the part `range` of `text`, and where their values stand.
fn attributes(text: &str, range: Range<usize>) -> Vec<(&str, Range<usize>)> {
    let part = &text[range.clone()];
    let (mut all, mut from) = (Vec::new(), 0);
    while let Some(sign) = part[from..].find('=').map(|at| from + at) {
        let name = part[from..sign]
            .trim_end()
            .rsplit(|c: char| c.is_whitespace())
            .next()
            .unwrap_or_default();
        let rest = part[sign + 1..].trim_start();
        let open = part.len() - rest.len();
        let Some(quote @ ('"' | '\'')) = rest.chars().next() else {
            break;
        };
        let Some(len) = rest[1..].find(quote) else { break };
        let start = range.start + open + 1;
        all.push((name.rsplit(':').next().unwrap_or(name), start..start + len));
        from = open + len + 2;
    }
    all
}

/// The passwords of `.netrc`: `machine h login u password x`, on one line or on several.
fn netrc(text: &str, found: &mut Vec<Range<usize>>) {
    // Words since the machine was named, and whether its login was.
    let (mut machine, mut login): (Option<usize>, bool) = (None, false);
    let mut password = false;
    for word in text.split_ascii_whitespace() {
        let place = offset(text, word);
        if password {
            found.push(place..place + word.len());
            password = false;
            continue;
        }
        match word {
            "machine" | "default" => (machine, login) = (Some(0), false),
            "login" => login = machine.is_some_and(|words| words <= 3),
            "password" | "account" => password = login && machine.is_some_and(|words| words <= 6),
            _ => {}
        }
        machine = machine.map(|words| words + 1);
    }
}

#[cfg(test)]
mod tests {
    use crate::observe::secret::{holds_secret_in_places, mask_places, mask_text};

    const KEY: [u8; 32] = [7; 32];

    #[test]
    fn secrets_of_a_file_are_told_by_their_place() {
        for text in [
            "<a>\n  <password>hunter2</password>\n</a>\n",
            "<a><password><![CDATA[hunter2]]></password></a>",
            "<property>\n<name>db.password</name>\n<value>hunter2</value>\n</property>\n",
            "<entry key=\"db.password\">hunter2</entry>\n",
            "<add value='hunter2' key='DbPassword'/>\n",
            "machine h login u password hunter2\n",
            "machine h\nlogin u\npassword hunter2\n",
            "password: >-\n  hunter2\nb: 1\n",
            "a:\n  password: |\n    x\n    hunter2\n",
            "password:\n  hunter2\n",
            "- tokens:\n  - hunter2\n",
            "listen 80\nrequirepass hunter2\n",
            "listen 80\nAUTH=hunter2\n",
            "define('DB_PASSWORD', 'hunter2');\n",
            "'password' => 'hunter2',\n",
            "- name: DB_PASS\n  value: hunter2\n",
        ] {
            assert!(holds_secret_in_places(text), "{text}");
            let clean = mask_places(text, &KEY);
            assert!(!clean.contains("hunter2") && clean.contains("secret#"), "{clean}");
            assert!(!mask_text(text, &KEY, false).contains("hunter2"), "{text}");
        }
        for text in [
            "<a>\n  <port>80</port>\n</a>\n",
            "the machine where you login has a password\n",
            "password:\n  secretKeyRef:\n    name: a\n",
            "auth:\n- basic\nb: 1\n",
            "password: ${DB_PASSWORD}\n",
            "",
        ] {
            assert_eq!(mask_places(text, &KEY), text);
        }
    }
}
