//! The source against servers of one answer each.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::TcpListener,
    sync::{
        Arc,
        mpsc::{Receiver, channel},
    },
    thread,
};

use super::*;

const STEP: i64 = 30;

/// A server that answers every path by `answer`, and tells what it was asked.
fn serve(answer: impl Fn(&str) -> Option<String> + Send + 'static) -> (Arc<str>, Receiver<(String, String)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/prefix/", listener.local_addr().unwrap());
    let (tell, asked) = channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let (mut target, mut authorization) = (String::new(), String::new());
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                if target.is_empty() {
                    target = line.split(' ').nth(1).unwrap_or_default().to_owned();
                }
                if line.to_lowercase().starts_with("authorization: ") {
                    authorization = line["authorization: ".len()..].trim().to_owned();
                }
                if line.trim().is_empty() {
                    break;
                }
            }
            let answer = answer(&target);
            // Told first: who has the answer looks at once at what was asked.
            let gone = tell.send((target, authorization)).is_err();
            if let Some(whole) = answer {
                let _ = stream.write_all(whole.as_bytes());
            }
            if gone {
                return;
            }
        }
    });
    (url.into(), asked)
}

fn ok(data: &str) -> Option<String> {
    whole(&format!(r#"{{"status":"success","data":{data}}}"#))
}

fn whole(body: &str) -> Option<String> {
    Some(format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    ))
}

fn options(url: &Arc<str>, queries: &[(&str, &str)]) -> PrometheusOptions {
    PrometheusOptions {
        url: url.clone(),
        queries: queries
            .iter()
            .map(|(name, query)| ((*name).into(), (*query).into()))
            .collect(),
        step: Span::from_secs(STEP),
        backfill: Span::ZERO,
        ..PrometheusOptions::default()
    }
}

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(secs)
}

fn read(source: &mut Prometheus, secs: i64) -> (Batch, Result<(), ObserveError>) {
    let mut batch = Batch::default();
    let result = source.read(at(secs), &mut batch);
    (batch, result)
}

fn shown(batch: &Batch) -> Vec<String> {
    let one = |o: &Observation| format!("{} {} {}", o.id, o.point.at.secs(), o.point.value);
    batch.observations.iter().map(one).collect()
}

/// The parameter `name` of a request, decoded as far as the tests need it.
fn parameter(target: &str, name: &str) -> String {
    let query = target.split_once('?').unwrap_or_default().1;
    let value = query.split('&').find_map(|pair| pair.strip_prefix(&format!("{name}=")));
    value
        .unwrap_or_default()
        .replace("%5B", "[")
        .replace("%5D", "]")
        .replace("%7B", "{")
        .replace("%7D", "}")
}

const UP: &str = r#"{"resultType":"vector","result":[
    {"metric":{"__name__":"up","instance":"web-1:9100","job":"node","env":"prod"},"value":[600,"1"]},
    {"metric":{"__name__":"up","instance":"web-2:9100","job":"node","env":"prod"},"value":[600,"NaN"]}]}"#;

