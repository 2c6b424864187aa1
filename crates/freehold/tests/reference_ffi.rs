//! The 38 cases of the reference's allocators, arenas and texts, by their groups
//! and names, and the memory cases of its Windows package. What is different on
//! purpose stands in `docs/migration.md`.

use freehold::strings::{Bstr, Hstring, NativeText, PStr, PWStr, TextError, multi_sz, wide_buffer};
use freehold::{
    AllocError, Arena, Misuse, calloc, diagnostic_calloc, free, leak_tests, malloc, native_free,
    using, with_zone_arena, zone_arena,
};

mod allocation {
    use super::*;

    leak_tests! {
        fn calloc_zeroes() {
            for _ in 0..1000 {
                for size in [0, 1, 7, 64, 255, 999] {
                    let mut block = diagnostic_calloc::<u8>(size).expect("memory");
                    assert!(block.iter().all(|b| *b == 0));
                    block.fill(0xff);
                }
            }
        }

        fn too_large_is_an_error() {
            // A 32-bit process may have as much.
            if usize::BITS == 64 {
                assert!(matches!(malloc::<u8>(usize::MAX / 2), Err(AllocError::OutOfMemory { .. })));
                assert!(matches!(malloc::<u8>(usize::MAX / 16), Err(AllocError::OutOfMemory { .. })));
            }
        }

        fn negative_is_no_count() {
            // What a negative number becomes.
            assert!(matches!(calloc::<u8>(-1isize as usize), Err(AllocError::TooLarge { .. })));
        }

        fn native_free_for_malloc() {
            let raw = malloc::<u8>(8).expect("memory").into_raw();
            // SAFETY: live.
            unsafe { native_free(raw.cast()) };
        }

        fn native_free_for_calloc() {
            // Of a block that counts: the tracker sees it go (defect 7).
            let raw = diagnostic_calloc::<u8>(8).expect("memory").into_raw();
            // SAFETY: live.
            unsafe { native_free(raw.cast()) };
        }
    }
}

mod arena {
    use super::*;
    use std::future::Future;
    use std::pin::pin;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::task::{Context, Poll, Waker};

    type Call = Box<dyn FnOnce() -> Result<(), String> + Send>;

    fn counting() -> (Arc<AtomicU32>, impl Fn() -> Call) {
        let count = Arc::new(AtomicU32::new(0));
        let theirs = Arc::clone(&count);
        (count, move || {
            let count = Arc::clone(&theirs);
            Box::new(move || {
                count.fetch_add(1, Ordering::Relaxed);
                Ok(())
            })
        })
    }

    fn run<F: Future>(future: F) -> F::Output {
        let mut future = pin!(future);
        let mut context = Context::from_waker(Waker::noop());
        loop {
            if let Poll::Ready(result) = future.as_mut().poll(&mut context) {
                return result;
            }
        }
    }

