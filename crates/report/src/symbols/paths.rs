//! Where the file of an object may lie: a ledger can be made on one system and read
//! on another, so a recorded path is one of Unix or of Windows whatever this is.
//!
//! The rule, in this order:
//!
//! 1. the path itself, where this is the system that it belongs to; a Windows path to
//!    another machine (`\\server\…`) is left alone, as opening it would tell that
//!    machine who we are;
//! 2. a Windows path on another system: its drive, as Wine keeps it (see
//!    [`Roots::drives`]); where Wine says nothing, `Z:` is `/`;
//! 3. each folder with symbols: the file by its name; as a symbol server lays files
//!    out, `NAME/KEY/NAME`; a Unix path below it.
//!
//! Only the first may be used without a build id that fits.

use std::path::{Path, PathBuf};

use freehold_ledger::image::{ImageIdentity, PdbIdentity};

/// Folders in which to look.
#[derive(Debug, Clone, Default)]
pub(crate) struct Roots {
    /// Separate debug files, each laid out like `/usr/lib/debug`.
    pub(crate) debug: Vec<PathBuf>,
    /// Files with symbols, from whatever system.
    pub(crate) symbols: Vec<PathBuf>,
    /// The drives of Windows by letter, as in `dosdevices` of a Wine prefix.
    pub(crate) drives: Option<PathBuf>,
}

/// Whether it is a path of Windows: with a drive, or to another machine.
pub(crate) fn is_windows(path: &str) -> bool {
    path.starts_with(r"\\") || drive(path).is_some()
}

/// The letter of the drive, and what is below it.
fn drive(path: &str) -> Option<(char, &str)> {
    let path = path.strip_prefix(r"\\?\").unwrap_or(path);
    let rest = path.get(1..)?.strip_prefix(':')?;
    let letter = path.chars().next().filter(char::is_ascii_alphabetic)?;
    let below = rest.strip_prefix(['\\', '/'])?;
    Some((letter.to_ascii_lowercase(), below))
}

/// The last part of a path of either system.
pub(crate) fn file_name(path: &str) -> &str {
    let is_end: fn(char) -> bool = match is_windows(path) {
        true => |c| c == '/' || c == '\\',
        false => |c| c == '/',
    };
    path.rsplit(is_end).next().unwrap_or(path)
}

/// Whether such a path can be opened here as it is.
pub(crate) fn is_native(path: &str) -> bool {
    match is_windows(path) {
        true => cfg!(windows) && drive(path).is_some(),
        false => cfg!(unix) && path.starts_with('/'),
    }
}

/// Other places where the file of `path`, of this build, may be.
pub(crate) fn elsewhere(path: &str, build_id: &[u8], roots: &Roots) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let name = file_name(path);
    if is_windows(path) {
        found.extend(of_drive(path, roots));
        let key = ImageIdentity::from_bytes(build_id).map(|identity| image_key(&identity));
        for root in roots.symbols.iter().filter(|_| is_name(name)) {
            found.push(root.join(name));
            found.extend(key.as_ref().map(|key| root.join(name).join(key).join(name)));
        }
    } else {
        let below = Path::new(path)
            .strip_prefix("/")
            .ok()
            .filter(|p| is_below(p));
        for root in roots.symbols.iter().filter(|_| is_name(name)) {
            found.extend(below.map(|below| root.join(below)));
            found.push(root.join(name));
        }
    }
    found
}

/// A Windows path as a path of this system, where that is another one.
fn of_drive(path: &str, roots: &Roots) -> Option<PathBuf> {
    let (letter, below) = drive(path).filter(|_| cfg!(unix))?;
    let below = PathBuf::from(below.replace('\\', "/"));
    let device = roots
        .drives
        .as_ref()
        .map(|drives| drives.join(format!("{letter}:")));
    let root = match device.filter(|device| device.is_dir()) {
        Some(device) => device,
        None if letter == 'z' => PathBuf::from("/"),
        None => return None,
    };
    is_below(&below).then(|| root.join(below))
}

