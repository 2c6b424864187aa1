//! The 78 cases of the reference's leak tracker, by its groups and names. What is
//! different on purpose stands in `docs/migration.md`.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::sync::{Mutex, MutexGuard, PoisonError};

use freehold::{
    Allocation, Colors, Filter, JsonEmitter, LeakError, LeakTracker, LeaksEmitter, PrintEmitter,
    diagnostic_calloc, fill_memory, format_address, format_bytes, format_stack_trace, indent,
};

fn sample(address: usize, size: u64, type_name: &str, stack: &str) -> Allocation {
    Allocation {
        address,
        size,
        type_name: type_name.into(),
        timestamp_unix_ns: 1_714_564_800_000_000_000,
        stack: stack.into(),
        ..Allocation::default()
    }
}

mod allocation {
    use super::*;

    const VALID: &str = r#"{"address": 43981, "type": "MyType", "size": 64,
        "timestamp": "2024-05-01T12:00:00.000Z", "stack": "trace-line", "more": [1]}"#;

    #[test]
    fn from_json_parses_valid_json() {
        let parsed = Allocation::from_json(VALID).expect("valid");
        assert_eq!(parsed, sample(0xabcd, 64, "MyType", "trace-line"));
    }

    #[test]
    fn round_trip_json() {
        let allocation = sample(1, 2, "\"quoted\\", "#0 a\n#1 é\t\u{1}");
        assert_eq!(Allocation::from_json(&allocation.to_json()), Ok(allocation));
    }

    #[test]
    fn throws_if_json_invalid() {
        for text in ["", "{", "nonsense", "{\"address\": }", "{} x"] {
            assert!(Allocation::from_json(text).is_err(), "{text}");
        }
    }

    #[test]
    fn throws_if_root_not_map() {
        let error = Allocation::from_json("[1, 2]").unwrap_err();
        let text = "Allocation JSON must decode to an object, got List.";
        assert_eq!(error.to_string(), text);
    }

    #[test]
    fn missing_field() {
        for field in ["address", "size", "type", "stack", "timestamp"] {
            let text = VALID.replace(&format!("\"{field}\""), "\"other\"");
            let error = Allocation::from_json(&text).unwrap_err();
            let expected = format!("Missing required field \"{field}\" in Allocation JSON.");
            assert_eq!(error.to_string(), expected);
        }
    }

    #[test]
    fn wrong_type() {
        let text = VALID.replace("43981", "\"43981\"");
        let error = Allocation::from_json(&text).unwrap_err();
        assert_eq!(
            error.to_string(),
            "Field \"address\" must be int but was String."
        );
        let text = VALID.replace("\"MyType\"", "1.5");
        let error = Allocation::from_json(&text).unwrap_err();
        assert_eq!(
            error.to_string(),
            "Field \"type\" must be String but was double."
        );
    }

    #[test]
    fn invalid_timestamp() {
        let text = VALID.replace("2024-05-01T12:00:00.000Z", "not-a-date");
        let error = Allocation::from_json(&text).unwrap_err();
        assert_eq!(
            error.to_string(),
            "Invalid ISO-8601 timestamp: \"not-a-date\"."
        );
    }

    #[test]
    fn to_string_contains_all_fields() {
        let expected = "Allocation(\n  address   : 0x0000abcd\n  type      : MyType\n  size      \
                        : 64 B\n  timestamp : 2024-05-01T12:00:00.000Z\n  stack     :\n    \
                        trace-line\n)";
        assert_eq!(
            sample(0xabcd, 64, "MyType", "trace-line").to_string(),
            expected
        );
    }
}

mod emitter {
    use super::*;

    fn written(leaks: &[Allocation]) -> String {
        static NUMBER: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let name = format!("freehold-emitter-{}-{number}.json", std::process::id());
        let path = std::env::temp_dir().join(name);
        JsonEmitter::new(&path).emit(leaks).expect("written");
        let text = std::fs::read_to_string(&path).expect("there");
        std::fs::remove_file(path).expect("ours");
        text
    }

