//! Which frames tell a person nothing: the allocator's at the inner end of a
//! stack, the start of the process or thread at the outer end.

use freehold_ledger::managed::is_interpreter;

use crate::frame::Frame;

/// Functions that only pass an allocation on.
const ALLOCATORS: [&str; 32] = [
    "malloc",
    "calloc",
    "realloc",
    "reallocarray",
    "memalign",
    "aligned_alloc",
    "posix_memalign",
    "valloc",
    "pvalloc",
    "mmap",
    "mmap64",
    "mremap",
    "__mmap",
    "__mmap64",
    "operator new",
    "operator new[]",
    "operator delete",
    "operator delete[]",
    "free",
    "free_sized",
    "free_aligned_sized",
    "__rust_alloc",
    "__rust_alloc_zeroed",
    "__rust_realloc",
    "__rustc::__rust_alloc",
    "__rustc::__rust_alloc_zeroed",
    "__rustc::__rust_realloc",
    "__rdl_alloc",
    "__rdl_alloc_zeroed",
    "__rdl_realloc",
    "__libc_malloc",
    "__libc_calloc",
];

/// Prefixes of such functions.
const ALLOCATOR_PREFIXES: [&str; 17] = [
    "__gnu_cxx::",
    "std::allocator<",
    "std::allocator_traits<",
    "std::__1::allocator<",
    "std::__1::allocator_traits<",
    "alloc::alloc::",
    "<alloc::alloc::Global",
    "alloc::raw_vec::",
    "<alloc::raw_vec::",
    "alloc::boxed::Box<",
    "<alloc::boxed::Box<",
    "std::alloc::",
    "<std::alloc::System",
    "std::sys::alloc::",
    "__rustc::__rdl_",
    "__rustc::__rg_",
    "hashbrown::raw::",
];

/// The project's own library, which allocates for its users: its file, and how its
/// functions begin where it is linked into a program (C ones and crates alike).
const LIBRARY: &str = "libfreehold.so";
const LIBRARY_NAMES: [&str; 2] = ["freehold::", "freehold_"];

/// Namespaces of the C++ library that are only there for its versions.
const VERSIONS: [&str; 4] = [
    "std::__cxx11::",
    "std::__1::",
    "std::__ndk1::",
    "std::__debug::",
];

/// Functions with which a process or a thread begins.
const STARTS: [&str; 26] = [
    "_start",
    "__libc_start_main",
    "__libc_start_main_impl",
    "__libc_start_call_main",
    "clone",
    "clone3",
    "__clone",
    "__clone3",
    "__GI___clone3",
    "start_thread",
    "thread_start",
    "_dl_start_user",
    // Windows: its own, those of Microsoft's and of mingw's runtimes.
    "RtlUserThreadStart",
    "BaseThreadInitThunk",
    "mainCRTStartup",
    "wmainCRTStartup",
    "WinMainCRTStartup",
    "wWinMainCRTStartup",
    "__tmainCRTStartup",
    "__scrt_common_main",
    "__scrt_common_main_seh",
    "invoke_main",
    "_threadstart",
    "_threadstartex",
    "thread_start<unsigned int (__cdecl*)(void *),1>",
    "DllMainCRTStartup",
];

/// How files begin whose functions without a name begin processes and threads, when
/// they are the outermost.
const NAMELESS_STARTS: [&str; 6] = [
    "libc.so",
    "libc-2",
    "ld-linux",
    "ld-musl",
    "ntdll.dll",
    "kernel32.dll",
];

/// Prefixes of functions with which a Rust program or thread begins.
const RUST_STARTS: [&str; 11] = [
    "std::rt::",
    "std::sys::backtrace::__rust_begin_short_backtrace",
    "std::sys_common::backtrace::__rust_begin_short_backtrace",
    "std::panicking::",
    "std::panic::",
    "core::ops::function::",
    "core::panic::unwind_safe::",
    "std::sys::thread::",
    "std::thread::lifecycle::",
    "std::thread::Builder::spawn_unchecked",
    "__rust_try",
];

