//! Verdicts that come from outside: into the copy of a ledger, of which its process
//! knows nothing. Not who judges.

use std::sync::atomic::Ordering::Relaxed;

use super::{Block, Copied, Scan, decode};
use crate::format::{RECORD_BYTES, ScanState, Section, Verdict};

impl Copied {
    /// The live blocks, in the order of their addresses.
    pub fn live_blocks(&self) -> Vec<Block> {
        // What of it is damaged, a report tells.
        decode::blocks(self, &mut Vec::new())
    }

    /// Takes over what a scan found: `verdict_of` gives the verdict on the block at an
    /// address. Whoever reads the copy finds the scan done, with the figures in `scan`,
    /// and none of the blocks too young for it.
    ///
    /// # Examples
    /// ```
    /// use freehold_ledger::format::Verdict;
    /// use freehold_ledger::reader::{Copied, Scan};
    ///
    /// /// Takes all blocks from `first` on for lost.
    /// fn judge(copied: &mut Copied, first: u64) {
    ///     copied.set_verdicts(&Scan::default(), |address| match address < first {
    ///         true => Verdict::Reachable,
    ///         false => Verdict::Lost,
    ///     });
    /// }
    /// ```
    pub fn set_verdicts(&mut self, scan: &Scan, verdict_of: impl Fn(u64) -> Verdict) {
        // What was copied, and not what the header says there should be.
        let records = self.sections[Section::Records as usize].len() / RECORD_BYTES as usize;
        let mut verdicts = vec![0; records * 4];
        decode::for_each_block(self, &mut |record, block| {
            let at = record as usize * 4;
            if let Some(place) = verdicts.get_mut(at..at + 4) {
                let verdict = verdict_of(block.address) as u32;
                let word = u32::from(block.record.generation) << 8 | verdict;
                place.copy_from_slice(&word.to_le_bytes());
            }
        });
        self.sections[Section::Verdicts as usize] = verdicts;
        let header = &self.header;
        header.scan_records.store(records as u32, Relaxed);
        header.scan_ms.store(u32::MAX, Relaxed);
        header.scan_error.store(0, Relaxed);
        header.scan_pause_us.store(scan.pause_us, Relaxed);
        header.scan_us.store(scan.duration_us, Relaxed);
        header.scan_root_bytes.store(scan.root_bytes, Relaxed);
        header.scan_block_bytes.store(scan.block_bytes, Relaxed);
        header.scan_state.store(ScanState::Done as u32, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::{Family, Root};
    use crate::reader::SessionFile;
    use crate::session::{Backing, Config, NewSession, path_for_environment};
    use crate::writer::{Allocation, Birth, Ledger, Session, ThreadLog};

    /// The copy of a ledger with blocks of these sizes, far and near.
    fn copied(sizes: &[u64]) -> Copied {
        let session = NewSession::create(&Config::default(), &Backing::Memfd).expect("a session");
        let path = path_for_environment(session.path()).expect("a path");
        let (opened, file) = Session::open(&path).expect("opens");
        let mut ledger = Box::<Ledger>::new_zeroed();
        let birth = Birth {
            pid: 1,
            parent_pid: 0,
            parent_slot: None,
            argv: b"",
            exe: b"",
        };
        // SAFETY: zeroed and private; the file is the session's, closed once; zeroed
        // bytes are a ledger, begun or not, and a log that has not begun.
        let (ledger, mut log) = unsafe {
            Ledger::begin(ledger.as_mut_ptr(), opened, file, &birth).expect("begins");
            crate::close_file(file);
            let log = Box::<ThreadLog>::new_zeroed().assume_init();
            (ledger.assume_init(), log)
        };
        log.begin(&ledger, 1, [0, 0]);
        let root = Root {
            epoch: 0,
            truncated: false,
            incomplete: false,
            approximate: false,
        };
        let stack = ledger.intern(root, &[0x2000]);
        for (i, size) in sizes.iter().enumerate() {
            let block = Allocation {
                address: address(i),
                size: *size,
                stack,
                family: Family::CoTaskMem,
            };
            assert!(log.allocated(&ledger, block));
        }
        let file = SessionFile::open(session.path()).expect("opens");
        let copied = file.copy_ledger(ledger.slot()).expect("readable");
        copied.expect("begun")
    }

    fn address(i: usize) -> u64 {
        0x2_0000_0000 + (i as u64) * if i.is_multiple_of(2) { 16 } else { 0x10_0010 }
    }

    #[test]
    fn verdicts_from_outside_are_read_as_those_of_the_process() {
        let mut copied = copied(&[10, 20, 30, 40]);
        let unjudged = decode::snapshot(0, &copied, 0);
        assert!(!unjudged.scan.done);
        let verdict = |at| match at {
            at if at == address(0) => Verdict::Lost,
            at if at == address(1) => Verdict::Reachable,
            at if at == address(3) => Verdict::Possible,
            _ => Verdict::Unknown,
        };
        let scan = Scan {
            pause_us: 1,
            duration_us: 2,
            root_bytes: 3,
            block_bytes: 4,
            ..Scan::default()
        };
        copied.set_verdicts(&scan, verdict);
        let judged = decode::snapshot(0, &copied, 0);
        assert_eq!(judged.damage, Vec::<String>::new());
        assert_eq!(judged.scan, Scan { done: true, ..scan });
        assert_eq!(judged.blocks.len(), 4);
        for block in &judged.blocks {
            assert_eq!(block.verdict, verdict(block.address), "{block:?}");
        }
        let addresses = |blocks: &[Block]| blocks.iter().map(|b| b.address).collect::<Vec<_>>();
        assert_eq!(addresses(&copied.live_blocks()), addresses(&judged.blocks));
        // Once more, by somebody who found something else.
        copied.set_verdicts(&scan, |_| Verdict::Indirect);
        let judged = decode::snapshot(0, &copied, 0);
        assert!(judged.blocks.iter().all(|b| b.verdict == Verdict::Indirect));
    }

    #[test]
    fn damaged_sections_are_judged_as_far_as_they_go() {
        let whole = [8; 40];
        let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
        let mut roll = move |below: usize| {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            (seed % below.max(1) as u64) as usize
        };
        for _ in 0..300 {
            let mut copied = copied_once(&whole);
            for section in [
                Section::Windows,
                Section::Leaves,
                Section::Segments,
                Section::Records,
            ] {
                let bytes = &mut copied.sections[section as usize];
                for _ in 0..roll(4) {
                    let at = roll(bytes.len());
                    if let Some(byte) = bytes.get_mut(at) {
                        *byte = roll(256) as u8;
                    }
                }
                if roll(4) == 0 {
                    bytes.truncate(roll(bytes.len()));
                }
            }
            copied.set_verdicts(&Scan::default(), |_| Verdict::Lost);
            // Whatever can still be read has its verdict.
            let judged = decode::snapshot(0, &copied, 0);
            assert!(judged.blocks.iter().all(|b| b.verdict == Verdict::Lost));
        }
    }

    /// The same copy again: making one is dear.
    fn copied_once(sizes: &[u64]) -> Copied {
        use std::sync::OnceLock;
        type Parts = ([Vec<u8>; Section::COUNT], Vec<u8>);
        static PARTS: OnceLock<Parts> = OnceLock::new();
        let (sections, after) = PARTS.get_or_init(|| {
            let copied = copied(sizes);
            (copied.sections, copied.segments_after)
        });
        // SAFETY: a structure of atomic integers.
        let header = unsafe { Box::new_zeroed().assume_init() };
        Copied {
            header,
            sections: sections.clone(),
            segments_after: after.clone(),
            damage: Vec::new(),
        }
    }
}