    fn printed(leaks: &[Allocation], colors: Colors) -> String {
        let mut out = Vec::new();
        PrintEmitter::to(&mut out, colors)
            .emit(leaks)
            .expect("memory");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn json_writes_valid_file() {
        let leaks = [sample(1, 10, "A", "s\"1"), sample(2, 20, "B", "s2")];
        let text = written(&leaks);
        assert!(
            text.starts_with("[\n  {\n    \"address\": 1,\n    \"type\": \"A\","),
            "{text}"
        );
        // Objects, not texts that hold objects.
        let items: Vec<&str> = text[1..text.len() - 1].split("},").collect();
        assert_eq!(items.len(), 2);
        let first = format!("{}}}", items[0]);
        assert_eq!(Allocation::from_json(&first).as_ref(), Ok(&leaks[0]));
        assert_eq!(Allocation::from_json(items[1]).as_ref(), Ok(&leaks[1]));
    }

    #[test]
    fn json_writes_empty_list_if_no_leaks() {
        assert_eq!(written(&[]), "[]");
    }

    #[test]
    fn print_no_leaks_status() {
        assert_eq!(
            printed(&[], Colors::Never),
            "✓ No native memory leaks detected\n"
        );
        let colored = printed(&[], Colors::Always);
        assert!(
            colored.starts_with("\x1b[38;2;170;255;0m\x1b[1m✓ No"),
            "{colored:?}"
        );
    }

    #[test]
    fn print_summary_and_sort_by_size_desc() {
        let leaks = [sample(1, 10, "Small", "s"), sample(2, 100, "Big", "b")];
        let text = printed(&leaks, Colors::Never);
        let start = format!(
            "✗ Native memory leaks detected\nLeaks   : 2\nTotal   : 110 B\nLargest : 100 B\n{0}\n\
             Leak #1 - Big (100 B)\n  address   : 0x00000002\n",
            "─".repeat(40)
        );
        assert!(text.starts_with(&start), "{text}");
        assert!(text.ends_with("─\n"));
        assert!(text.find("Big").unwrap() < text.find("Small").unwrap());
    }

    #[test]
    fn print_stack_lines() {
        let text = printed(&[sample(1, 1, "T", "#0 one\n#1 two\n\n")], Colors::Never);
        assert!(
            text.contains("  stack     :\n    #0 one\n    #1 two\n─"),
            "{text}"
        );
    }
}

mod exception {
    use super::*;

    fn error() -> LeakError {
        let leaks = vec![sample(1, 10, "A", "s1"), sample(2, 1536, "B", "s2")];
        LeakError::new(leaks, Filter::types(["C"]))
    }

    #[test]
    fn count() {
        assert_eq!(error().count(), 2);
    }

    #[test]
    fn total_bytes_sums() {
        assert_eq!(error().total_bytes(), 1546);
    }

    #[test]
    fn to_string_header_and_summary_labels() {
        let text = error().to_string();
        for part in [
            "LeakTrackerException: Native memory leaks detected",
            "Filter  : type is in: \"C\"",
            "Leaks   : 2",
            "Total   : 1.51 KB",
            "Largest : 1.50 KB",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }

    #[test]
    fn to_string_lists_each_leak() {
        let text = error().to_string();
        assert!(text.contains("Leak #1 - B (1.50 KB)") && text.contains("Leak #2 - A (10 B)"));
    }

    #[test]
    #[should_panic(expected = "must have at least one leak")]
    fn assertion_error_on_empty_leaks() {
        let _ = LeakError::new(Vec::new(), Filter::ignore_none());
    }
}

mod filter {
    use super::*;

    fn a() -> Filter {
        Filter::types(["A"])
    }
    fn b() -> Filter {
        Filter::stack_contains("b")
    }
    fn c() -> Filter {
        Filter::addresses([1])
    }
    fn hash(filter: &Filter) -> u64 {
        let mut hasher = DefaultHasher::new();
        filter.hash(&mut hasher);
        hasher.finish()
    }
    fn same(one: Filter, other: Filter) {
        assert_eq!(one, other);
        assert_eq!(hash(&one), hash(&other));
        assert_eq!(one.to_string(), other.to_string());
    }
    fn block() -> Allocation {
        sample(1, 1, "A", "abc")
    }

