//! What functions of C libraries give, taken over by their names.
#![cfg(all(unix, feature = "owners"))]

use std::ffi::{CStr, CString, c_void};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::ptr;

use freehold::{
    AdoptError, AdoptFromError, Family, LeakTracker, Misuse, OwnerKind, adopt_from, free, free_as,
};

/// # Safety
/// As for `adopt_from`.
unsafe fn taken<T>(function: &str, slot: &str, pointer: *mut T) -> *mut c_void {
    // SAFETY: promised by the caller.
    let taken = unsafe { adopt_from(function, slot, pointer.cast(), 0) };
    taken.unwrap_or_else(|e| panic!("{function}: {e}")).as_ptr()
}

fn refused(function: &str, slot: &str) -> AdoptFromError {
    // SAFETY: nothing is adopted.
    unsafe { adopt_from(function, slot, ptr::dangling_mut::<usize>().cast(), 0) }.unwrap_err()
}

/// Whether the directory's stream is closed is seen by its descriptor.
fn is_open(descriptor: i32) -> bool {
    // SAFETY: any number may be asked about.
    unsafe { libc::fcntl(descriptor, libc::F_GETFD) != -1 }
}

#[test]
fn what_the_c_library_gives_is_released_by_its_function() {
    // SAFETY: each pointer is what the function gave, and released once.
    unsafe {
        let text = taken("strdup", "return", libc::strdup(c"hello".as_ptr()));
        free(text).expect("live");
        let path = libc::realpath(c"/".as_ptr(), ptr::null_mut());
        free(taken("realpath", "return", path)).expect("live");

        let folder = libc::opendir(c"/".as_ptr());
        let descriptor = libc::dirfd(folder);
        let folder = taken("opendir", "return", folder);
        assert!(is_open(descriptor));
        free(folder).expect("live");
        assert!(!is_open(descriptor));

        let mut found = ptr::null_mut();
        let code = libc::getaddrinfo(c"127.0.0.1".as_ptr(), ptr::null(), ptr::null(), &mut found);
        assert_eq!(code, 0);
        free(taken("getaddrinfo", "res", found)).expect("live");
    }
}

#[test]
fn it_is_refused_with_its_reason() {
    let kind = |error| match error {
        AdoptFromError::NotYours { kind, .. } => kind,
        other => panic!("{other}"),
    };
    assert_eq!(kind(refused("getenv", "return")), OwnerKind::Borrowed);
    assert!(matches!(
        refused("strdup", "no_slot"),
        AdoptFromError::UnknownSlot { .. }
    ));
    let wants = refused("mmap", "return");
    assert!(
        matches!(wants, AdoptFromError::NeedsMore { release, .. } if release.starts_with("munmap(")),
        "{wants}"
    );
    let absent = refused("XML_ParserCreate", "return");
    assert!(
        matches!(
            absent,
            AdoptFromError::NoRelease {
                release: "XML_ParserFree",
                ..
            }
        ),
        "{absent}"
    );
    // SAFETY: nothing is adopted.
    let null = unsafe { adopt_from("strdup", "return", ptr::null_mut(), 0) }.unwrap_err();
    assert_eq!(null, AdoptFromError::Adopt(AdoptError::Null));
    // SAFETY: a descriptor, which is closed; nothing is adopted.
    unsafe {
        let descriptor = libc::open(c"/".as_ptr(), libc::O_RDONLY);
        let number = ptr::without_provenance_mut(descriptor as usize);
        let error = adopt_from("open", "return", number, 0).unwrap_err();
        assert!(
            matches!(
                error,
                AdoptFromError::NoAddress {
                    release: "close",
                    ..
                }
            ),
            "{error}"
        );
        libc::close(descriptor);
    }
}