#[test]
fn targets_are_resources_and_counters_are_rates() {
    let (url, asked) = serve(|target| match target {
        target if target.contains("/metadata?metric=requests") => {
            ok(r#"{"requests":[{"type":"counter","help":"h","unit":""}]}"#)
        }
        target if target.contains("/metadata") => ok("{}"),
        target if target.contains("/targets") => {
            ok(r#"{"activeTargets":[{"labels":{"instance":"web-1:9100","job":"node","env":"prod"},"health":"up"}]}"#)
        }
        target if target.contains("query=rate") => ok(
            r#"{"resultType":"vector","result":[{"metric":{"instance":"web-1:9100","job":"node","env":"prod","code":"500"},"value":[600,"0.5"]}]}"#,
        ),
        _ => ok(UP),
    });
    let mut source = Prometheus::new(
        &options(&url, &[("up", "up"), ("requests", "requests")]),
        &BTreeMap::new(),
        false,
    );
    let (batch, result) = read(&mut source, 629);
    result.unwrap();
    assert_eq!(
        shown(&batch),
        [
            "target:web-1:9100/up 600 1",
            "target:web-1:9100/requests{code=\"500\"} 600 0.5"
        ]
    );
    assert_eq!(batch.metrics.len(), 2);
    assert_eq!(
        (batch.metrics[1].kind, batch.metrics[1].unit),
        (crate::domain::MetricKind::Rate, crate::domain::Unit::PerSec)
    );
    assert_eq!(batch.metrics[0].cadence, Span::from_secs(STEP));
    let (again, result) = read(&mut source, 630);
    // The server still answers for 600, which was not asked for.
    result.unwrap();
    assert!(again.is_empty(), "{again:?}");
    drop(source);
    let targets: Vec<String> = asked.try_iter().map(|(target, _)| target).collect();
    assert!(
        targets.iter().all(|target| target.starts_with("/prefix/api/v1/")),
        "{targets:?}"
    );
    assert!(
        targets
            .iter()
            .any(|target| parameter(target, "query") == "rate(requests[120000ms])"),
        "{targets:?}"
    );
}

#[test]
fn the_past_comes_page_by_page_in_order_and_then_what_is_new() {
    let (url, asked) = serve(|target| {
        if !target.contains("query") {
            return ok("{}");
        }
        let one = parameter(target, "time");
        if !one.is_empty() {
            let secs = one.parse::<f64>().unwrap();
            return ok(&format!(
                r#"{{"resultType":"vector","result":[{{"metric":{{}},"value":[{secs},"{secs}"]}}]}}"#
            ));
        }
        let (from, to) = (parameter(target, "start"), parameter(target, "end"));
        let (from, to) = (from.parse::<f64>().unwrap() as i64, to.parse::<f64>().unwrap() as i64);
        let values: Vec<String> = (from..=to)
            .step_by(STEP as usize)
            .map(|secs| format!("[{secs},\"{secs}\"]"))
            .collect();
        ok(&format!(
            r#"{{"resultType":"matrix","result":[{{"metric":{{}},"values":[{}]}}]}}"#,
            values.join(",")
        ))
    });
    let options = PrometheusOptions {
        backfill: Span::from_secs(STEP * 100),
        ..options(&url, &[("x", "sum(x)")])
    };
    let mut source = Prometheus::new(&options, &BTreeMap::new(), false);
    let (mut seen, mut pages, mut events) = (Vec::new(), 0, Vec::new());
    let mut now = 100_000;
    loop {
        let (batch, result) = read(&mut source, now);
        result.unwrap();
        seen.extend(batch.observations.iter().map(|o| o.point.at.secs()));
        events.extend(batch.events.iter().map(|event| event.what.to_string()));
        pages += 1;
        if !source.behind {
            break;
        }
        assert_eq!(source.every(), BETWEEN_PAGES);
        now += 1;
    }
    assert!(pages > 1, "all at once");
    let end = at(now).floor(Span::from_secs(STEP)).secs();
    let wanted: Vec<i64> = (end - STEP * 100..=end).step_by(STEP as usize).collect();
    assert_eq!(seen, wanted);
    assert_eq!(events.len(), 2, "{events:?}");
    assert!(events[1].contains("read 101 values of 1 series"), "{events:?}");
    let (batch, _) = read(&mut source, end + STEP + 1);
    assert_eq!(shown(&batch).len(), 1);
    assert_eq!(source.every(), Span::from_secs(STEP));
    let last = asked.try_iter().last().unwrap().0;
    assert!(last.contains("/api/v1/query?"), "{last}");

    // An engine that starts again goes on where it was, and asks for no more than was said.
    let id = batch.observations[0].id.clone();
    let known = BTreeMap::from([(id, at(end + STEP))]);
    let mut source = Prometheus::new(&options, &known, false);
    let (batch, _) = read(&mut source, end + STEP * 4);
    let seen: Vec<i64> = batch.observations.iter().map(|o| o.point.at.secs()).collect();
    assert_eq!(seen, [end + STEP * 2, end + STEP * 3, end + STEP * 4]);
    // One reading alone begins no past.
    let mut source = Prometheus::new(&options, &BTreeMap::new(), true);
    assert_eq!(read(&mut source, end).0.observations.len(), 1);
}

#[test]
fn series_that_would_share_a_name_keep_apart() {
    let (url, _asked) = serve(|target| {
        if !target.contains("query") {
            return ok("{}");
        }
        ok(r#"{"resultType":"vector","result":[
            {"metric":{"instance":"a:1","job":"x"},"value":[600,"1"]},
            {"metric":{"instance":"a:1","job":"y"},"value":[600,"2"]},
            {"metric":{"__name__":"z","instance":"a:1","job":"y"},"value":[600,"4"]},
            {"metric":{"instance":"b:1","job":"y"},"value":[600,"3"]}]}"#)
    });
    let mut source = Prometheus::new(&options(&url, &[("up", "max(up)")]), &BTreeMap::new(), false);
    assert_eq!(
        shown(&read(&mut source, 600).0),
        [
            "target:a:1/up{__name__=\"z\",job=\"y\"} 600 4",
            "target:a:1/up{job=\"x\"} 600 1",
            "target:a:1/up{job=\"y\"} 600 2",
            "target:b:1/up 600 3"
        ]
    );
    // The name of the one metric there is tells nothing apart: of a recording rule, say.
    let (url, _asked) = serve(|target| {
        if !target.contains("query") {
            return ok("{}");
        }
        ok(r#"{"resultType":"vector","result":[
            {"metric":{"__name__":"job:up:sum","job":"x"},"value":[600,"1"]},
            {"metric":{"__name__":"job:up:sum","job":"y"},"value":[600,"2"]}]}"#)
    });
    let mut source = Prometheus::new(&options(&url, &[("up", "job:up:sum")]), &BTreeMap::new(), false);
    let shown = shown(&read(&mut source, 600).0);
    assert!(
        shown[0].ends_with("/up{job=\"x\"} 600 1") && shown[1].ends_with("/up{job=\"y\"} 600 2"),
        "{shown:?}"
    );
}

