//! dev
use freehold_ledger::reader::SessionFile;
use freehold_ledger::session::*;
use std::sync::atomic::Ordering::Relaxed;
fn main() {
    let mut args = std::env::args().skip(1);
    let lib = args.next().unwrap();
    let mut c = Config::default();
    if let Ok(s) = std::env::var("SAMPLE") {
        c.sample_bytes = s.parse().unwrap();
    }
    if let Ok(s) = std::env::var("DEPTH") {
        c.depth = s.parse().unwrap();
    }
    if let Ok(_) = std::env::var("OFF") {
        c.enabled = false;
    }
    if let Ok(_) = std::env::var("NOSCAN") {
        c.scan_at_exit = false;
    }
    let s = NewSession::create(&c, &Backing::Memfd).unwrap();
    let s: &'static NewSession = Box::leak(Box::new(s));
    s.header().ticking.store(1, Relaxed);
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(std::time::Duration::from_millis(4));
            s.header().tick_ms.fetch_max(s.elapsed_ms(), Relaxed);
        }
    });
    let prog = args.next().unwrap();
    let st = std::process::Command::new(prog)
        .args(args)
        .env("FREEHOLD_SESSION", s.path())
        .env("LD_PRELOAD", lib)
        .status()
        .unwrap();
    std::thread::sleep(std::time::Duration::from_millis(50));
    if std::env::var("QUIET").is_ok() {
        return;
    }
    eprintln!(
        "status {st} used {} untracked {}",
        s.header().used.load(Relaxed),
        s.header().untracked.load(Relaxed)
    );
    let f = SessionFile::open(s.path()).unwrap();
    let all = f.read_session(|_, _| {}).unwrap();
    for l in &all.ledgers {
        eprintln!(
            "pid {} {:?} end {:?} blocks {} bytes {} {:?} stacks {} modules {} threads {} damage {:?} scan {:?}",
            l.process.pid,
            l.process.argv,
            l.process.end,
            l.blocks.len(),
            l.blocks.iter().map(|b| b.size()).sum::<u64>(),
            l.counters,
            l.stacks.len(),
            l.modules.len(),
            l.threads.len(),
            l.damage,
            l.scan
        );
        let mut v = std::collections::BTreeMap::new();
        for b in &l.blocks {
            let e = v.entry(b.verdict).or_insert((0u64, 0u64));
            e.0 += 1;
            e.1 += b.size();
        }
        eprintln!("  verdicts {v:?}");
        if std::env::var("SHOW").is_ok() {
            for b in l
                .blocks
                .iter()
                .filter(|b| {
                    b.verdict == freehold_ledger::format::Verdict::Lost
                        || std::env::var("ALL").is_ok()
                })
                .take(20)
            {
                eprintln!(
                    "  {:x} {} {:?} {:?}",
                    b.address,
                    b.size(),
                    b.family(),
                    b.verdict
                );
                let fr = l.stacks.frames(b.record.stack);
                for a in &fr.addresses {
                    let m = l.module_at(*a - 1, fr.epoch);
                    eprintln!(
                        "      {:x} {} +{:x}",
                        a,
                        m.map(|m| m.path.as_str()).unwrap_or("?"),
                        m.map(|m| a - m.bias).unwrap_or(0)
                    );
                }
                eprintln!(
                    "      {} {} {}",
                    fr.truncated, fr.incomplete, fr.approximate
                );
            }
        }
    }
}