/// The frames that tell something to whoever writes in a managed language: all but those
/// of its interpreter. All of them where no managed language is involved.
pub(crate) fn without_interpreter(stack: &[Frame]) -> Vec<&Frame> {
    let is_managed = stack.iter().any(|frame| !frame.is_native());
    let is_inside =
        |frame: &Frame| is_managed && frame.is_native() && is_interpreter(&frame.module);
    stack.iter().filter(|frame| !is_inside(frame)).collect()
}

/// The frames between the allocator's and the start of the process or thread;
/// all of them when nothing is left.
pub(crate) fn telling(stack: &[Frame]) -> &[Frame] {
    let kept = stack.get(plumbing(stack)..stack.len() - boilerplate(stack));
    kept.filter(|kept| !kept.is_empty()).unwrap_or(stack)
}

/// How many frames at the inner end are the allocator's. Never all of them.
pub(crate) fn plumbing(stack: &[Frame]) -> usize {
    let inner = stack.iter().take_while(|f| is_allocator(f)).count();
    inner.min(stack.len().saturating_sub(1))
}

/// How many frames at the outer end start the process or thread. Never all.
pub(crate) fn boilerplate(stack: &[Frame]) -> usize {
    let mut outer = stack.iter().rev().take_while(|f| is_start(f)).count();
    // The C `main` that the Rust compiler makes.
    if let Some(below) = stack.len().checked_sub(outer + 2) {
        let is_shim = stack[below + 1].function() == Some("main") && is_rust_start(&stack[below]);
        if is_shim {
            outer += 1;
        }
    }
    let rust = stack
        .iter()
        .rev()
        .skip(outer)
        .take_while(|f| is_rust_start(f));
    (outer + rust.count()).min(stack.len().saturating_sub(1))
}

fn is_allocator(frame: &Frame) -> bool {
    if !frame.is_native() {
        return false;
    }
    if frame.module.starts_with(LIBRARY) {
        return true;
    }
    let Some(full) = frame.function() else {
        return false;
    };
    let name = without_parameters(full);
    let bare = name.trim_start_matches('<');
    ALLOCATORS.contains(&name)
        || LIBRARY_NAMES.iter().any(|p| bare.starts_with(p))
        || ALLOCATOR_PREFIXES.iter().any(|p| name.starts_with(p))
        || is_inside_cpp_library(name)
        || ["exchange_malloc", "box_new"].contains(&name)
}

/// Whether this is an internal function of the C++ library: the reserved names
/// in `std`. `std::vector<…>::push_back` says something, what it calls does not.
fn is_inside_cpp_library(name: &str) -> bool {
    let version = VERSIONS.iter().find_map(|v| name.strip_prefix(v));
    let Some(inner) = version.or_else(|| name.strip_prefix("std::")) else {
        return false;
    };
    inner.starts_with('_') || inner.contains("::_M_") || inner.contains("::_S_")
}

fn is_start(frame: &Frame) -> bool {
    if !frame.is_native() {
        return false;
    }
    // A name with a distance behind it is only the nearest one.
    let name = frame.function().filter(|name| !name.contains("+0x"));
    let Some(name) = name else {
        let module = frame.module.to_ascii_lowercase();
        return NAMELESS_STARTS
            .iter()
            .any(|begin| module.starts_with(begin));
    };
    // A PDB has the parameters of C functions, too.
    STARTS.contains(&without_parameters(name))
}

fn is_rust_start(frame: &Frame) -> bool {
    let name = frame.function().filter(|_| frame.is_native());
    name.is_some_and(|name| {
        // `<&dyn core::ops::function::Fn() as …>::call`.
        let name = name.trim_start_matches(['<', '&']);
        let name = name.strip_prefix("dyn ").unwrap_or(name);
        RUST_STARTS.iter().any(|p| name.starts_with(p))
            || name.starts_with("alloc::boxed::Box<") && name.contains("FnOnce")
    })
}