    leak_tests! {
        fn sync() {
            let (count, call) = counting();
            using(|arena| {
                arena.on_release(call()).expect("open");
                assert_eq!(count.load(Ordering::Relaxed), 0);
            })
            .expect("nothing fails");
            assert_eq!(count.load(Ordering::Relaxed), 1);
        }

        fn asynchronous() {
            let (count, call) = counting();
            run(freehold::using_async(async |arena| {
                arena.on_release(call()).expect("open");
                std::future::ready(()).await;
                assert_eq!(count.load(Ordering::Relaxed), 0);
            }))
            .expect("nothing fails");
            assert_eq!(count.load(Ordering::Relaxed), 1);
        }

        fn throw() {
            let (count, call) = counting();
            let thrown = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                using(|arena| {
                    arena.on_release(call()).expect("open");
                    panic!("thrown");
                })
            }));
            assert!(thrown.is_err());
            assert_eq!(count.load(Ordering::Relaxed), 1);
        }

        fn allocate() {
            using(|arena| {
                let numbers = arena.alloc::<i32>(10).expect("memory");
                numbers[9] = 5;
                assert_eq!(numbers[8..], [0, 5]);
            })
            .expect("nothing fails");
        }

        fn allocate_throw() {
            let thrown = std::panic::catch_unwind(|| {
                using(|arena| {
                    arena.alloc::<i32>(10).expect("memory");
                    panic!("thrown");
                })
            });
            assert!(thrown.is_err());
        }

        fn to_native_utf8() {
            using(|arena| {
                let text = arena.utf8("héllo").expect("memory");
                // SAFETY: ends with a NUL, lives long enough.
                let text = unsafe { PStr::new(text.as_mut_ptr()) };
                // SAFETY: no length is given.
                assert_eq!(unsafe { text.text(None) }.as_deref(), Ok("héllo"));
                let wide = arena.utf16(EMOJI).expect("memory");
                assert_eq!((wide.len(), wide[6]), (7, 0));
                assert_eq!(arena.utf16("a\0").unwrap_err(), AllocError::Nul { at: 1 });
            })
            .expect("nothing fails");
        }

        fn zone() {
            with_zone_arena(|| {
                zone_arena(|arena| arena.alloc::<u8>(5).is_ok()).expect("in a zone");
            })
            .expect("nothing fails");
        }

        fn zone_async() {
            let done = run(freehold::with_zone_arena_async(async {
                std::future::ready(()).await;
                zone_arena(|arena| arena.alloc::<u8>(5).is_ok())
            }));
            assert_eq!(done.expect("nothing fails"), Ok(true));
        }

        fn zone_throw() {
            let thrown = std::panic::catch_unwind(|| {
                with_zone_arena(|| {
                    zone_arena(|arena| arena.alloc::<u8>(5).is_ok()).expect("in a zone");
                    panic!("thrown");
                })
            });
            assert!(thrown.is_err());
            assert!(zone_arena(|_| ()).is_err());
        }

        fn zone_future_error() {
            let failed = run(freehold::with_zone_arena_async(async {
                zone_arena(|arena| arena.alloc::<u8>(5).is_ok()).expect("in a zone");
                std::future::ready(()).await;
                Err::<(), &str>("failed")
            }));
            assert_eq!(failed.expect("nothing fails"), Err("failed"));
        }

        fn allocate_during_release_all() {
            // What a release allocates in another arena is that one's; in its own
            // it cannot, for it would have to borrow it.
            let inner = Arc::new(freehold::SharedArena::new());
            let mut arena = Arena::new();
            let theirs = Arc::clone(&inner);
            arena
                .on_release(move || theirs.alloc::<u8>(8).map(|_| ()))
                .expect("open");
            arena.release_all(true).expect("nothing fails");
            assert_eq!(Arc::strong_count(&inner), 1);
        }
    }
}

/// The text that a pointer to `units` would give.
fn utf8(units: &[u8], len: Option<usize>) -> Result<String, TextError> {
    // SAFETY: ends with a NUL, and has `len` bytes.
    unsafe { PStr::new(units.as_ptr().cast_mut()).text(len) }
}

fn utf16(units: &[u16], len: Option<usize>) -> Result<String, TextError> {
    // SAFETY: as above.
    unsafe { PWStr::new(units.as_ptr().cast_mut()).text(len) }
}

const EMOJI: &str = "😎👿💬";

mod utf8 {
    use super::*;

