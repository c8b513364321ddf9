//! Questions to a Prometheus over HTTP: one at a time, each with an end in time and size.

use std::{io, path::Path, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::de::DeserializeOwned;
use ureq::{
    Agent, Body,
    http::{HeaderValue, Response, StatusCode},
    tls::{Certificate, ClientCert, PemItem, PrivateKey, RootCerts, TlsConfig, parse_pem},
};

use super::answer::Envelope;
use crate::{
    domain::{PrometheusOptions, text::visible},
    observe::{ObserveError, file, secret::scrub},
};

/// How long an answer may take, from the name's look-up to the last byte.
const LIMIT: Duration = Duration::from_secs(20);
/// Most bytes of an answer.
const MOST_BYTES: u64 = 32 << 20;
/// Most bytes of a file with a secret or certificates.
const MOST_SECRET: u64 = 1 << 20;

/// Why a question has no answer.
#[derive(Debug)]
pub(super) enum Fault {
    /// Nobody answers, or not as a Prometheus does: other questions would fare the same.
    Server(ObserveError),
    /// It has nothing at this path, which only some of its kind have.
    Missing(ObserveError),
    /// It answers that this question makes no sense, or takes too long.
    Question(String),
}

/// A Prometheus that can be asked.
pub(super) struct Client {
    agent: Agent,
    base: String,
    /// Marked as sensitive, so that it is never written to a log.
    authorization: Option<HeaderValue>,
}

impl Client {
    /// Reads the files with secrets; what they hold is nowhere else.
    ///
    /// # Errors
    /// When a file cannot be read, or does not hold what it should.
    pub(super) fn new(options: &PrometheusOptions) -> Result<Self, ObserveError> {
        Self::within(LIMIT, options)
    }

    fn within(limit: Duration, options: &PrometheusOptions) -> Result<Self, ObserveError> {
        let roots = match &*options.ca_file {
            "" => RootCerts::WebPki,
            file => RootCerts::new_with_certs(&certificates(file)?),
        };
        let tls = TlsConfig::builder()
            .root_certs(roots)
            .client_cert(client_certificate(options)?)
            .build();
        let agent = Agent::config_builder()
            .timeout_global(Some(limit))
            .http_status_as_error(false)
            // A secret goes nowhere but to the url that was named.
            .max_redirects(0)
            .proxy(None)
            .user_agent(concat!("foreshadow/", env!("CARGO_PKG_VERSION")))
            .accept("application/json")
            .tls_config(tls)
            .build();
        Ok(Self {
            agent: agent.into(),
            base: options.url.trim_end_matches('/').to_owned(),
            authorization: authorization(options)?,
        })
    }

    /// The data of the answer to `GET path` with `parameters`.
    pub(super) fn get<T: DeserializeOwned>(&self, path: &str, parameters: &[(&str, &str)]) -> Result<T, Fault> {
        let mut request = self.agent.get(format!("{}{path}", self.base));
        if let Some(authorization) = &self.authorization {
            request = request.header("Authorization", authorization);
        }
        let answer = request.query_pairs(parameters.iter().copied()).call();
        let answer = answer.map_err(|error| self.unreached(error))?;
        let (status, html) = (answer.status(), is_html(&answer));
        let body = answer.into_body().into_with_config().limit(MOST_BYTES).read_to_vec();
        let body = body.map_err(|error| self.unreached(error))?;
        match serde_json::from_slice::<Envelope<T>>(&body) {
            Ok(envelope) if &*envelope.status == "success" => {
                (envelope.data).ok_or_else(|| self.malformed("the answer says success and holds no data".into()))
            }
            Ok(envelope) => {
                let why = envelope.error.unwrap_or_else(|| format!("answered {status}"));
                Err(Fault::Question(visible(&why).chars().take(300).collect()))
            }
            Err(error) => {
                let what = self.base.clone();
                let why = said(status, html, &body, &error);
                let wrong = ObserveError::Malformed { what, why };
                Err(match status {
                    StatusCode::NOT_FOUND => Fault::Missing(wrong),
                    _ => Fault::Server(wrong),
                })
            }
        }
    }

    fn malformed(&self, why: String) -> Fault {
        let what = self.base.clone();
        Fault::Server(ObserveError::Malformed { what, why })
    }

    fn unreached(&self, error: ureq::Error) -> Fault {
        let source = match error {
            ureq::Error::Io(source) => source,
            ureq::Error::Timeout(_) => {
                return self.malformed(format!("no whole answer within {} s", LIMIT.as_secs()));
            }
            ureq::Error::BodyExceedsLimit(most) => {
                return self.malformed(format!("an answer of more than {} MiB; narrow the queries", most >> 20));
            }
            other => return self.malformed(other.to_string()),
        };
        if source.kind() == io::ErrorKind::UnexpectedEof {
            return self.malformed("it hung up in the middle of an answer".into());
        }
        let what = self.base.clone();
        Fault::Server(ObserveError::Io { what, source })
    }
}

fn is_html(answer: &Response<Body>) -> bool {
    answer.body().mime_type().is_some_and(|mime| mime.contains("html"))
}

/// Most characters of a body that are told.
const LONGEST: usize = 200;

/// The first words of a body, on one line and safe to show; of a page its title where it has one.
fn first_line(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(64 << 10)]);
    let lower = text.to_ascii_lowercase();
    let title = lower.find("<title>").map(|at| at + "<title>".len());
    let title = title.and_then(|from| Some(&text[from..from + lower[from..].find("</title>")?]));
    let mut lines = [title.unwrap_or_default(), &text]
        .into_iter()
        .flat_map(str::lines)
        .map(str::trim);
    let line = lines.find(|line| !line.is_empty()).unwrap_or_default();
    visible(&scrub(line)).chars().take(LONGEST).collect()
}

