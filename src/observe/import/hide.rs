//! Secrets of what is imported: they become keyed hashes before anything else sees them.

use std::{borrow::Cow, collections::BTreeMap};

use base64::Engine as _;

use crate::{
    domain::{SecretHash, Tree},
    observe::secret::{is_secret, mask},
};

/// Longest JSON text within a text that is looked into, bytes.
const LONGEST_JSON: usize = 1 << 20;

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
            let named = ["name", "key"]
                .iter()
                .find_map(|of| fields.get(*of).and_then(Tree::as_str));
            if named.is_some_and(sounds_secret)
                && let Some(value) = fields.get_mut("value")
                && value.scalar().is_some_and(|text| !switch(&text))
            {
                conceal(value, key);
            }
            if fields
                .keys()
                .any(|name| name.len() >= 16 && mask(name, key, false) != **name)
            {
                let masked = |(name, value): (Box<str>, Tree)| (mask(&name, key, false).into(), value);
                *fields = std::mem::take(fields).into_iter().map(masked).collect();
            }
        }
        Tree::List(items) => {
            let mut option = String::new();
            for item in items {
                // `--password`, then the password.
                let after = item
                    .as_str()
                    .is_some_and(|text| option.starts_with('-') && !text.starts_with('-'));
                if after && sounds_secret(&option) && is_secret(&option, item.as_str().unwrap_or_default()) {
                    conceal(item, key);
                } else {
                    option = item.as_str().unwrap_or_default().to_owned();
                    hide(item, name, key);
                }
            }
        }
        Tree::Text(text) => {
            if is_secret(name, text.trim()) || ENCRYPTED.iter().any(|mark| text.trim_start().starts_with(mark)) {
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
    let decoded = |text: &str| {
        let text: String = text.split_ascii_whitespace().collect();
        base64::engine::general_purpose::STANDARD.decode(text).ok()
    };
    let mut data = BTreeMap::new();
    if let Some(Tree::Map(encoded)) = fields.remove("data") {
        for (name, value) in encoded {
            let text = value.scalar().unwrap_or_default();
            let bytes = decoded(&text).unwrap_or_else(|| text.into_bytes());
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

/// A text with the secrets in it hashed: of JSON by its names, of lines by theirs, and all that looks like one.
fn texts<'t>(text: &'t str, name: &str, key: &[u8; 32]) -> Cow<'t, str> {
    // Too short for a token, and nothing that could stand before a password.
    if text.len() < 16 && !text.bytes().any(|b| b":=@ ".contains(&b)) {
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
    let id = IDS.iter().any(|id| name.ends_with(id));
    let whole = if text.contains('\n') {
        lines(text, key)
    } else {
        Cow::Borrowed(text)
    };
    match mask(&whole, key, id) {
        Cow::Borrowed(_) => whole,
        Cow::Owned(masked) => Cow::Owned(masked),
    }
}

/// A text of several lines with the values of secret names hashed: `name = value`, `name: value`, and `- name: x` before `value: y`.
fn lines<'t>(text: &'t str, key: &[u8; 32]) -> Cow<'t, str> {
    let mut out = String::new();
    let mut done = 0;
    let mut named = String::new();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let start = at;
        at += line.len();
        let Some(cut) = line.find(['=', ':']) else { continue };
        let name = line[..cut]
            .trim()
            .trim_start_matches("- ")
            .trim_start_matches("export ")
            .trim_matches(['"', '\'']);
        let raw = &line[cut + 1..];
        let value = raw.trim().trim_end_matches(',');
        let bare = value.trim_matches(['"', '\'']);
        let paired = name == "value" && sounds_secret(&named);
        let hides = !bare.is_empty() && !bare.starts_with(['{', '[', '$', '|', '>', '&', '*']) && name.len() <= 80;
        if hides && (is_secret(name, bare) || paired && !switch(bare)) {
            let place = start + cut + 1 + raw.find(bare).unwrap_or(0);
            out.push_str(&text[done..place]);
            out.push_str(&format!("{:?}", SecretHash::of(key, bare.as_bytes())));
            done = place + bare.len();
        }
        if name == "name" {
            named = bare.to_owned();
        }
    }
    if done == 0 {
        return Cow::Borrowed(text);
    }
    out.push_str(&text[done..]);
    Cow::Owned(out)
}

/// Whether a name stands for a secret anywhere in it: so variables of an environment are called.
fn sounds_secret(name: &str) -> bool {
    const WORDS: [&str; 11] = [
        "passw",
        "secret",
        "token",
        "privatekey",
        "apikey",
        "credential",
        "accesskey",
        "passphrase",
        "authkey",
        "signingkey",
        "cookie",
    ];
    let name: String = name
        .chars()
        .filter(|c| c.is_alphanumeric())
        .collect::<String>()
        .to_ascii_lowercase();
    WORDS.iter().any(|word| name.contains(word))
}

/// Whether a value is a switch or a number too short to be a secret.
fn switch(text: &str) -> bool {
    text.is_empty()
        || matches!(
            text.to_ascii_lowercase().as_str(),
            "true" | "false" | "yes" | "no" | "on" | "off"
        )
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
        ] {
            assert_eq!(hidden(json.clone()), json.to_string());
        }
    }

    #[test]
    fn a_secret_still_differs_from_another() {
        assert_ne!(hidden(json!({"password": "a"})), hidden(json!({"password": "b"})));
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
