//! What tells one Windows image (a program or a DLL) from another of the same name:
//! what a module entry has in place of a build id, and how it is found.
//!
//! Pages: "PE Format" (Optional Header, Debug Directory) in Microsoft's documentation;
//! the record of the PDB, `RSDS`, a GUID and an age, is what all linkers write.
//!
//! What is not here: the search for files that belong to an identity
//! (`freehold-report`).

mod names;
#[cfg(windows)]
mod windows;

pub use names::undecorated;
#[cfg(windows)]
pub use windows::{LoadedImage, loaded_image};

/// Which build of a program or a library it is.
///
/// # Examples
///
/// ```
/// use freehold_ledger::image::{ImageIdentity, PdbIdentity};
///
/// let pdb = Some(PdbIdentity { guid: [7; 16], age: 1 });
/// let identity = ImageIdentity { time: 0x6652_0000, size: 0x2_0000, pdb };
/// let mut bytes = [0; ImageIdentity::LONGEST];
/// let bytes = identity.write(&mut bytes);
/// assert_eq!(ImageIdentity::from_bytes(bytes), Some(identity));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ImageIdentity {
    /// `TimeDateStamp` of the file header; linkers also write a hash there, or 0.
    pub time: u32,
    /// `SizeOfImage` of the optional header, in bytes; 0 where only the PDB is known.
    pub size: u32,
    /// The PDB that was made with it, when it names one.
    pub pdb: Option<PdbIdentity>,
}

/// Which PDB belongs to an image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct PdbIdentity {
    /// The GUID, in the order of its bytes.
    pub guid: [u8; 16],
    /// How often the PDB was written for this GUID.
    pub age: u32,
}

/// No image has more data directories or debug entries that matter.
const MOST_ENTRIES: u32 = 32;
const DEBUG_DIRECTORY: u32 = 6;
const CODEVIEW: u32 = 2;

impl ImageIdentity {
    /// Bytes of the longest form.
    pub const LONGEST: usize = 28;

    /// Writes the form that a module entry has: time and size, and where there is a
    /// PDB its GUID and age; numbers in little-endian order.
    pub fn write<'b>(&self, into: &'b mut [u8; Self::LONGEST]) -> &'b [u8] {
        into[..4].copy_from_slice(&self.time.to_le_bytes());
        into[4..8].copy_from_slice(&self.size.to_le_bytes());
        let Some(pdb) = self.pdb else {
            return &into[..8];
        };
        into[8..24].copy_from_slice(&pdb.guid);
        into[24..].copy_from_slice(&pdb.age.to_le_bytes());
        into
    }

    /// The identity in these bytes: as [`ImageIdentity::write`] gives them, or GUID and
    /// age of a PDB alone, 20 bytes, from a writer that knew no more. None for bytes of
    /// another length.
    pub fn from_bytes(bytes: &[u8]) -> Option<ImageIdentity> {
        let word = |at: usize| Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?));
        const OF_PDB: usize = 20;
        if bytes.len() == OF_PDB {
            let mut whole = [0; Self::LONGEST];
            whole[Self::LONGEST - OF_PDB..].copy_from_slice(bytes);
            return Self::from_bytes(&whole);
        }
        let pdb = match bytes.len() {
            8 => None,
            Self::LONGEST => Some(PdbIdentity {
                guid: *bytes[8..].first_chunk()?,
                age: word(24)?,
            }),
            _ => return None,
        };
        Some(ImageIdentity {
            time: word(0)?,
            size: word(4)?,
            pdb,
        })
    }

    /// The identity of an image as the system maps it. `read` fills a buffer with
    /// what lies so many bytes behind its beginning, and says whether it could; the
    /// image may hold anything.
    pub fn of_mapped(read: &mut impl FnMut(u32, &mut [u8]) -> bool) -> Option<ImageIdentity> {
        let mut head = [0; 64];
        if !read(0, &mut head) || head[..2] != *b"MZ" {
            return None;
        }
        let at = word(&head, 60);
        // Signature, file header, the optional header as far as its size is the same
        // for 32 and 64 bits.
        let mut headers = [0; 24 + 112];
        if !read(at, &mut headers) || headers[..4] != *b"PE\0\0" {
            return None;
        }
        let optional = &headers[24..];
        // Where the number of data directories stands.
        let count_at = match [optional[0], optional[1]] {
            [0x0b, 1] => 92,
            [0x0b, 2] => 108,
            _ => return None,
        };
        let identity = ImageIdentity {
            time: word(&headers, 8),
            size: word(optional, 56),
            pdb: None,
        };
        let mut entry = [0; 8];
        let has_debug = word(optional, count_at) > DEBUG_DIRECTORY;
        let directories = at.checked_add(24 + count_at as u32 + 4)?;
        let debug = directories.checked_add(DEBUG_DIRECTORY * 8)?;
        if !has_debug || !read(debug, &mut entry) {
            return Some(identity);
        }
        let (first, count) = (word(&entry, 0), (word(&entry, 4) / 28).min(MOST_ENTRIES));
        let mut entries = (0..count).filter_map(|i| first.checked_add(i * 28));
        let pdb = entries.find_map(|at| pdb_of(at, read));
        Some(ImageIdentity { pdb, ..identity })
    }

    /// Whether both are one build. An identity of the file in which a PDB is named
    /// and one of the same file in which it could not be read are the same.
    pub fn is_same(&self, other: &ImageIdentity) -> bool {
        let same_pdb = match (self.pdb, other.pdb) {
            (Some(one), Some(other)) => one == other,
            _ => true,
        };
        let lacks_size = [self, other].iter().any(|one| one.size == 0);
        let by_pdb = lacks_size && self.pdb.is_some() && self.pdb == other.pdb;
        by_pdb || same_pdb && (self.time, self.size) == (other.time, other.size)
    }
}

