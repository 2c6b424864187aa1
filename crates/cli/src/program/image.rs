//! An ELF file: whether its dynamic loader is one that takes the preload
//! library.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use object::elf;
use object::read::elf::{FileHeader, ProgramHeader};
use object::{Endianness, FileKind};

use super::untrackable;
use crate::errors::{CANNOT_RUN, Failure};

/// Program headers lie in the first few kilobytes of every file that a kernel
/// loads; a loader's name is at most a path long.
const FRONT: u64 = 64 << 10;
const LONGEST_NAME: u64 = 4096;

/// Makes sure that the program takes the preload library.
pub(super) fn check(path: &Path, file: &File) -> Result<(), Failure> {
    let front = read(file, 0, FRONT).map_err(|_| broken(path))?;
    let front = front.as_slice();
    match FileKind::parse(front) {
        Ok(FileKind::Elf64) => {}
        Ok(FileKind::Elf32) => return Err(narrow(path, front)),
        _ => return Err(broken(path)),
    }
    let header = elf::FileHeader64::<Endianness>::parse(front).map_err(|_| broken(path))?;
    let endian = header.endian().map_err(|_| broken(path))?;
    let machine = header.e_machine(endian);
    if machine != MACHINE {
        return Err(foreign(path, machine));
    }
    let segments = header
        .program_headers(endian, front)
        .map_err(|_| broken(path))?;
    let loader = segments
        .iter()
        .find(|s| s.p_type(endian) == elf::PT_INTERP)
        .map(|s| (s.p_offset(endian), s.p_filesz(endian)));
    let Some((offset, size)) = loader else {
        return Err(untrackable(
            path,
            "it is statically linked, so no library can be loaded into it; \
             link it dynamically to track it",
        ));
    };
    let name = read(file, offset, size.min(LONGEST_NAME)).map_err(|_| broken(path))?;
    let name = name.split(|b| *b == 0).next().unwrap_or_default();
    loader_is_ours(path, &String::from_utf8_lossy(name))
}

fn loader_is_ours(path: &Path, loader: &str) -> Result<(), Failure> {
    if loader
        .rsplit('/')
        .next()
        .is_some_and(|n| n.starts_with("ld-musl"))
    {
        let why = "it is built for musl, and the preload library for glibc; \
                   build it for glibc to track it";
        return Err(untrackable(path, why));
    }
    if !Path::new(loader).exists() {
        let message = format!(
            "cannot run {}: the loader that it asks for, {loader}, does not exist",
            path.display()
        );
        return Err(Failure::new(CANNOT_RUN, message));
    }
    Ok(())
}

#[cfg(target_arch = "x86_64")]
const MACHINE: elf::Machine = elf::EM_X86_64;
#[cfg(target_arch = "aarch64")]
const MACHINE: elf::Machine = elf::EM_AARCH64;

/// Up to `most` bytes of the file from `at` on.
fn read(file: &File, at: u64, most: u64) -> io::Result<Vec<u8>> {
    let there = file.metadata()?.len().saturating_sub(at).min(most);
    let mut bytes = vec![0; there as usize];
    file.read_exact_at(&mut bytes, at)?;
    Ok(bytes)
}

fn foreign(path: &Path, machine: elf::Machine) -> Failure {
    let machine = match machine {
        elf::EM_X86_64 => "x86-64",
        elf::EM_AARCH64 => "64-bit Arm",
        elf::EM_RISCV => "RISC-V",
        elf::EM_PPC64 => "64-bit PowerPC",
        elf::EM_S390 => "IBM Z",
        elf::EM_LOONGARCH => "LoongArch",
        _ => "another kind of processor",
    };
    let message = format!(
        "cannot run {}: it is built for {machine}, and this freehold tracks programs for {} only",
        path.display(),
        std::env::consts::ARCH
    );
    Failure::new(CANNOT_RUN, message)
}

fn broken(path: &Path) -> Failure {
    let message = format!("cannot run {}: its ELF header is damaged", path.display());
    Failure::new(CANNOT_RUN, message)
}

fn narrow(path: &Path, front: &[u8]) -> Failure {
    let header = elf::FileHeader32::<Endianness>::parse(front);
    let machine = header.and_then(|h| Ok(h.e_machine(h.endian()?)));
    match machine {
        Ok(elf::EM_386) | Ok(elf::EM_ARM) => untrackable(
            path,
            "it is a 32-bit program, and only 64-bit programs can be tracked",
        ),
        Ok(machine) => foreign(path, machine),
        Err(_) => broken(path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::errors::FREEHOLD;

    /// The header of this test, with some bytes changed.
    fn changed(name: &str, change: impl FnOnce(&mut Vec<u8>)) -> Result<(), Failure> {
        let this = File::open(std::env::current_exe().unwrap()).unwrap();
        let mut bytes = read(&this, 0, FRONT).unwrap();
        change(&mut bytes);
        let path = std::env::temp_dir().join(format!("freehold-{name}-{}", std::process::id()));
        std::fs::write(&path, &bytes).unwrap();
        let result = check(&path, &File::open(&path).unwrap());
        std::fs::remove_file(&path).unwrap();
        result
    }

    fn loader_at(bytes: &[u8]) -> usize {
        let position = |what: &[u8]| bytes.windows(what.len()).position(|w| w == what);
        position(b"/lib64/ld-linux")
            .or(position(b"/lib/ld-linux"))
            .unwrap()
    }

    #[test]
    fn this_test_can_be_tracked() {
        changed("plain", |_| {}).unwrap();
    }

    #[test]
    fn another_machine_is_named() {
        let failure = changed("machine", |b| b[18] = elf::EM_RISCV.0 as u8).unwrap_err();
        assert_eq!(failure.code, CANNOT_RUN);
        assert!(failure.message.contains("RISC-V"), "{failure}");
    }

    #[test]
    fn musl_is_refused() {
        let failure = changed("musl", |bytes| {
            let at = loader_at(bytes);
            bytes[at..at + 15].copy_from_slice(b"/lib/ld-musl.so");
            bytes[at + 15] = 0;
        });
        let failure = failure.unwrap_err();
        assert_eq!(failure.code, FREEHOLD);
        assert!(failure.message.contains("musl"), "{failure}");
    }

    #[test]
    fn an_absent_loader_is_named() {
        let failure = changed("loader", |bytes| {
            let at = loader_at(bytes);
            bytes[at + 1] = b'x';
        });
        let failure = failure.unwrap_err();
        assert_eq!(failure.code, CANNOT_RUN);
        assert!(failure.message.contains("does not exist"), "{failure}");
    }

    #[test]
    fn garbage_never_panics() {
        for at in 0..1024 {
            let _ = changed("garbage", |bytes| bytes[at] ^= 0xff);
        }
        for len in 0..128 {
            let _ = changed("short", |bytes| bytes.truncate(len));
        }
    }
}