/// Where the PDB that an image calls `named` may be: beside the image, in folders
/// with symbols, where it was made.
pub(crate) fn pdb(named: &str, beside: Option<&Path>, key: &str, roots: &Roots) -> Vec<PathBuf> {
    // An image made on Windows may name it without a folder.
    let last = named.rsplit(['/', '\\']).next().unwrap_or(named);
    let mut found = Vec::new();
    if is_name(last) {
        found.extend(beside.and_then(Path::parent).map(|f| f.join(last)));
        for root in &roots.symbols {
            found.push(root.join(last));
            found.push(root.join(last).join(key).join(last));
        }
    }
    if is_native(named) {
        found.push(PathBuf::from(named));
    } else if is_windows(named) {
        found.extend(of_drive(named, roots));
    }
    found
}

/// The folder of a symbol server in which an image lies.
fn image_key(identity: &ImageIdentity) -> String {
    format!("{:08X}{:x}", identity.time, identity.size)
}

/// The folder of a symbol server in which a PDB lies.
pub(crate) fn pdb_key(pdb: &PdbIdentity) -> String {
    // A GUID is written as numbers of 4, 2 and 2 bytes, and single bytes.
    let order = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];
    let mut key: String = order.map(|i| format!("{:02X}", pdb.guid[i])).concat();
    key += &format!("{:x}", pdb.age);
    key
}

/// Whether it is a name and nothing that leads elsewhere.
fn is_name(name: &str) -> bool {
    !matches!(name, "" | "." | "..") && !name.contains(['/', '\\', ':', '\0'])
}

/// Whether a relative path stays below where it begins.
fn is_below(path: &Path) -> bool {
    let mut parts = path.components();
    parts.all(|part| matches!(part, std::path::Component::Normal(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_both_systems_are_told_apart() {
        for (path, windows, name) in [
            (r"C:\app\a.exe", true, "a.exe"),
            ("c:/app/a.exe", true, "a.exe"),
            (r"\\?\C:\app\a.exe", true, "a.exe"),
            (r"\\server\share\a.exe", true, "a.exe"),
            ("/usr/bin/a", false, "a"),
            (r"/odd\name", false, r"odd\name"),
            ("[vdso]", false, "[vdso]"),
            ("C:", false, "C:"),
            ("", false, ""),
            ("äö", false, "äö"),
        ] {
            assert_eq!(
                (is_windows(path), file_name(path)),
                (windows, name),
                "{path}"
            );
        }
        assert!(!is_native(r"\\server\share\a.exe"));
        assert_eq!(is_native("/usr/bin/a"), cfg!(unix));
        assert_eq!(is_native(r"C:\a.exe"), cfg!(windows));
    }

    #[cfg(unix)]
    #[test]
    fn windows_paths_are_looked_for_here() {
        let roots = Roots {
            symbols: vec![PathBuf::from("/sym")],
            ..Roots::default()
        };
        let identity = ImageIdentity {
            time: 0x0abc_def1,
            size: 0x1_2000,
            pdb: None,
        };
        let mut bytes = [0; ImageIdentity::LONGEST];
        let id = identity.write(&mut bytes);
        let found = |path| {
            let found = elsewhere(path, id, &roots);
            found
                .iter()
                .map(|p| p.display().to_string())
                .collect::<Vec<_>>()
        };
        let served = "/sym/a.exe/0ABCDEF112000/a.exe";
        assert_eq!(
            found(r"Z:\home\me\a.exe"),
            ["/home/me/a.exe", "/sym/a.exe", served]
        );
        assert_eq!(found(r"C:\me\a.exe"), ["/sym/a.exe", served]);
        assert_eq!(found(r"Z:\..\a.exe"), ["/sym/a.exe", served]);
        assert_eq!(found(r"C:\me\.."), [""; 0]);
        assert_eq!(found("/usr/lib/a.so"), ["/sym/usr/lib/a.so", "/sym/a.so"]);
        assert_eq!(found("/../a.so"), ["/sym/a.so"]);
    }

    #[test]
    fn keys_are_those_of_symbol_servers() {
        let pdb = PdbIdentity {
            guid: [
                0x78, 0x56, 0x34, 0x12, 0xbc, 0x9a, 0xf0, 0xde, 1, 2, 3, 4, 5, 6, 7, 8,
            ],
            age: 0x1a,
        };
        assert_eq!(pdb_key(&pdb), "123456789ABCDEF001020304050607081a");
        let found = self::pdb(
            r"D:\build\a.pdb",
            None,
            "KEY",
            &Roots {
                symbols: vec![PathBuf::from("sym")],
                ..Roots::default()
            },
        );
        assert!(found.contains(&Path::new("sym").join("a.pdb").join("KEY").join("a.pdb")));
    }
}
