//! The program.
use foreshadow::{domain::*, engine::*};

fn main() {
    let secs: u64 = std::env::args().nth(1).and_then(|s| s.parse().ok()).unwrap_or(20);
    let ms: i64 = std::env::args().nth(2).and_then(|s| s.parse().ok()).unwrap_or(1000);
    let store = std::env::args().nth(3).map(Into::into);
    let mut options = Options::default();
    options.interval = Span(ms * 1000);
    let setup = Setup { options, store, resource: ResourceId::new("host", "here"), root: "/".into(), sources: Sources::Live, who: "x".into(), panic: false };
    let engine = Engine::start(setup, None).unwrap();
    let rt = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    rt.block_on(async {
        let mut rx = engine.link().snapshots();
        let until = tokio::time::Instant::now() + std::time::Duration::from_secs(secs);
        while let Ok(Ok(())) = tokio::time::timeout_at(until, rx.changed()).await {
            let s = rx.borrow_and_update().clone();
            println!("{} at {:?} m {} s {} f {} p {} learning {} cpu {:.2} rss {:.1}M lag {:.2}ms store {} {} w{} bytes {}", s.number, s.at.map(|t| t.to_string()), s.metrics.len(), s.settings.len(), s.findings.len(), s.proposals.len(), s.health.learning, s.usage.cpu_pct, s.usage.rss_bytes as f64 / 1e6, s.usage.lag_secs * 1e3, s.store.ok, s.store.says, s.store.written, s.store.bytes);
            for f in s.findings.iter() { println!("   {} {} {}", f.mark, f.bits, f.summary); }
        }
        let s = rx.borrow().clone();
        for r in s.sources.iter() { println!("{} {} {} {:.2}ms every {}", r.name, r.ok, r.says, r.cost_ms, r.every); }
    });
    let p = std::fs::read_to_string("/proc/self/schedstat").unwrap();
    println!("{p}");
    drop(engine);
}
