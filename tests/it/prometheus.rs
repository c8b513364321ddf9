//! A Prometheus on either side: one that scrapes the engine, and one that the engine reads.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    process::Stdio,
    thread,
    time::Duration,
};

use crate::support::{Home, PATIENCE, Process};

/// An engine that can be scraped, and where.
struct Engine(#[expect(dead_code, reason = "it lives as long")] Process, SocketAddr);

fn engine(home: &Home) -> Engine {
    let mut command = home.command(&["engine", "--metrics", "127.0.0.1:0"]);
    let mut engine = Process::start(command.stdout(Stdio::null()).stderr(Stdio::piped()));
    let mut line = String::new();
    BufReader::new(engine.0.stderr.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let address = line.split("http://").nth(1).and_then(|rest| rest.split('/').next());
    let address = address.unwrap_or_else(|| panic!("{line}")).parse().unwrap();
    Engine(engine, address)
}

fn ask(address: SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(request).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    String::from_utf8(answer).unwrap()
}

fn get(address: SocketAddr, target: &str) -> String {
    ask(address, format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes())
}

/// Asks until an answer holds `wanted`.
async fn until(address: SocketAddr, wanted: &str) -> String {
    let patience = tokio::time::Instant::now() + PATIENCE;
    loop {
        let page = get(address, "/metrics");
        if page.contains(wanted) {
            return page;
        }
        assert!(tokio::time::Instant::now() < patience, "{wanted} never came: {page}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn what_the_engine_knows_can_be_scraped() {
    let home = Home::new();
    home.config("interval = \"100ms\"\n");
    let engine = engine(&home);
    let page = until(engine.1, "series=\"cpu.busy_pct\",quantile=\"0.5\"").await;
    let (head, body) = page.split_once("\r\n\r\n").unwrap();
    assert!(
        head.starts_with("HTTP/1.1 200 OK") && head.contains("version=0.0.4"),
        "{head}"
    );
    assert!(head.contains(&format!("Content-Length: {}\r\n", body.len())), "{head}");
    for family in [
        "foreshadow_actual{",
        "foreshadow_surprise{",
        "foreshadow_findings{severity=\"critical\"}",
        "foreshadow_engine_resident_memory_bytes ",
        "foreshadow_source_up{source=\"cpu\"} 1",
    ] {
        assert!(body.contains(family), "{family}");
    }
    assert!(get(engine.1, "/etc/passwd").starts_with("HTTP/1.1 404"));
    assert!(ask(engine.1, b"POST /metrics HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 405"));
    assert!(ask(engine.1, b"\x16\x03\x01\n\n").starts_with("HTTP/1.1 400"));
    // Who says nothing holds nobody else up.
    let _silent: Vec<TcpStream> = (0..3).map(|_| TcpStream::connect(engine.1).unwrap()).collect();
    assert!(get(engine.1, "/metrics").starts_with("HTTP/1.1 200"));
    let taken = engine.1.to_string();
    let (code, _, err) = Home::new().run(&["engine", "--metrics", &taken]);
    assert_eq!((code, err.lines().count()), (Some(2), 1), "{err}");
    assert!(err.contains(&taken), "{err}");
}

/// A Prometheus with one host of one metric, 1 at all times.
fn server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap())
                .lines()
                .map_while(Result::ok);
            let first = lines.next().unwrap_or_default();
            lines.take_while(|line| !line.is_empty()).for_each(drop);
            let number = |name: &str| -> Option<f64> {
                let query = first.split(['?', ' ', '&']);
                query.filter_map(|part| part.strip_prefix(name)).next()?.parse().ok()
            };
            let values = |from: f64, to: f64| {
                let steps = ((to - from) / 10.0) as i64;
                let one = |step| format!("[{},\"1\"]", from + step as f64 * 10.0);
                (0..=steps).map(one).collect::<Vec<_>>().join(",")
            };
            let result = if let (Some(from), Some(to)) = (number("start="), number("end=")) {
                format!(
                    r#"{{"resultType":"matrix","result":[{{"metric":{{"instance":"web-1:9100"}},"values":[{}]}}]}}"#,
                    values(from, to)
                )
            } else if let Some(at) = number("time=") {
                format!(
                    r#"{{"resultType":"vector","result":[{{"metric":{{"instance":"web-1:9100"}},"value":[{at},"1"]}}]}}"#
                )
            } else {
                "{}".into()
            };
            let body = format!(r#"{{"status":"success","data":{result}}}"#);
            let _ = write!(
                stream,
                "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            );
        }
    });
    address
}

#[tokio::test]
async fn a_past_is_learnt_at_the_first_start_and_a_host_has_a_band_at_once() {
    let home = Home::new();
    home.config(&format!(
        "interval = \"100ms\"\n[sources.prometheus]\nurl = \"http://{}\"\nstep = \"10s\"\nbackfill = \"1h\"\nqueries = [\"load\"]\n",
        server()
    ));
    let engine = engine(&home);
    let page = until(
        engine.1,
        "foreshadow_expected{resource=\"target:web-1:9100\",series=\"load\",quantile=\"0.5\"} 1",
    )
    .await;
    assert!(page.contains("foreshadow_source_up{source=\"prometheus\"} 1"));
}
