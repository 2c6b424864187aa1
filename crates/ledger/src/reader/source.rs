//! The file that a reader reads, as far as systems differ in it. Whatever the
//! file does meanwhile (it grows, shrinks, its writer goes on), a read gives
//! bytes or an error and never faults.
//!
//! Each system has a `Source` with the same methods: `new`, `len`, `read_at`,
//! `next_data`, `in_use`, and the constant `TELLS_DATA`.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(windows)]
mod windows;

#[cfg(target_os = "linux")]
pub(super) use linux::Source;
#[cfg(windows)]
pub(super) use windows::Source;

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::io::Write;

    fn temporary(name: &str) -> (std::path::PathBuf, File) {
        let path = std::env::temp_dir().join(format!("freehold-{name}-{}", std::process::id()));
        let mut options = File::options();
        options.read(true).write(true).create(true).truncate(true);
        let file = options.open(&path).expect("a file");
        (path, file)
    }

    #[test]
    fn reads_agree_with_what_was_written_and_end_with_the_file() {
        let (path, mut file) = temporary("source");
        let empty = Source::new(file.try_clone().unwrap());
        assert_eq!((empty.len().unwrap(), empty.in_use().unwrap()), (0, 0));
        assert_eq!(empty.read_at(&mut [0; 8], 0).expect("nothing"), 0);
        let bytes: Vec<u8> = (0..300_001u32).map(|i| (i % 251) as u8).collect();
        file.write_all(&bytes).expect("written");
        let source = Source::new(file);
        assert_eq!(source.len().unwrap(), bytes.len() as u64);
        for (at, wanted) in [(0, 10), (65_535, 2), (65_536, 100_000), (299_000, 5000)] {
            let mut found = vec![0; wanted];
            let mut done = 0;
            loop {
                match source.read_at(&mut found[done..], (at + done) as u64) {
                    Ok(0) => break,
                    Ok(n) => done += n,
                    Err(e) => panic!("{e}"),
                }
            }
            let there = &bytes[at..bytes.len().min(at + wanted)];
            assert_eq!(&found[..done], there, "{at}");
        }
        assert_eq!(source.read_at(&mut [0; 8], 1 << 40).expect("nothing"), 0);
        assert_eq!(source.next_data(1 << 40), None);
        assert_eq!(source.next_data(5), Some(5));
        assert!(source.in_use().unwrap() > 0);
        drop((source, empty));
        std::fs::remove_file(path).expect("removed");
    }
}