    leak_tests! {
        fn to_ascii() {
            assert_eq!("Hi!".to_native_utf8().expect("memory")[..], *b"Hi!\0");
        }
        fn from_ascii() {
            assert_eq!(utf8(b"Hi!\0", None).as_deref(), Ok("Hi!"));
        }
        fn to_emoji() {
            let block = EMOJI.to_native_utf8().expect("memory");
            assert_eq!(block[..12], *EMOJI.as_bytes());
        }
        fn from_emoji() {
            let block = EMOJI.to_native_utf8().expect("memory");
            assert_eq!(utf8(&block, None).as_deref(), Ok(EMOJI));
        }
        fn invalid() {
            let error = utf8(&[b'a', 0x80, 0], None);
            assert_eq!(error, Err(TextError::Invalid { valid_up_to: 1 }));
        }
        fn ascii_with_length() {
            assert_eq!(utf8(b"Hello\0", Some(3)).as_deref(), Ok("Hel"));
        }
        fn emoji_with_length() {
            let block = EMOJI.to_native_utf8().expect("memory");
            assert_eq!(utf8(&block, Some(4)).as_deref(), Ok("😎"));
        }
        fn zero_length() {
            assert_eq!(utf8(b"Hello\0", Some(0)).as_deref(), Ok(""));
        }
        fn length_over_a_nul() {
            assert_eq!(utf8(b"a\0b\0", Some(3)).as_deref(), Ok("a\0b"));
        }
        fn length() {
            let block = EMOJI.to_native_utf8().expect("memory");
            // SAFETY: ends with a NUL.
            assert_eq!(unsafe { PStr::new(block.as_ptr().cast_mut()) }.len(), Ok(12));
        }
        fn null_to_string() {
            // SAFETY: null.
            let null = unsafe { PStr::new(std::ptr::null_mut()) };
            // SAFETY: null is refused.
            assert_eq!(unsafe { null.text(None) }, Err(TextError::Null));
            // SAFETY: null is refused.
            assert_eq!(unsafe { null.text(Some(3)) }, Err(TextError::Null));
        }
        fn null_length() {
            // SAFETY: null.
            assert_eq!(unsafe { PStr::new(std::ptr::null_mut()) }.len(), Err(TextError::Null));
        }
        fn zero_terminated() {
            let block = EMOJI.to_native_utf8().expect("memory");
            assert_eq!((block.len(), block[12]), (13, 0));
            assert_eq!("a\0b".to_native_utf8().unwrap_err(), AllocError::Nul { at: 1 });
        }
    }
}

mod utf16 {
    use super::*;

    leak_tests! {
        fn to_ascii() {
            assert_eq!("Hi!".to_native_utf16().expect("memory")[..], [72, 105, 33, 0]);
        }
        fn to_emoji() {
            let block = EMOJI.to_native_utf16().expect("memory");
            assert!(block[..6].iter().copied().eq(EMOJI.encode_utf16()));
        }
        fn from_ascii() {
            assert_eq!(utf16(&[72, 105, 0], None).as_deref(), Ok("Hi"));
        }
        fn from_emoji() {
            let block = EMOJI.to_native_utf16().expect("memory");
            assert_eq!(utf16(&block, None).as_deref(), Ok(EMOJI));
        }
        fn zero_bytes() {
            assert_eq!(utf16(&[0], None).as_deref(), Ok(""));
        }
        fn length() {
            assert_eq!(utf16(&[72, 105, 0], Some(1)).as_deref(), Ok("H"));
        }
        fn lone_surrogates() {
            assert_eq!(utf16(&[0xd800, 0], None).as_deref(), Ok("\u{fffd}"));
        }
        fn null_to_string() {
            // SAFETY: null, which is refused.
            let text = unsafe { PWStr::new(std::ptr::null_mut()).text(None) };
            assert_eq!(text, Err(TextError::Null));
        }
        fn null_length() {
            // SAFETY: null.
            assert_eq!(unsafe { PWStr::new(std::ptr::null_mut()) }.len(), Err(TextError::Null));
        }
    }
}

mod windows {
    use super::*;

    fn texts() -> [String; 4] {
        [
            "".into(),
            "héllo".into(),
            EMOJI.into(),
            "lärge ".repeat(5000),
        ]
    }