/// The PDB of a debug directory's entry, when it is one that names a PDB.
fn pdb_of(at: u32, read: &mut impl FnMut(u32, &mut [u8]) -> bool) -> Option<PdbIdentity> {
    let mut entry = [0; 28];
    let mut record = [0; 24];
    if !read(at, &mut entry) || word(&entry, 12) != CODEVIEW {
        return None;
    }
    if !read(word(&entry, 20), &mut record) || record[..4] != *b"RSDS" {
        return None;
    }
    Some(PdbIdentity {
        guid: *record[4..].first_chunk()?,
        age: word(&record, 20),
    })
}

fn word(bytes: &[u8], at: usize) -> u32 {
    let bytes = bytes.get(at..).and_then(|b| b.first_chunk());
    bytes.map_or(0, |b| u32::from_le_bytes(*b))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An image with a PDB, of 32 or 64 bits.
    fn image(is_64: bool) -> Vec<u8> {
        let mut image = vec![0; 0x400];
        let mut put = |at: usize, bytes: &[u8]| image[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, b"MZ");
        put(60, &[0x80]);
        put(0x80, b"PE\0\0");
        put(0x88, &0x1234_5678u32.to_le_bytes());
        put(0x98, if is_64 { &[0x0b, 2] } else { &[0x0b, 1] });
        put(0x98 + 56, &0x9000u32.to_le_bytes());
        let count = 0x98 + if is_64 { 108 } else { 92 };
        put(count, &[16]);
        put(count + 4 + 48, &0x200u32.to_le_bytes());
        put(count + 4 + 52, &[56]);
        // The first entry is of another kind.
        put(0x200 + 12, &[16]);
        put(0x21c + 12, &[2]);
        put(0x21c + 20, &0x300u32.to_le_bytes());
        put(0x300, b"RSDS");
        put(0x304, &[9; 16]);
        put(0x314, &[3]);
        image
    }

    fn identity(image: &[u8]) -> Option<ImageIdentity> {
        ImageIdentity::of_mapped(&mut |at, into| {
            let Some(bytes) = image.get(at as usize..).and_then(|b| b.get(..into.len())) else {
                return false;
            };
            into.copy_from_slice(bytes);
            true
        })
    }

    #[test]
    fn headers_of_both_widths_are_read() {
        let wanted = ImageIdentity {
            time: 0x1234_5678,
            size: 0x9000,
            pdb: Some(PdbIdentity {
                guid: [9; 16],
                age: 3,
            }),
        };
        for is_64 in [false, true] {
            assert_eq!(identity(&image(is_64)), Some(wanted));
            // Without what lies behind the headers, there is no PDB.
            let cut = identity(&image(is_64)[..0x180]).unwrap();
            assert_eq!(
                cut,
                ImageIdentity {
                    pdb: None,
                    ..wanted
                }
            );
            assert!(cut.is_same(&wanted) && wanted.is_same(&cut));
        }
        let mut other = wanted;
        other.pdb = Some(PdbIdentity {
            age: 4,
            ..wanted.pdb.unwrap()
        });
        assert!(!other.is_same(&wanted));
        // What a writer gives that knows only the PDB.
        let mut bytes = [0; ImageIdentity::LONGEST];
        wanted.write(&mut bytes);
        let of_pdb = ImageIdentity::from_bytes(&bytes[8..]).unwrap();
        assert!(of_pdb.is_same(&wanted) && wanted.is_same(&of_pdb));
        assert!(!of_pdb.is_same(&other) && !other.is_same(&of_pdb));
        assert!(!ImageIdentity::default().is_same(&ImageIdentity {
            pdb: None,
            ..wanted
        }));
        assert!(!ImageIdentity { size: 1, ..wanted }.is_same(&wanted));
    }

    #[test]
    fn garbage_is_no_image_and_never_read_past() {
        assert_eq!(identity(b""), None);
        assert_eq!(identity(&[0xff; 0x400]), None);
        let whole = image(true);
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] = 0xff;
            identity(&damaged);
            identity(&whole[..at]);
        }
        assert_eq!(ImageIdentity::from_bytes(&[0; 16]), None);
    }
}