    #[test]
    fn ignore_none() {
        assert!(!Filter::ignore_none().ignores(&block()));
    }
    #[test]
    fn ignore_all() {
        assert!(Filter::ignore_all().ignores(&block()));
    }
    #[test]
    fn address_filter() {
        assert!(c().ignores(&block()));
        assert!(!Filter::addresses([2]).ignores(&block()));
    }
    #[test]
    fn type_filter() {
        assert!(a().ignores(&block()));
        assert!(!Filter::types(["B"]).ignores(&block()));
    }
    #[test]
    fn stack_filter() {
        assert!(b().ignores(&block()));
        assert!(!Filter::stack_contains("x").ignores(&block()));
    }
    #[test]
    fn addresses_order_independent_equality_and_hash() {
        same(Filter::addresses([1, 2]), Filter::addresses([2, 1]));
    }
    #[test]
    fn types_order_independent_equality_and_hash() {
        same(Filter::types(["A", "B"]), Filter::types(["B", "A"]));
    }
    #[test]
    fn identity_and() {
        same(a() & Filter::ignore_all(), a());
    }
    #[test]
    fn identity_or() {
        same(a() | Filter::ignore_none(), a());
    }
    #[test]
    fn annihilator_and() {
        same(a() & Filter::ignore_none(), Filter::ignore_none());
    }
    #[test]
    fn annihilator_or() {
        same(a() | Filter::ignore_all(), Filter::ignore_all());
    }
    #[test]
    fn idempotent_and() {
        same(a() & a(), a());
    }
    #[test]
    fn idempotent_or() {
        same(a() | a(), a());
    }
    #[test]
    fn double_negation() {
        same(!!a(), a());
    }
    #[test]
    fn and_commutative() {
        same(a() & b(), b() & a());
    }
    #[test]
    fn or_commutative() {
        same(a() | b(), b() | a());
    }
    #[test]
    fn and_associative() {
        same((a() & b()) & c(), a() & (b() & c()));
    }
    #[test]
    fn or_associative() {
        same((a() | b()) | c(), a() | (b() | c()));
    }
    #[test]
    fn not_of_and() {
        same(!(a() & b()), !a() | !b());
    }
    #[test]
    fn not_of_or() {
        same(!(a() | b()), !a() & !b());
    }
    #[test]
    fn nested_and_flattens() {
        let text = (a() & (b() & c())).to_string();
        assert_eq!(
            text,
            r#"address is in: "1" AND stack contains "b" AND type is in: "A""#
        );
    }
    #[test]
    fn nested_or_flattens() {
        let text = (a() | (b() | c())).to_string();
        assert_eq!(
            text,
            r#"address is in: "1" OR stack contains "b" OR type is in: "A""#
        );
    }
    #[test]
    fn and_removes_duplicates() {
        same((a() & b()) & (b() & a()), a() & b());
    }
    #[test]
    fn or_removes_duplicates() {
        same((a() | b()) | (b() | a()), a() | b());
    }
    #[test]
    fn and_true_only_if_both_match() {
        assert!((a() & b()).ignores(&block()));
        assert!(!(a() & Filter::types(["B"])).ignores(&block()));
    }
    #[test]
    fn or_true_if_either_matches() {
        assert!((a() | Filter::types(["B"])).ignores(&block()));
        assert!(!(Filter::types(["B"]) | Filter::types(["C"])).ignores(&block()));
    }
    #[test]
    fn deep_equality_and_hash_of_and() {
        same(a() & (b() | c()), (c() | b()) & a());
    }
    #[test]
    fn deep_equality_and_hash_of_or() {
        same(a() | (b() & c()), (c() & b()) | a());
    }
    #[test]
    fn string_ordering_deterministic() {
        // Parts that are joined themselves stand in parentheses: one reading.
        let text = ((a() & b()) | c()).to_string();
        assert_eq!(
            text,
            r#"(stack contains "b" AND type is in: "A") OR address is in: "1""#
        );
        assert_eq!((!a()).to_string(), r#"NOT (type is in: "A")"#);
    }
}

mod leak_tracker {
    use super::*;

    /// One at a time, from a clean state.
    fn start() -> MutexGuard<'static, ()> {
        static ALONE: Mutex<()> = Mutex::new(());
        let guard = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        LeakTracker::enable();
        LeakTracker::reset();
        LeakTracker::clear_global_filter();
        guard
    }

    #[test]
    fn enable_sets_enabled() {
        let _alone = start();
        LeakTracker::disable();
        LeakTracker::enable();
        assert!(LeakTracker::is_enabled());
    }