/// A C++ name without the list of its parameters.
pub(crate) fn without_parameters(name: &str) -> &str {
    let mut head = name;
    for suffix in [" const", " volatile", " &&", " &"] {
        head = head.strip_suffix(suffix).unwrap_or(head);
    }
    if !head.ends_with(')') {
        return name;
    }
    let mut depth = 0usize;
    for (at, c) in head.char_indices().rev() {
        match c {
            ')' => depth += 1,
            '(' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            let before = &head[..at];
            let is_part_of_name =
                before.is_empty() || before.ends_with("operator") || before.ends_with("::");
            return if is_part_of_name { name } else { before };
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::frame;

    fn stack(names: &[&str]) -> Vec<Frame> {
        names
            .iter()
            .map(|name| frame("app", name, "a.c", 1))
            .collect()
    }

    #[test]
    fn parameters_are_cut_and_nothing_else() {
        for (name, short) in [
            ("operator new(unsigned long)", "operator new"),
            ("Widget::grow(int, char (*)(int)) const", "Widget::grow"),
            (
                "f::{lambda(int)#1}::operator()(int) const",
                "f::{lambda(int)#1}::operator()",
            ),
            ("(anonymous namespace)::f()", "(anonymous namespace)::f"),
            ("ns::(anonymous namespace)", "ns::(anonymous namespace)"),
            ("operator()", "operator()"),
            ("plain", "plain"),
            ("", ""),
            (")", ")"),
        ] {
            assert_eq!(without_parameters(name), short);
        }
    }

    #[test]
    fn windows_begins_programs_and_threads_in_its_own_way() {
        let names = [
            "app::main",
            "core::ops::function::FnOnce::call_once",
            "std::rt::lang_start::{closure#0}",
            "main",
            "__scrt_common_main_seh()",
            "BaseThreadInitThunk",
            "RtlUserThreadStart",
        ];
        assert_eq!(boilerplate(&stack(&names)), 6);
        assert_eq!(
            boilerplate(&stack(&["parse", "main", "__tmainCRTStartup"])),
            1
        );
    }

    #[test]
    fn plumbing_ends_at_the_first_frame_with_meaning() {
        let cpp = stack(&[
            "operator new(unsigned long)",
            "std::__new_allocator<int>::allocate(unsigned long, void const*)",
            "std::_Vector_base<int, std::allocator<int> >::_M_allocate(unsigned long)",
            "std::vector<int>::_M_realloc_insert<int const&>(int const&)",
            "std::vector<int>::push_back(int const&)",
            "operator new(unsigned long)",
        ]);
        assert_eq!(plumbing(&cpp), 4);
        let text = stack(&[
            "std::__cxx11::basic_string<char>::_M_create(unsigned long&, unsigned long)",
            "std::__cxx11::basic_string<char>::basic_string(char const*)",
            "main",
        ]);
        assert_eq!(plumbing(&text), 1);
        assert_eq!(plumbing(&stack(&["malloc", "strdup", "main"])), 1);
        assert_eq!(
            plumbing(&stack(&[
                "alloc::alloc::alloc",
                "alloc::raw_vec::RawVec<T,A>::grow",
                "app::f"
            ])),
            2
        );
        let library = stack(&[
            "freehold::entry::enter",
            "<freehold::alloc::Calloc as freehold::alloc::Allocator>::allocate",
            "freehold::alloc::functions::calloc",
            "freeholder::buy",
        ]);
        assert_eq!(plumbing(&library), 3);
        let c = [
            frame("libfreehold.so.0", "freehold_calloc", "allocate.rs", 1),
            frame("app", "freehold_free", "release.rs", 1),
            frame("app", "freeholder", "a.c", 1),
        ];
        assert_eq!(plumbing(&c), 2);
        assert_eq!(plumbing(&stack(&["malloc"])), 0);
        assert_eq!(plumbing(&[]), 0);
    }

    #[test]
    fn the_start_of_a_process_is_known() {
        let c = stack(&[
            "f",
            "main",
            "__libc_start_call_main",
            "__libc_start_main_impl",
            "_start",
        ]);
        assert_eq!(boilerplate(&c), 3);
        let rust = stack(&[
            "app::main",
            "<&dyn core::ops::function::Fn<(), Output = i32> as core::ops::function::FnOnce<()>>::call_once",
            "core::ops::function::FnOnce::call_once",
            "std::rt::lang_start::{{closure}}",
            "std::rt::lang_start_internal",
            "main",
            "_start",
        ]);
        assert_eq!(boilerplate(&rust), 6);
        assert_eq!(boilerplate(&stack(&["_start"])), 0);
        assert_eq!(boilerplate(&[]), 0);
    }
}