#[test]
fn series_beyond_the_most_are_counted_and_told_until_they_fit() {
    let (url, _asked) = serve(|target| {
        if !target.contains("query") {
            return ok("{}");
        }
        let (series, at) = (
            if target.contains("many") { MOST_SERIES + 7 } else { 1 },
            parameter(target, "time"),
        );
        let one = |n: usize| format!(r#"{{"metric":{{"n":"{n}"}},"value":[{at},"1"]}}"#);
        let all: Vec<String> = (0..series).map(one).collect();
        ok(&format!(r#"{{"resultType":"vector","result":[{}]}}"#, all.join(",")))
    });
    let mut source = Prometheus::new(
        &options(&url, &[("many", "many"), ("one", "one")]),
        &BTreeMap::new(),
        false,
    );
    let said = format!("partly: {url}: 8 series beyond the first 1000 are left out; narrow the queries");
    // The same while there is nothing new to ask for.
    for at in [600, 601, 630] {
        let (batch, result) = read(&mut source, at);
        assert_eq!(result.unwrap_err().to_string(), said, "{at}");
        assert_eq!(
            batch.observations.len(),
            if at == 601 { 0 } else { MOST_SERIES },
            "{at}"
        );
    }
}

#[test]
fn a_wrong_query_is_told_and_the_others_are_read() {
    let (url, _asked) = serve(|target| {
        match target {
        target if target.contains("query=bad") => Some(
            "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n{\"status\":\"error\",\"errorType\":\"bad_data\",\"error\":\"parse \\u001b[31merror\"}".into(),
        ),
        target if target.contains("/query") => ok(UP),
        _ => Some("HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n404 page not found".into()),
    }
    });
    let mut source = Prometheus::new(
        &options(&url, &[("bad", "bad("), ("up", "up")]),
        &BTreeMap::new(),
        false,
    );
    let (batch, result) = read(&mut source, 600);
    assert_eq!(batch.observations.len(), 1);
    let error = result.unwrap_err();
    assert!(matches!(error, ObserveError::Partly { .. }), "{error}");
    let error = error.to_string();
    assert!(
        error.contains("queries.bad: parse") && !error.contains('\u{1b}'),
        "{error}"
    );
}

#[test]
fn whatever_else_answers_is_one_line() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let nobody: Arc<str> = format!("http://{closed}").into();
    let answers: [(Option<&str>, &str); 13] = [
        (
            Some("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n<html>Hello</html>"),
            "HTML",
        ),
        (
            Some("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{\"status\":\"success\",\"data\":{\"resu"),
            "half an answer",
        ),
        (
            Some("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"status\":\"success\""),
            "middle",
        ),
        (
            Some("HTTP/1.1 302 Found\r\nLocation: http://example.org/\r\nContent-Length: 0\r\n\r\n"),
            "302",
        ),
        (
            Some(
                "HTTP/1.1 500 Internal Server Error\r\nConnection: close\r\n\r\n\n out of\u{1b}[2J memory\nat line 7\n",
            ),
            ": status 500: out of\\u{1b}[2J memory",
        ),
        (
            Some("HTTP/1.1 429 Too Many Requests\r\nConnection: close\r\n\r\n{\"message\":\"slow down\"}"),
            ": status 429: {\"message\":\"slow down\"}",
        ),
        (
            Some("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"),
            ": status 503: nothing",
        ),
        (
            Some(
                "HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n<html>\r\n<head><title>502 Bad Gateway</title></head>",
            ),
            ": status 502 (HTML): 502 Bad Gateway",
        ),
        (
            Some("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n<p>\npassword=hunter2"),
            ": status 200 (HTML): <p>; is this the url of a Prometheus?",
        ),
        (
            Some("HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno"),
            "token_file",
        ),
        (
            Some("HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{\"status\":\"success\"}"),
            "no data",
        ),
        (Some("\u{1b}[2Jnonsense\r\n\r\n"), "http://127"),
        (None, "http://127"),
    ];
    for (answer, says) in answers {
        let (url, _asked) = serve(move |_| answer.map(str::to_owned));
        let mut source = Prometheus::new(&options(&url, &[("up", "up")]), &BTreeMap::new(), false);
        let (batch, result) = read(&mut source, 600);
        let error = result.unwrap_err().to_string();
        assert!(
            batch.is_empty() && error.contains(says) && error.lines().count() == 1,
            "{says}: {error}"
        );
    }
    let mut source = Prometheus::new(&options(&nobody, &[("up", "up")]), &BTreeMap::new(), false);
    assert!(read(&mut source, 600).1.unwrap_err().to_string().contains("refused"));
}

#[test]
fn secrets_come_from_files_and_go_nowhere_else() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| -> Arc<str> {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().into()
    };
    let (url, asked) = serve(|_| Some("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n".into()));
    let plain = options(&url, &[("up", "up")]);
    let token = PrometheusOptions {
        token_file: file("token", "hunter2\n"),
        ..plain.clone()
    };
    let basic = PrometheusOptions {
        user: "me".into(),
        password_file: file("password", "hunter2"),
        ..plain.clone()
    };
    for (options, sent) in [(&token, "Bearer hunter2"), (&basic, "Basic bWU6aHVudGVyMg==")] {
        let mut source = Prometheus::new(options, &BTreeMap::new(), false);
        let error = read(&mut source, 600).1.unwrap_err().to_string();
        assert!(!error.contains("hunter2") && error.contains("403"), "{error}");
        assert_eq!(asked.recv_timeout(std::time::Duration::from_secs(120)).unwrap().1, sent);
    }
    let empty = file("empty", " \n");
    for (options, says) in [
        (
            PrometheusOptions {
                token_file: empty.clone(),
                ..plain.clone()
            },
            "one line of text",
        ),
        (
            PrometheusOptions {
                token_file: "/nowhere/token".into(),
                ..plain.clone()
            },
            "No such file",
        ),
        (
            PrometheusOptions {
                user: "me".into(),
                ..token.clone()
            },
            "one of them",
        ),
        (
            PrometheusOptions {
                ca_file: empty.clone(),
                ..plain.clone()
            },
            "no certificate",
        ),
        (
            PrometheusOptions {
                cert_file: empty.clone(),
                ..plain.clone()
            },
            "both cert_file and key_file",
        ),
        (
            PrometheusOptions {
                cert_file: empty.clone(),
                key_file: token.token_file.clone(),
                ..plain.clone()
            },
            "no certificate",
        ),
    ] {
        let mut source = Prometheus::new(&options, &BTreeMap::new(), false);
        let error = read(&mut source, 600).1.unwrap_err().to_string();
        assert!(error.contains(says) && !error.contains("hunter2"), "{says}: {error}");
    }
}
