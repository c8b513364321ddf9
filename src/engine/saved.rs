//! What was learnt, as bytes that the store keeps: CBOR with names, so that later versions read it, compressed on the way. Nothing
//! here ever holds it whole uncompressed: it is as large as all that was learnt.

use std::io::{self, BufReader, BufWriter, Write};

use flate2::{Compression, read::GzDecoder, write::GzEncoder};

use crate::pipeline::State;

/// Bytes that are packed at once.
const CHUNK: usize = 64 << 10;

/// Packs what was learnt.
pub(super) fn pack(state: &State) -> io::Result<Vec<u8>> {
    let mut packed = BufWriter::with_capacity(CHUNK, GzEncoder::new(Vec::new(), Compression::fast()));
    ciborium::into_writer(state, &mut packed).map_err(io::Error::other)?;
    packed.flush()?;
    let packer = packed.into_inner().map_err(io::IntoInnerError::into_error)?;
    packer.finish()
}

/// Unpacks it.
pub(super) fn unpack(bytes: &[u8]) -> io::Result<State> {
    ciborium::from_reader(BufReader::with_capacity(CHUNK, GzDecoder::new(bytes))).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{
            Batch, MetricKind, MetricMeta, Observation, Options, Point, SettingSnapshot, Span, Timestamp, Unit, Value,
            packed,
        },
        pipeline,
    };

    #[test]
    fn what_was_learnt_comes_back_whole() {
        let mut state = State::default();
        let meta = MetricMeta {
            id: "host:a/cpu.busy_pct".parse().unwrap(),
            unit: Unit::Percent,
            kind: MetricKind::Gauge,
            cadence: Span::from_secs(10),
            source: "proc".into(),
            limit: None,
        };
        for number in 0..100 {
            let at = Timestamp(1_000_000_000) + Span::from_secs(10) * number;
            let value = Value::Int(if number < 50 { 60 } else { 1 });
            let batch = Batch {
                metrics: vec![meta.clone()],
                observations: vec![Observation {
                    id: meta.id.clone(),
                    point: Point {
                        at,
                        value: (number % 7) as f64,
                    },
                }],
                snapshots: vec![SettingSnapshot {
                    reach: None,
                    resource: meta.id.resource.clone(),
                    scope: "sysctl".into(),
                    at,
                    settings: Some([("sysctl.vm.swappiness".into(), value)].into()),
                }],
                ..Batch::default()
            };
            pipeline::step(&mut state, &batch, &Options::default(), at, 7);
        }
        let whole = packed::pack(&state).unwrap();
        let packed = pack(&state).unwrap();
        assert!(packed.len() < whole.len() / 2, "{} of {}", packed.len(), whole.len());
        assert_eq!(packed::pack(&unpack(&packed).unwrap()).unwrap(), whole);
        assert!(unpack(&packed[..packed.len() / 2]).is_err());
        assert!(unpack(b"nonsense").is_err());
    }
}