/// What is wrong with an answer that is not one of a Prometheus.
fn said(status: StatusCode, html: bool, body: &[u8], error: &serde_json::Error) -> String {
    let html = html || body.trim_ascii_start().starts_with(b"<");
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            format!(
                "answers {status}; sources.prometheus takes token_file, user with password_file, or cert_file with key_file"
            )
        }
        _ if status.is_redirection() => format!("answers {status}: name the url that it points to"),
        _ if status.is_success() && body.trim_ascii_start().starts_with(b"{") => match error.is_eof() {
            true => format!("half an answer, of {} bytes", body.len()),
            false => format!("answers {status}, and not as a Prometheus does: {error}"),
        },
        _ => {
            let line = match first_line(body) {
                line if line.is_empty() => "nothing".to_owned(),
                line => line,
            };
            let of = if html { " (HTML)" } else { "" };
            let asks = if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
                ""
            } else {
                "; is this the url of a Prometheus?"
            };
            format!("status {}{of}: {line}{asks}", status.as_u16())
        }
    }
}

fn refused(what: &str, why: &str) -> ObserveError {
    ObserveError::Malformed {
        what: what.to_owned(),
        why: why.to_owned(),
    }
}

/// The content of a file that the options name.
fn secret(path: &str) -> Result<Vec<u8>, ObserveError> {
    let named = Path::new(path);
    std::fs::metadata(named).map_err(|source| ObserveError::Io {
        what: path.to_owned(),
        source,
    })?;
    file::plain_file(named, MOST_SECRET).ok_or_else(|| refused(path, "is no file that may be read"))
}

/// The one line of text in a file.
fn line(path: &str) -> Result<String, ObserveError> {
    let text = String::from_utf8(secret(path)?).unwrap_or_default();
    let text = text.trim();
    if text.is_empty() || text.chars().any(char::is_control) {
        return Err(refused(path, "must hold one line of text"));
    }
    Ok(text.to_owned())
}

fn authorization(options: &PrometheusOptions) -> Result<Option<HeaderValue>, ObserveError> {
    let sent = match (&*options.token_file, &*options.user) {
        ("", "") => return Ok(None),
        ("", user) => {
            let password = match &*options.password_file {
                "" => String::new(),
                file => line(file)?,
            };
            // RFC 7617, §2.
            format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
        }
        (file, "") => format!("Bearer {}", line(file)?), // RFC 6750, §2.1
        _ => {
            return Err(refused(
                "sources.prometheus",
                "has token_file and user; one of them is enough",
            ));
        }
    };
    let mut header = HeaderValue::from_str(&sent)
        .map_err(|_| refused(&options.token_file, "holds characters that no header may have"))?;
    header.set_sensitive(true);
    Ok(Some(header))
}

fn certificates(path: &str) -> Result<Vec<Certificate<'static>>, ObserveError> {
    let all: Vec<_> = parse_pem(&secret(path)?)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    if all.is_empty() {
        return Err(refused(path, "holds no certificate in PEM"));
    }
    Ok(all)
}

fn client_certificate(options: &PrometheusOptions) -> Result<Option<ClientCert>, ObserveError> {
    match (&*options.cert_file, &*options.key_file) {
        ("", "") => Ok(None),
        ("", _) | (_, "") => Err(refused("sources.prometheus", "needs both cert_file and key_file")),
        (cert, key) => {
            let chain = certificates(cert)?;
            let key = PrivateKey::from_pem(&secret(key)?).map_err(|_| refused(key, "holds no private key in PEM"))?;
            Ok(Some(ClientCert::new_with_certs(&chain, key)))
        }
    }
}