    #[test]
    fn disable_clears_enabled() {
        let _alone = start();
        let block = diagnostic_calloc::<u8>(1).expect("memory");
        LeakTracker::disable();
        assert!(!LeakTracker::is_enabled());
        // What counted is still seen to go (defect 2).
        assert!(LeakTracker::has_leaks());
        let after = diagnostic_calloc::<u8>(1).expect("memory");
        drop(block);
        assert!(!LeakTracker::has_leaks());
        drop(after);
    }

    #[test]
    fn default_filter_ignore_none() {
        let _alone = start();
        assert_eq!(LeakTracker::global_filter(), Filter::ignore_none());
    }

    #[test]
    fn add_global_filter_combines() {
        let _alone = start();
        let block = diagnostic_calloc::<u8>(1).expect("memory");
        LeakTracker::add_global_filter(Filter::types(["u16"]));
        assert!(LeakTracker::has_leaks());
        // Added after the block was allocated, it holds for it (defect 5).
        LeakTracker::add_global_filter(Filter::types(["u8"]));
        assert!(!LeakTracker::has_leaks());
        let combined = Filter::types(["u16"]) | Filter::types(["u8"]);
        assert_eq!(LeakTracker::global_filter(), combined);
        drop(block);
    }

    #[test]
    fn clear_global_filter_resets() {
        let _alone = start();
        LeakTracker::add_global_filter(Filter::ignore_all());
        LeakTracker::clear_global_filter();
        assert_eq!(LeakTracker::global_filter(), Filter::ignore_none());
    }

    #[test]
    fn snapshot_empty_initially() {
        let _alone = start();
        assert!(LeakTracker::snapshot().is_empty());
        assert!(!LeakTracker::has_leaks());
    }

    #[test]
    fn snapshot_reflects_scoped_allocation() {
        let _alone = start();
        LeakTracker::run_scoped(
            || {
                let block = diagnostic_calloc::<u8>(3).expect("memory");
                assert_eq!(LeakTracker::snapshot().len(), 1);
                let outside = std::thread::spawn(LeakTracker::snapshot).join();
                assert!(outside.expect("no panic").is_empty());
                drop(block);
            },
            None,
        );
        assert!(LeakTracker::snapshot().is_empty());
    }

    #[test]
    fn snapshot_unmodifiable() {
        let _alone = start();
        let block = diagnostic_calloc::<u8>(3).expect("memory");
        // A copy: changing it changes nothing.
        LeakTracker::snapshot().clear();
        assert_eq!(LeakTracker::snapshot().len(), 1);
        drop(block);
    }

    #[test]
    fn reset_clears_registry() {
        let _alone = start();
        let block = diagnostic_calloc::<u8>(3).expect("memory");
        LeakTracker::reset();
        assert!(!LeakTracker::has_leaks());
        block.release().expect("still known to free");
    }

    #[test]
    fn run_scoped_enables_inside_restores_outside() {
        let _alone = start();
        LeakTracker::disable();
        LeakTracker::run_scoped(|| assert!(LeakTracker::is_enabled()), None);
        assert!(!LeakTracker::is_enabled());
        // Nested ones have the filter of the one around (defect 4).
        let filter = Some(Filter::types(["u8"]));
        LeakTracker::run_scoped(
            || {
                LeakTracker::run_scoped(
                    || {
                        let block = diagnostic_calloc::<u8>(3).expect("memory");
                        assert!(!LeakTracker::has_leaks());
                        drop(block);
                    },
                    None,
                );
            },
            filter,
        );
    }

    #[test]
    fn verify_no_leaks_silent_when_clean() {
        let _alone = start();
        LeakTracker::verify_no_leaks().expect("clean");
    }

    #[test]
    fn verify_no_leaks_throws_leak_tracker_exception() {
        let _alone = start();
        let block = diagnostic_calloc::<u8>(3).expect("memory");
        let error = LeakTracker::verify_no_leaks().unwrap_err();
        assert_eq!((error.count(), error.total_bytes()), (1, 3));
        drop(block);
    }