#[test]
fn what_stays_is_a_leak_of_that_function() {
    LeakTracker::enable();
    let mut folder = ptr::null_mut();
    let error = LeakTracker::run_scoped_verified("listing", || {
        // SAFETY: what the function gave; released below.
        folder = unsafe { taken("opendir", "return", libc::opendir(c"/".as_ptr())) };
    });
    let text = error.unwrap_err().to_string();
    assert!(
        text.contains("opendir") && text.contains("release   : closedir"),
        "{text}"
    );
    // SAFETY: refused.
    let error = unsafe { free_as(Family::Malloc, folder) }.unwrap_err();
    assert!(matches!(error.misuse(), Misuse::WrongFamily { .. }));
    let text = error.to_string();
    assert!(text.contains("closedir"), "{text}");
    // SAFETY: live, and nobody uses it.
    unsafe { free(folder) }.expect("live");
    // SAFETY: refused.
    let error = unsafe { free(folder) }.unwrap_err();
    assert_eq!(error.misuse(), Misuse::Double);
}

/// Compiles a library, and opens it so that others do not see its names.
fn library(folder: &Path, name: &str, source: &str) -> *mut c_void {
    let path = folder.join(name);
    let code = folder.join(format!("{name}.c"));
    std::fs::write(&code, source).expect("written");
    let built = Command::new("cc")
        .args(["-shared", "-fPIC"])
        .arg(format!("-m{}", usize::BITS))
        .arg("-o")
        .arg(&path)
        .arg(&code)
        .status()
        .expect("a C compiler");
    assert!(built.success());
    let path = CString::new(path.to_str().expect("UTF-8")).expect("no NUL");
    // SAFETY: a library of ours, which does nothing when it is loaded.
    let handle = unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
    assert!(!handle.is_null());
    handle
}

fn folder() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("adopt_from");
    std::fs::create_dir_all(&folder).expect("created");
    folder
}

/// # Safety
/// `name` is a variable of this type in that library.
unsafe fn number(library: *mut c_void, name: &CStr) -> i32 {
    // SAFETY: promised by the caller.
    unsafe { *libc::dlsym(library, name.as_ptr()).cast::<i32>() }
}

#[test]
fn releases_of_libraries_that_nobody_else_sees_are_found() {
    let folder = folder();
    let source = "int released; void iconv_mine(void) {} \
         static void drop(void *p) { released++; } \
         void (*xmlFree)(void *) = drop; \
         void xmlFreeDoc(void *p) { released += 10; }";
    let xml = library(&folder, "libxml2.so.2", source);
    let (mut place, mut other) = ([0u64; 8], [0u64; 8]);
    // SAFETY: what these functions would give, as far as anybody looks.
    unsafe {
        // A variable that holds the function's address.
        free(taken("xmlStrdup", "return", &mut place)).expect("live");
        assert_eq!(number(xml, c"released"), 1);
        free(taken("xmlParseFile", "return", &mut place)).expect("live");
        assert_eq!(number(xml, c"released"), 11);
    }

    let source = "int released; void XML_ParserFree(void *p) { released++; }";
    let expat = library(&folder, "libexpat.so.1", source);
    // SAFETY: as above.
    unsafe {
        free(taken("XML_ParserCreate", "return", &mut place)).expect("live");
        assert_eq!(number(expat, c"released"), 1);
        // Another one with such a function, of another name, changes nothing.
        let bundled = library(&folder, "libbundled.so", source);
        free(taken("XML_ParserCreate", "return", &mut place)).expect("live");
        assert_eq!(
            (number(expat, c"released"), number(bundled, c"released")),
            (2, 0)
        );
        // But two of one name may both have given it.
        library(&folder, "libexpat-2.so.1", source);
        let error = adopt_from("XML_ParserCreate", "return", (&raw mut other).cast(), 0);
        let error = error.unwrap_err();
        assert!(
            matches!(error, AdoptFromError::SeveralReleases { .. }),
            "{error}"
        );
    }
}

#[test]
fn references_are_counted() {
    let source = "int released; void g_object_unref(void *p) { released++; }";
    let glib = library(&folder(), "libgobject-2.0.so.0", source);
    let mut object = [0u64; 8];
    // SAFETY: what these functions would give, as far as anybody looks.
    unsafe {
        let object = taken("g_object_new", "return", &mut object);
        // Another reference to the same object.
        taken("g_file_new_for_path", "return", object);
        free(object).expect("two references");
        free(object).expect("one reference");
        assert_eq!(number(glib, c"released"), 2);
        assert!(free(object).is_err());
    }
}
