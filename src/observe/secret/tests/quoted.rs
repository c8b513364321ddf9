//! Secrets in quotes, in headers, in addresses, and in texts that are all marks of them.

use super::*;

/// Asserts that of each text nothing of `hunter2` is left, and that it says what stands beside.
fn assert_scrubbed(texts: &[(&str, &str)]) {
    for (text, clean) in texts {
        assert_eq!(scrub(text), *clean, "{text}");
    }
}

#[test]
fn a_quote_within_a_password_does_not_end_it() {
    assert_scrubbed(&[
        (r#"password="hun\"ter2 x" port=1"#, r#"password="***" port=1"#),
        ("password='hun''ter2 x', port=1", "password='***', port=1"),
        (r#"{"password": "hun\"ter2", "n": 1}"#, r#"{"password": "***", "n": 1}"#),
        (r#"{"password":"hunter2\\","n":"b"}"#, r#"{"password":"***","n":"b"}"#),
        (
            r#"say "{\"password\":\"hunter2\",\"n\":\"b\"}""#,
            r#"say "{\"password\":\"***\",\"n\":\"b\"}""#,
        ),
        (
            r#"say "{\"password\":\"hun\\\"ter2\",\"n\":\"b\"}""#,
            r#"say "{\"password\":\"***\",\"n\":\"b\"}""#,
        ),
        (r#"{:password=>"hunter2", :n=>1}"#, r#"{:password=>"***", :n=>1}"#),
        (r"password='C:\hunter2\' next", "password='***' next"),
        (
            "CREATE USER a IDENTIFIED BY 'hun''ter2' x",
            "CREATE USER a IDENTIFIED BY '***' x",
        ),
        (
            r#"psql -c "ALTER ROLE a PASSWORD \"hunter2\"" x"#,
            r#"psql -c "ALTER ROLE a PASSWORD \"***\"" x"#,
        ),
    ]);
}

#[test]
fn an_empty_value_is_none_and_what_follows_it_stays() {
    for text in [
        r#"{"password":"","user":"bob"}"#,
        r#"say "{\"password\":\"\",\"user\":\"bob\"}""#,
        "password='' user='bob'",
    ] {
        assert_eq!(scrub(text), text);
    }
    // A cell of CSV has its quotes doubled.
    assert_scrubbed(&[
        (
            r#"1,"{""password"":""hunter2"",""n"":1}""#,
            r#"1,"{""password"":""***"",""n"":1}""#,
        ),
        (r#"printf "password: " "hunter2""#, r#"printf "password: " "***""#),
    ]);
}

#[test]
fn a_header_that_authorizes_loses_what_it_gives_whatever_its_scheme() {
    assert_scrubbed(&[
        ("Authorization: Bearer hunter2", "Authorization: Bearer ***"),
        (
            "Proxy-Authorization: Basic dTpodW50ZXIy",
            "Proxy-Authorization: Basic ***",
        ),
        ("Authorization: SSWS 00hunter2hunter2", "Authorization: SSWS ***"),
        ("Authorization: key=AAAAhunter2:x1", "Authorization: key=***"),
        (
            "-H 'authorization: GenieKey hunter2-aa' https://a.example",
            "-H 'authorization: GenieKey ***' https://a.example",
        ),
        (
            r#"{"Authorization": "Splunk hunter2-aa", "n": 1}"#,
            r#"{"Authorization": "Splunk ***", "n": 1}"#,
        ),
        (
            r#""{\"Authorization\": \"Splunk hunter2-aa\"}""#,
            r#""{\"Authorization\": \"Splunk ***\"}""#,
        ),
        (
            "curl -H 'Authorization: Digest username=\"bob b\", response=\"hunter2\"' https://a.example",
            "curl -H 'Authorization: Digest ***' https://a.example",
        ),
        (
            "Authorization: AWS4-HMAC-SHA256 Credential=hunter2/x, SignedHeaders=host, Signature=hunter2\nHost: a",
            "Authorization: AWS4-HMAC-SHA256 ***\nHost: a",
        ),
    ]);
    for text in [
        "authorization: permission denied",
        "authorization: failed for user bob",
        "authorization: user root2 denied",
        "authorization required by 10.0.0.1",
        "authorization-mode: Node,RBAC",
        "group: authorization = rbac.authorization.k8s.io/v1",
        "proxy_set_header Authorization $http_authorization",
    ] {
        assert_eq!(scrub(text), text);
    }
}

#[test]
fn an_address_loses_its_password_and_its_signature_however_they_are_written() {
    assert_scrubbed(&[
        ("postgres://app:hun@ter2@db/prod", "postgres://app:***@db/prod"),
        ("amqp://app:hun/ter2@mq/x", "amqp://app:***@mq/x"),
        ("redis://:hun#ter2@host", "redis://:***@host"),
        ("redis://:hun/ter2@h", "redis://:***@h"),
        ("postgres://john.doe:hun/ter2@db", "postgres://john.doe:***@db"),
        ("postgres://app:12/34@db", "postgres://app:***@db"),
        ("http://app.example:8080/a@b", "http://app.example:***@b"),
        ("http://localhost:99999/a@b", "http://localhost:***@b"),
        ("http://10.0.0.1:hun/ter2@b", "http://10.0.0.1:***@b"),
        ("postgres://app:p%/x@db", "postgres://app:***@db"),
        ("postgres://app:hun@b/ter2@host/x", "postgres://app:***@host/x"),
        ("https://app:hunter2@a.example/x@1", "https://app:***@a.example/x@1"),
        (
            "jdbc:oracle:thin:scott/hun@ter2@//h:1521/x",
            "jdbc:oracle:thin:scott/***@//h:1521/x",
        ),
        ("sqlplus scott/hun@ter2@db", "sqlplus scott/***@db"),
        (
            r#"{"u":"https://a.example/?se=1\u0026sig=hunter2hunter2\u0026sv=2"}"#,
            r#"{"u":"https://a.example/?se=1\u0026sig=***\u0026sv=2"}"#,
        ),
        (
            "https://a.example/?se=1&amp;sig=hunter2hunter2&amp;sv=2",
            "https://a.example/?se=1&amp;sig=***&amp;sv=2",
        ),
    ]);
    for text in [
        "http://registry.example:4873/@scope/pkg",
        "http://localhost:4873/@scope/pkg",
        "http://$host:$port/a@b",
        "git://github.com:org/repo@v1",
        "docker://registry.example:5000/app@sha256:ab",
        "http://[::1]:4873/@scope/pkg",
        "http://localhost:8080/a@b",
        "http://10.0.0.1:8080/a@b",
    ] {
        assert_eq!(scrub(text), text);
    }
}

/// Each mark begins what is searched for its end, which stands behind all of them: searched from each, these texts would take minutes.
#[test]
fn a_text_of_nothing_but_marks_is_searched_once() {
    for mark in [
        "ENC[A,",
        "vault:v1:",
        "&sig=",
        "ignature=",
        "jdbc:oracle:a/",
        "hooks.slack.com/",
        "authorization: digest a=\"",
        "authorization:a=$",
        "authorization:a=ecdsa-sha2-",
        "password=\"\"",
        "password=\"\",",
        "password='x",
        "<a><![CDATA[",
    ] {
        let text = mark.repeat(200_000 / mark.len());
        assert!(!mask_text(&text, &KEY, false).is_empty(), "{mark}");
    }
}