    leak_tests! {
        fn free_null_is_refused_in_every_build() {
            // SAFETY: refused.
            let error = unsafe { free(std::ptr::null_mut()) }.unwrap_err();
            assert_eq!(error.misuse(), Misuse::Null);
        }

        fn wide_buffers_are_as_long_as_promised() {
            let block = wide_buffer(10).expect("memory");
            assert_eq!((block.len(), block.byte_len()), (10, 20));
            assert!(block.iter().all(|unit| *unit == 0));
        }

        fn pwstr_and_pstr_round_trip() {
            for text in texts() {
                let wide = text.to_native_utf16().expect("memory");
                // SAFETY: ends with a NUL.
                let pointer = unsafe { PWStr::new(wide.as_ptr().cast_mut()) };
                assert_eq!(pointer.is_empty(), Ok(text.is_empty()));
                assert_eq!(pointer.byte_len(), Ok(text.encode_utf16().count() * 2));
                assert_eq!(pointer.copy().expect("memory")[..], wide[..]);
                let narrow = text.to_native_utf8().expect("memory");
                // SAFETY: ends with a NUL.
                let pointer = unsafe { PStr::new(narrow.as_ptr().cast_mut()) };
                assert_eq!(pointer.len(), Ok(text.len()));
                assert_eq!(pointer.copy().expect("memory")[..], narrow[..]);
                assert_eq!(pointer.to_wide().expect("memory")[..], wide[..]);
            }
        }

        fn set_string_checks_the_room() {
            let mut block = wide_buffer(8).expect("memory");
            // SAFETY: room for eight units.
            unsafe {
                let pointer = PWStr::new(block.as_mut_ptr());
                for text in ["seven 7", "x", ""] {
                    let bytes = 2 * (text.len() + 1);
                    assert_eq!(pointer.set(text, 8), Ok(bytes));
                    assert_eq!(pointer.text(None).as_deref(), Ok(text));
                }
                let error = TextError::TooLong { needed: 9, room: 8 };
                assert_eq!(pointer.set("eight 88", 8), Err(error));
                assert_eq!(pointer.set("a\0", 8), Err(TextError::Nul { at: 1 }));
            }
        }

        fn lists() {
            let list = multi_sz(&["ab", "cdé", "f"]).expect("memory");
            assert_eq!(list.len(), 10);
            // SAFETY: as many units as there are.
            unsafe {
                let pointer = PWStr::new(list.as_ptr().cast_mut());
                let all: Vec<String> = vec!["ab".into(), "cdé".into(), "f".into()];
                for room in 0..=list.len() {
                    let found = pointer.list(room).expect("not null");
                    assert!(found.len() <= all.len());
                    assert!(room < 9 || found == all, "{room}: {found:?}");
                }
                assert_eq!(pointer.list(5), Ok(vec!["ab".into(), "cd".into()]));
            }
            assert_eq!(multi_sz(&[]).unwrap_err(), AllocError::Empty);
            assert_eq!(multi_sz(&["a", ""]).unwrap_err(), AllocError::Empty);
        }

        fn bstr() {
            for text in texts().iter().map(String::as_str).chain(["a\0b", "\0"]) {
                let string = Bstr::new(text).expect("memory");
                assert_eq!(string.to_string(), text);
                assert_eq!(string.len(), text.encode_utf16().count());
                let prefix = string.as_ptr().cast::<u32>().wrapping_sub(1);
                // SAFETY: the length stands there.
                assert_eq!(unsafe { prefix.read() } as usize, string.byte_len());
                let copy = string.copy().expect("memory");
                assert_eq!(copy.units(), string.units());
                assert_ne!(copy.as_ptr(), string.as_ptr());
            }
        }

        fn hstring() {
            for text in texts().iter().map(String::as_str).chain(["a\0b"]) {
                let string = Hstring::new(text).expect("memory");
                assert_eq!(string.to_string(), text);
                let copy = string.copy().expect("live");
                assert_eq!(copy.as_raw(), string.as_raw());
                drop(string);
                assert_eq!(copy.to_string(), text);
            }
            assert!(Hstring::new("").expect("null").is_empty());
        }

        fn bytes_to_native() {
            let bytes = [1u8, 2, 3];
            let block = malloc::<u8>(3).expect("memory").fill_from(&bytes);
            assert_eq!(block[..], bytes);
        }
    }
}
