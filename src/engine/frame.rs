//! What goes over the socket: length-delimited CBOR, both ways.

use std::{
    io,
    sync::{Arc, Mutex},
};

use futures_util::StreamExt;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tokio::net::UnixStream;
use tokio_util::{
    bytes::Bytes,
    codec::{Framed, LengthDelimitedCodec},
};

use super::{Answer, LinkError, Query, Snapshot};
use crate::domain::packed;

/// Raised with every change of the frames.
pub(super) const PROTOCOL: u32 = 10;
/// Bytes a frame may have: a snapshot of a large fleet, or an answer of many rows.
const FRAME: usize = 256 << 20;

#[derive(Serialize, Deserialize)]
pub(super) enum ToEngine {
    Hello { protocol: u32, who: String },
    Ask(u64, Query),
}

#[derive(Serialize, Deserialize)]
pub(super) enum FromEngine {
    /// The first frame: welcome, or why not.
    Hello {
        protocol: u32,
        refused: Option<String>,
    },
    /// A snapshot; lists marked as the same are sent empty.
    Snapshot(Box<Snapshot>, Same),
    Answer(u64, Result<Box<Answer>, LinkError>),
}

/// Which lists of a snapshot are those of the one sent before.
#[derive(Clone, Copy, Default, Serialize, Deserialize)]
pub(super) struct Same {
    options: bool,
    settings: bool,
    findings: bool,
    proposals: bool,
    incidents: bool,
    records: bool,
}

pub(super) type Frames = Framed<UnixStream, LengthDelimitedCodec>;

pub(super) fn frames(stream: UnixStream) -> Frames {
    LengthDelimitedCodec::builder()
        .max_frame_length(FRAME)
        .new_framed(stream)
}

pub(super) fn pack<T: Serialize>(message: &T) -> io::Result<Bytes> {
    packed::pack(message).map(Bytes::from).map_err(io::Error::other)
}

fn unpack<T: DeserializeOwned>(frame: &[u8]) -> io::Result<T> {
    packed::unpack(frame).map_err(io::Error::other)
}

pub(super) async fn next<T: DeserializeOwned>(frames: &mut Frames) -> io::Result<T> {
    match frames.next().await {
        Some(frame) => unpack(&frame?),
        None => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

/// The frame that was packed last: consoles that keep pace share one, and none of them packs it again.
#[derive(Clone, Default)]
pub(super) struct Shared(Arc<Mutex<Option<Frame>>>);

/// A snapshot, the one that was sent before it, and what of them goes over the wire.
struct Frame {
    of: Arc<Snapshot>,
    before: Option<Arc<Snapshot>>,
    bytes: Bytes,
}

impl Shared {
    /// Forgets the frame: nobody is there to be sent it.
    pub(super) fn forget(&self) {
        if let Ok(mut last) = self.0.lock() {
            *last = None;
        }
    }

    /// `of` as it goes to a console that was sent `before`.
    pub(super) fn pack(&self, of: &Arc<Snapshot>, before: Option<&Arc<Snapshot>>) -> io::Result<Bytes> {
        let same = |frame: &&Frame| {
            let befores = match (&frame.before, before) {
                (None, None) => true,
                (Some(one), Some(other)) => Arc::ptr_eq(one, other),
                _ => false,
            };
            befores && Arc::ptr_eq(&frame.of, of)
        };
        let Ok(mut last) = self.0.lock() else {
            return pack(&slim(of, before.map(AsRef::as_ref)));
        };
        if let Some(frame) = last.as_ref().filter(same) {
            return Ok(frame.bytes.clone());
        }
        let bytes = pack(&slim(of, before.map(AsRef::as_ref)))?;
        *last = Some(Frame {
            of: of.clone(),
            before: before.cloned(),
            bytes: bytes.clone(),
        });
        Ok(bytes)
    }
}

/// Leaves out what the console has from the snapshot before.
fn slim(snapshot: &Snapshot, before: Option<&Snapshot>) -> FromEngine {
    let mut slim = snapshot.clone();
    let mut same = Same::default();
    if let Some(before) = before {
        same = Same {
            options: Arc::ptr_eq(&snapshot.options, &before.options),
            settings: Arc::ptr_eq(&snapshot.settings, &before.settings),
            findings: Arc::ptr_eq(&snapshot.findings, &before.findings),
            proposals: Arc::ptr_eq(&snapshot.proposals, &before.proposals),
            incidents: Arc::ptr_eq(&snapshot.incidents, &before.incidents),
            records: Arc::ptr_eq(&snapshot.health.records, &before.health.records),
        };
        leave_out(same.settings, &mut slim.settings);
        leave_out(same.findings, &mut slim.findings);
        leave_out(same.proposals, &mut slim.proposals);
        leave_out(same.incidents, &mut slim.incidents);
        leave_out(same.records, &mut slim.health.records);
    }
    FromEngine::Snapshot(Box::new(slim), same)
}

fn leave_out<T>(same: bool, list: &mut Arc<[T]>) {
    if same {
        *list = Arc::default();
    }
}

/// Puts back what was left out.
pub(super) fn whole(mut snapshot: Snapshot, same: Same, before: &Snapshot) -> Snapshot {
    if same.options {
        snapshot.options = before.options.clone();
    }
    if same.settings {
        snapshot.settings = before.settings.clone();
    }
    if same.findings {
        snapshot.findings = before.findings.clone();
    }
    if same.proposals {
        snapshot.proposals = before.proposals.clone();
    }
    if same.incidents {
        snapshot.incidents = before.incidents.clone();
    }
    if same.records {
        snapshot.health.records = before.health.records.clone();
    }
    snapshot
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{Mark, SeriesId, Timestamp, Value},
        engine::SettingRow,
    };

    #[test]
    fn consoles_that_keep_pace_share_a_frame() {
        let options = Arc::new(crate::domain::Options::default());
        let snapshot = || Arc::new(Snapshot::empty(options.clone(), Default::default()));
        let (first, second) = (snapshot(), snapshot());
        let shared = Shared::default();
        let one = shared.pack(&second, Some(&first)).unwrap();
        let other = shared.pack(&second, Some(&first)).unwrap();
        assert_eq!(one.as_ptr(), other.as_ptr());
        // Who comes later has nothing before it and is told all.
        let whole = shared.pack(&second, None).unwrap();
        assert_ne!(whole.as_ptr(), one.as_ptr());
        assert_eq!(whole, pack(&slim(&second, None)).unwrap());
    }

    #[test]
    fn a_setting_that_is_new_arrives_as_one_that_was_not_there() {
        let row = |accepted: Option<Option<Value>>| SettingRow {
            id: SeriesId::new(&"host:a".parse().unwrap(), "listen.tcp/80"),
            mark: Mark::Drift,
            value: Some(Value::Int(80)),
            accepted,
            hazard: None,
            week: None,
            bits: 0.0,
            undoing: None,
            outlook: None,
            last_change: None,
            since: Timestamp(0),
        };
        for accepted in [None, Some(None), Some(Some(Value::Int(8080)))] {
            let arrived: SettingRow = unpack(&pack(&row(accepted.clone())).unwrap()).unwrap();
            assert_eq!(arrived.accepted, accepted);
        }
    }
}
