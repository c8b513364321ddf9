//! Trees in, trees without secrets out.

use serde_json::json;

use super::*;

const KEY: [u8; 32] = [7; 32];

fn hidden(json: serde_json::Value) -> String {
    let mut tree = Tree::from(json);
    hide(&mut tree, "", &KEY);
    serde_json::to_string(&tree).unwrap()
}

fn assert_hidden(json: &serde_json::Value) {
    let shown = hidden(json.clone());
    assert!(
        !shown.contains("hunter2x") && !shown.contains("12345678"),
        "{json} shows as {shown}"
    );
    assert!(shown.contains("secret#"), "{json} shows as {shown}");
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
        assert_hidden(&json);
    }
}

#[test]
fn no_secret_of_a_variable_is_seen_again() {
    for name in [
        "DB_PASS",
        "LDAP_BINDPW",
        "ENCRYPTION_KEY",
        "AccountKey",
        "psk",
        "rootpw",
        "PWD",
        "AUTH",
        "SALT",
    ] {
        assert_hidden(&json!({"containers": [{"env": [{"name": name, "value": "hunter2x"}]}]}));
    }
    assert_hidden(&json!({"containers": [{"env": [{"name": "PIN", "value": 12_345_678}]}]}));
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
fn an_id_may_look_random_and_hides_no_token() {
    // An id by its last word, not by its last letters.
    for name in [
        "id",
        "tenantId",
        "imageID",
        "note/aws-id",
        "path",
        "username",
        "displayName",
        "valid",
        "sha256",
    ] {
        for token in [
            "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
            "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",
            "glpat-aXtlfANNXo7PfmyAiW66",
            "xoxb-123456789012-1234567890123-aXtlfANNXo7PfmyAiW661jH7",
            "AKIAIOSFODNN7EXAMPLE",
            "NRAK-SGZ6NN0985F18KIMS0TZC2NMTO1",
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NSJ9.H79dHHX9F6x4v1TLy3rPQZ9eqichLMNUj0GGhYSWX9f",
            "$apr1$abcdefgh$pEGCJcXM4JBwRmabcdefgh",
            "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n-----END RSA PRIVATE KEY-----",
        ] {
            let shown = hidden(json!({name: token}));
            assert!(shown.contains("secret#") && !shown.contains(token), "{name}: {shown}");
        }
    }
    let random = "aXtlfANNXo7PfmyAiW661jH79dHHX9F6x4v1TLy3r";
    for name in [
        "id",
        "tenantId",
        "imageID",
        "note/aws-id",
        "path",
        "sha256",
        "output_base64sha256",
    ] {
        assert_eq!(hidden(json!({name: random})), json!({name: random}).to_string());
    }
    for name in [
        "valid",
        "grid",
        "unmatched",
        "displayName",
        "address",
        "hash",
        "self_link",
        "resource",
    ] {
        assert!(hidden(json!({name: random})).contains("secret#"), "{name}");
    }
}

#[test]
fn a_name_that_says_how_its_value_looks_excuses_what_looks_so() {
    let hex = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    for (name, value) in [
        ("hash", hex),
        ("pod-template-hash", "8f14e45fceea167a5a36dedd4bea2543"),
        ("source_code_hash", "n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg="),
        ("name", "WebServerInstanceProfileE3A1B2C4"),
        ("name", hex),
        ("functionName", "ProdStack-LambdaFunction-aXtlfANNXo7P"),
        ("address", "0x52908400098527886E0F7030069857D2E4169EE7"),
        ("self_link", "projects/shop/zones/eu1/instances/aXtlfANNXo7PfmyA"),
        ("resource", "WebServerInstanceProfileE3A1B2C4"),
        ("commit", "da39a3ee5e6b4b0d3255bfef95601890afd80709"),
        (
            "image",
            "nginx@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        ),
    ] {
        assert_eq!(hidden(json!({name: value})), json!({name: value}).to_string());
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
