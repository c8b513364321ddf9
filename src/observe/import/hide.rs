//! Secrets of what is imported: they become keyed hashes before anything else sees them.

use std::{borrow::Cow, collections::BTreeMap};

use base64::Engine as _;

use crate::{
    domain::{SecretHash, Tree},
    observe::secret::{ends_in_secret, is_name_field, is_secret, is_secret_variable, is_value_field, mask, mask_text},
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

/// Last words of names whose value tells one thing from others and only looks random.
const IDS: [&str; 26] = [
    "revision",
    "targetRevision",
    "commit",
    "sha",
    "sha1",
    "sha256",
    "md5",
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
    "name",
    "path",
    "address",
    "hash",
    "imageID",
    "containerID",
    "self_link",
    "resource",
];

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

/// Replaces what is marked, `true` at any place of `marks`, by hashes.
pub(super) fn conceal_marked(tree: &mut Tree, marks: &Tree, key: &[u8; 32]) {
    match (tree, marks) {
        (tree, Tree::Bool(true)) => conceal(tree, key),
        (Tree::Map(fields), Tree::Map(marks)) => {
            for (name, marks) in marks {
                if let Some(value) = fields.get_mut(name) {
                    conceal_marked(value, marks, key);
                }
            }
        }
        (Tree::List(items), Tree::List(marks)) => {
            for (item, marks) in items.iter_mut().zip(marks) {
                conceal_marked(item, marks, key);
            }
        }
        _ => {}
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
    let id = IDS
        .iter()
        .any(|id| name.bytes().next_back() == id.bytes().next_back() && name.ends_with(id));
    match mask_text(text, key, id) {
        Cow::Borrowed(_) if !id && encodes_secret(text, key) => {
            Cow::Owned(format!("{:?}", SecretHash::of(key, text.as_bytes())))
        }
        masked => masked,
    }
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const KEY: [u8; 32] = [7; 32];

    fn hidden(json: serde_json::Value) -> String {
        let mut tree = Tree::from(json);
        hide(&mut tree, "", &KEY);
        serde_json::to_string(&tree).unwrap()
    }

    #[test]
    fn no_secret_is_seen_again() {
        for json in [
            json!({"password": "hunter2x"}),
            json!({"password": 12_345_678}),
            json!({"env": [{"name": "API_TOKEN", "value": "hunter2x"}]}),
            json!({"parameters": [{"key": "dbPassword", "value": "hunter2x"}]}),
            json!({"args": ["--user", "app", "--password", "hunter2x"]}),
            json!({"args": ["--password=hunter2x"]}),
            json!({"url": "postgres://app:hunter2x@db/prod"}),
            json!({"dsn": "Server=db;User Id=app;Password=hunter2x;"}),
            json!({"app.properties": "level=info\ndb.password=hunter2x\n"}),
            json!({"values.yaml": "db:\n  password: \"hunter2x\"\nenv:\n  - name: SMTP_PASSWORD\n    value: hunter2x\n"}),
            json!({"container_definitions": "[{\"environment\":[{\"name\":\"DB_PASSWORD\",\"value\":\"hunter2x\"}]}]"}),
            json!({"containers": [{"env": [{"name": "DB_PASS", "value": "hunter2x"}, {"name": "LDAP_BINDPW", "value": "hunter2x"},
                {"name": "ENCRYPTION_KEY", "value": "hunter2x"}, {"name": "AccountKey", "value": "hunter2x"},
                {"name": "psk", "value": "hunter2x"}, {"name": "rootpw", "value": "hunter2x"}, {"name": "PWD", "value": "hunter2x"},
                {"name": "AUTH", "value": "hunter2x"}, {"name": "SALT", "value": "hunter2x"}, {"name": "PIN", "value": 12_345_678}]}]}),
            json!({"container_definitions": "[{\"environment\":[{\"name\":\"SMTP_PWD\",\"value\":\"hunter2x\"}]}]"}),
            json!({"redis.conf": "port 6379\nrequirepass hunter2x\n"}),
            json!({"web.config": "<configuration><password>hunter2x</password></configuration>"}),
            json!({"core-site.xml": "<property>\n<name>db.password</name>\n<value>hunter2x</value>\n</property>"}),
            json!({"app.config": "<add key=\"ApiPassword\" value=\"hunter2x\"/>"}),
            json!({"netrc": "machine h login u password hunter2x"}),
            json!({"netrc": "machine h\n  login u\n  password hunter2x\n"}),
            json!({"values.yaml": "a: 1\npassword: >-\n  hunter2x\n  hunter2x\nb: 2\n"}),
            json!({"values.yaml": "db:\n  passwords:\n  - hunter2x\n"}),
            json!({"config.json": "{\"auths\":{\"r\":{\"auth\":\"dTpodW50ZXIyeA==hunter2x\"}}}"}),
            json!({"wp-config.php": "define('DB_NAME', 'a');\ndefine('DB_PASSWORD', 'hunter2x');\n"}),
            json!({"settings.php": "  'password' => 'hunter2x',\n  'host' => 'a',\n"}),
            json!({"command": ["redis-cli", "-a", "hunter2x", "ping"]}),
            json!({"vault": "$ANSIBLE_VAULT;1.1;AES256\nhunter2x"}),
            json!({"sops": "ENC[AES256_GCM,data:hunter2x,iv:a,tag:b,type:str]"}),
            json!({"key": "-----BEGIN RSA PRIVATE KEY-----\nhunter2x\n-----END RSA PRIVATE KEY-----"}),
        ] {
            let shown = hidden(json.clone());
            assert!(
                !shown.contains("hunter2x") && !shown.contains("12345678"),
                "{json} shows as {shown}"
            );
            assert!(shown.contains("secret#"), "{json} shows as {shown}");
        }
    }

    #[test]
    fn what_is_no_secret_stays_readable() {
        for json in [
            json!({"image": "nginx@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"}),
            json!({"targetRevision": "8f14e45fceea167a5a36dedd4bea2543c1d2e3f4"}),
            json!({"content": "{md5}6d0007e52f7afb7d5a0650b0ffb8a4d1"}),
            json!({"secretName": "shop-tls", "secretKeyRef": {"name": "shop-db", "key": "password"}}),
            json!({"tokenExpirationSeconds": 3600, "automountServiceAccountToken": false}),
            json!({"a": "level=info\npool.size=20\n"}),
            json!({"publicKey": "ssh-ed25519 AAAAC3NzaC1lZDI1 a@b", "keyName": "k", "key": "tls.crt", "authentication": "oauth2"}),
            json!({"env": [{"name": "TOKEN_TTL", "value": 3600}, {"name": "PASSWORD_LOGIN", "value": "false"}]}),
            json!({"auth": {"type": "basic"}, "pin": 17, "webhook": "mutating", "tokens": 4096, "PWD": "/srv/app"}),
            json!({"app.yaml": "auth:\n  - basic\nsecretName: a\npassword:\n  secretKeyRef:\n    name: a\n"}),
            json!({"page.xml": "<config>\n<port>80</port>\n<name>web</name>\n</config>"}),
        ] {
            assert_eq!(hidden(json.clone()), json.to_string());
        }
    }

    #[test]
    fn two_states_are_hidden_as_each_by_itself() {
        for (before, after) in [
            (
                json!({"a": {"password": "x1", "b": 1}, "c": [1]}),
                json!({"a": {"password": "x1", "b": 2}, "c": [1]}),
            ),
            (
                json!({"env": [{"name": "PORT", "value": "hunter2x"}]}),
                json!({"env": [{"name": "API_TOKEN", "value": "hunter2x"}]}),
            ),
            (
                json!({"name": "DB_PASS", "value": "hunter2x"}),
                json!({"name": "DB_PASS", "value": "other"}),
            ),
            (
                json!({"args": ["--password", "hunter2x"]}),
                json!({"args": ["--user", "hunter2x"]}),
            ),
            (
                json!({"args": ["a", {"token": "x"}]}),
                json!({"args": [{"token": "x"}, {"token": "y"}]}),
            ),
            (
                json!({"only": {"secret": "x"}}),
                json!({"other": {"secret": "x"}, "ghp_aB3dE5gH7jK9mN1pQ3sT5vX7zA9cE1gI": 1}),
            ),
            (json!({"token": "x"}), json!({"token": ["x", "y"]})),
        ] {
            let [mut before, mut after] = [before, after].map(Tree::from);
            let each = [&before, &after].map(|tree| {
                let mut tree = tree.clone();
                hide(&mut tree, "", &KEY);
                tree
            });
            hide_both(&mut before, &mut after, "", &KEY);
            assert_eq!([before, after], each);
        }
    }

    #[test]
    fn a_secret_still_differs_from_another() {
        assert_ne!(hidden(json!({"password": "a"})), hidden(json!({"password": "b"})));
        // In every part of it, however much of it stands out as one.
        assert_ne!(
            hidden(json!({"x": "a=1\npassword: hunter2 one\n"})),
            hidden(json!({"x": "a=1\npassword: hunter2 two\n"}))
        );
        assert_ne!(
            hidden(json!({"x": "level=1\npassword=aa\n"})),
            hidden(json!({"x": "level=1\npassword=bb\n"}))
        );
        let secret = |json: serde_json::Value| {
            let Tree::Map(mut fields) = Tree::from(json) else {
                panic!("no map")
            };
            conceal_secret(&mut fields, &KEY);
            Tree::Map(fields)
        };
        assert_eq!(
            secret(json!({"data": {"a": "aHVudGVyMg=="}})),
            secret(json!({"stringData": {"a": "hunter2"}, "data": null}))
        );
        let mut marked = Tree::from(json!({"a": {"b": ["x", "y"]}, "c": {"d": 1}}));
        conceal_marked(
            &mut marked,
            &Tree::from(json!({"a": {"b": [false, true]}, "c": true})),
            &KEY,
        );
        let shown = serde_json::to_string(&marked).unwrap();
        assert!(
            shown.contains("\"x\"") && !shown.contains("\"y\"") && !shown.contains("\"d\""),
            "{shown}"
        );
    }
}