    #[test]
    fn emit_passes_snapshot() {
        struct Keep(Vec<Allocation>);
        impl LeaksEmitter for Keep {
            fn emit(&mut self, leaks: &[Allocation]) -> std::io::Result<()> {
                self.0 = leaks.to_vec();
                Ok(())
            }
        }
        let _alone = start();
        let block = diagnostic_calloc::<u8>(3).expect("memory");
        let mut keep = Keep(Vec::new());
        LeakTracker::emit(&mut keep).expect("kept");
        assert_eq!(keep.0.len(), 1);
        assert_eq!(keep.0[0].address, block.as_ptr() as usize);
        assert_eq!(keep.0[0].type_name, "u8");
        assert!(keep.0[0].timestamp_unix_ns > 1_700_000_000_000_000_000);
        drop(block);
    }
}

mod utils {
    use super::*;

    #[test]
    fn fill_memory_fills_buffer() {
        let mut block = diagnostic_calloc::<u8>(16).expect("memory");
        fill_memory(&mut block, 0xab);
        assert!(block.iter().all(|b| *b == 0xab));
    }
    #[test]
    fn fill_memory_respects_length() {
        let mut block = diagnostic_calloc::<u8>(4).expect("memory");
        fill_memory(&mut block[..2], 1);
        assert_eq!(block[..], [1, 1, 0, 0]);
    }
    #[test]
    fn fill_memory_zero_length() {
        let mut block = diagnostic_calloc::<u8>(1).expect("memory");
        fill_memory(&mut block[..0], 1);
        assert_eq!(block[..], [0]);
    }
    #[test]
    fn fill_memory_other_byte_values() {
        let mut block = diagnostic_calloc::<u8>(1).expect("memory");
        for byte in [0, 1, 0x7f, 0xff] {
            fill_memory(&mut block, byte);
            assert_eq!(block[0], byte);
        }
    }
    #[test]
    fn format_address_0() {
        assert_eq!(format_address(0), "0x00000000");
    }
    #[test]
    fn format_address_12345678() {
        assert_eq!(format_address(0x1234_5678), "0x12345678");
    }
    #[test]
    fn format_address_pads() {
        assert_eq!(format_address(0xff), "0x000000ff");
    }
    #[test]
    fn format_bytes_512_b() {
        assert_eq!(format_bytes(512), "512 B");
    }
    #[test]
    fn format_bytes_kb() {
        assert_eq!(format_bytes(1024), "1.00 KB");
        assert_eq!(format_bytes(1536), "1.50 KB");
    }
    #[test]
    fn format_bytes_mb() {
        assert_eq!(format_bytes(1 << 20), "1.00 MB");
        assert_eq!(format_bytes((1 << 20) - 1), "1024.00 KB");
    }
    #[test]
    fn format_bytes_gb() {
        assert_eq!(format_bytes(1 << 30), "1.00 GB");
        assert_eq!(format_bytes(1 << 40), "1024.00 GB");
    }
    #[test]
    fn format_stack_trace_renumbers() {
        // No frame of ours has to be dropped: none is ever there.
        let text = format_stack_trace("#1      a\n#2      b\n");
        assert_eq!(text, "#0      a\n#1      b");
    }
    #[test]
    fn format_stack_trace_keeps_non_frame_lines() {
        let text = format_stack_trace("#1      a\n<asynchronous suspension>\n#2      b");
        assert_eq!(text, "#0      a\n<asynchronous suspension>\n#1      b");
    }
    #[test]
    fn recorded_stacks_begin_with_the_callers_frame() {
        // The reference asserts that its own frame is the first, to drop it.
        #[inline(never)]
        fn site() -> *mut u8 {
            diagnostic_calloc::<u8>(1).expect("memory").into_raw()
        }
        let scope = freehold::Scope::begin("frame");
        let raw = scope.enter(site);
        // SAFETY: live, then refused.
        let error = unsafe {
            freehold::free(raw.cast()).expect("was live");
            freehold::free(raw.cast()).unwrap_err()
        };
        let inside = error.allocated().frames()[0]
            .address()
            .unwrap_or(0)
            .wrapping_sub(site as *const () as usize);
        assert!(inside < 2000, "{inside:#x} bytes behind its start");
    }
    #[test]
    fn indent_single_line() {
        assert_eq!(indent("a", 2), "  a");
    }
    #[test]
    fn indent_multiple_lines() {
        assert_eq!(indent("a\nb", 4), "    a\n    b");
    }
    #[test]
    fn indent_zero() {
        assert_eq!(indent("a\nb", 0), "a\nb");
    }
    #[test]
    fn indent_empty_string() {
        assert_eq!(indent("", 2), "  ");
    }
}
