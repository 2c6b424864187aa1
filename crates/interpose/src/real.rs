//! The functions that would have been called without us: the next definitions
//! behind this library, so that a program's own allocator stays in use.

use core::ffi::{CStr, c_char, c_void};
use core::mem::transmute_copy;
use core::sync::atomic::{AtomicPtr, AtomicU32, Ordering};

/// One function, found once. Thunks read its first word.
#[repr(C)]
pub(crate) struct Real {
    at: AtomicPtr<c_void>,
    name: &'static CStr,
}

impl Real {
    const fn new(name: &'static CStr) -> Real {
        Real {
            name,
            at: AtomicPtr::new(core::ptr::null_mut()),
        }
    }

    /// Its address, null when the program has none.
    #[inline(always)]
    pub(crate) fn address(&self) -> *mut c_void {
        // Relaxed: written once, before anybody needs it; code is immutable.
        self.at.load(Ordering::Relaxed)
    }

    /// The function as a pointer of type `F`; `None` when there is none.
    ///
    /// # Safety
    /// `F` is the type of a pointer to a function of this signature.
    #[inline(always)]
    pub(crate) unsafe fn get<F: Copy>(&self) -> Option<F> {
        const { assert!(size_of::<F>() == size_of::<usize>()) };
        let at = self.address();
        if at.is_null() {
            return None;
        }
        // SAFETY: promised by the caller.
        Some(unsafe { transmute_copy(&at) })
    }

    /// The same where it is known that there is one.
    ///
    /// # Safety
    /// As for [`Real::get`]; the function was found.
    #[inline(always)]
    pub(crate) unsafe fn known<F: Copy>(&self) -> F {
        const { assert!(size_of::<F>() == size_of::<usize>()) };
        // SAFETY: promised by the caller.
        unsafe { transmute_copy(&self.address()) }
    }

    fn find(&self) {
        self.at
            .store(find(libc::RTLD_NEXT, self.name), Ordering::Relaxed);
    }

    /// Looks in the C++ libraries that are loaded, whoever loaded them.
    #[cold]
    fn find_in_cpp(&self) {
        self.find();
        let libraries = [c"libstdc++.so.6", c"libc++abi.so.1", c"libc++.so.1"];
        for library in libraries {
            if !self.address().is_null() {
                return;
            }
            // SAFETY: RTLD_NOLOAD loads nothing; a null handle is not used.
            unsafe {
                let handle = libc::dlopen(library.as_ptr(), libc::RTLD_LAZY | libc::RTLD_NOLOAD);
                if !handle.is_null() {
                    self.at.store(find(handle, self.name), Ordering::Relaxed);
                }
            }
        }
    }
}

macro_rules! functions {
    ($all:ident: $($id:ident = $name:literal),* $(,)?) => {
        $(pub(crate) static $id: Real = Real::new($name);)*
        static $all: &[&Real] = &[$(&$id),*];
    };
}

functions! { EAGER:
    MALLOC = c"malloc", CALLOC = c"calloc", REALLOC = c"realloc", FREE = c"free",
    REALLOCARRAY = c"reallocarray", POSIX_MEMALIGN = c"posix_memalign",
    ALIGNED_ALLOC = c"aligned_alloc", MEMALIGN = c"memalign", VALLOC = c"valloc",
    PVALLOC = c"pvalloc", USABLE_SIZE = c"malloc_usable_size", FREE_SIZED = c"free_sized",
    FREE_ALIGNED_SIZED = c"free_aligned_sized",
    MMAP = c"mmap", MUNMAP = c"munmap", MREMAP = c"mremap",
    DLCLOSE = c"dlclose", EXIT_NOW = c"_exit", EXIT_NOW_C99 = c"_Exit",
    EXECVE = c"execve", EXECV = c"execv", EXECVP = c"execvp", EXECVPE = c"execvpe",
    FEXECVE = c"fexecve", EXECVEAT = c"execveat", EXECL = c"execl", EXECLP = c"execlp",
    EXECLE = c"execle",
}

functions! { CPP:
    NEW = c"_Znwm", NEW_NOTHROW = c"_ZnwmRKSt9nothrow_t",
    NEW_ALIGNED = c"_ZnwmSt11align_val_t",
    NEW_ALIGNED_NOTHROW = c"_ZnwmSt11align_val_tRKSt9nothrow_t",
    NEW_ARRAY = c"_Znam", NEW_ARRAY_NOTHROW = c"_ZnamRKSt9nothrow_t",
    NEW_ARRAY_ALIGNED = c"_ZnamSt11align_val_t",
    NEW_ARRAY_ALIGNED_NOTHROW = c"_ZnamSt11align_val_tRKSt9nothrow_t",
    DELETE = c"_ZdlPv", DELETE_SIZED = c"_ZdlPvm", DELETE_NOTHROW = c"_ZdlPvRKSt9nothrow_t",
    DELETE_ALIGNED = c"_ZdlPvSt11align_val_t",
    DELETE_SIZED_ALIGNED = c"_ZdlPvmSt11align_val_t",
    DELETE_ALIGNED_NOTHROW = c"_ZdlPvSt11align_val_tRKSt9nothrow_t",
    DELETE_ARRAY = c"_ZdaPv", DELETE_ARRAY_SIZED = c"_ZdaPvm",
    DELETE_ARRAY_NOTHROW = c"_ZdaPvRKSt9nothrow_t",
    DELETE_ARRAY_ALIGNED = c"_ZdaPvSt11align_val_t",
    DELETE_ARRAY_SIZED_ALIGNED = c"_ZdaPvmSt11align_val_t",
    DELETE_ARRAY_ALIGNED_NOTHROW = c"_ZdaPvSt11align_val_tRKSt9nothrow_t",
}

/// The loader's own `dlsym`: the name is taken by our hook.
pub(crate) static DLSYM: Real = Real::new(c"dlsym");

/// The address of a symbol, null when there is none.
pub(crate) fn find(handle: *mut c_void, name: &CStr) -> *mut c_void {
    type Dlsym = unsafe extern "C" fn(*mut c_void, *const c_char) -> *mut c_void;
    // SAFETY: the signature of dlsym; a C string.
    unsafe {
        let dlsym = DLSYM.get::<Dlsym>();
        dlsym.map_or(core::ptr::null_mut(), |f| f(handle, name.as_ptr()))
    }
}

/// Releases the message that a failed [`find`] has left, as the next one would do:
/// where nothing is recorded, that must not see the release either.
pub(crate) fn forget_message() {
    find(libc::RTLD_NEXT, c"malloc");
}

fn find_dlsym() {
    // By version, because without one it is ours that is found. The symbol has
    // moved from libdl to libc, which gave it a second version.
    for version in [c"GLIBC_2.2.5", c"GLIBC_2.34", c"GLIBC_2.17"] {
        // SAFETY: C strings; the result is only stored.
        let at = unsafe { libc::dlvsym(libc::RTLD_NEXT, c"dlsym".as_ptr(), version.as_ptr()) };
        if !at.is_null() {
            DLSYM.at.store(at, Ordering::Relaxed);
            return;
        }
    }
}

/// What stands before a function of the C library: given the address of one
/// that we hook, that of our hook; any other address as it is.
pub(crate) fn hook_for(address: *mut c_void) -> *mut c_void {
    let hooked = EAGER.iter().chain(CPP).find(|f| f.address() == address);
    match hooked {
        Some(real) if !address.is_null() => match find(libc::RTLD_DEFAULT, real.name) {
            hook if hook.is_null() => address,
            hook => hook,
        },
        _ => address,
    }
}

/// Whether `malloc` is that of glibc.
pub(crate) fn is_glibc() -> bool {
    MALLOC.address() == find(libc::RTLD_NEXT, c"__libc_malloc")
}

const UNKNOWN: u32 = 0;
const KNOWN: u32 = 1;
static STATE: AtomicU32 = AtomicU32::new(UNKNOWN);

/// Finds all functions that a C program can have. A call that comes from within
/// (`dlsym` allocates its error messages, and the program's own allocator may
/// then begin) returns at once: some functions are still unknown to it.
#[cold]
pub(crate) fn resolve() {
    let order = (Ordering::Acquire, Ordering::Acquire);
    let first = STATE.compare_exchange(UNKNOWN, KNOWN, order.0, order.1);
    if first.is_ok() {
        find_dlsym();
        EAGER.iter().for_each(|f| f.find());
        forget_message();
    }
}

/// Finds the C++ functions; called when the first of them is used, because
/// their library may have been loaded by `dlopen`.
#[cold]
pub(crate) fn resolve_cpp() {
    CPP.iter()
        .filter(|f| f.address().is_null())
        .for_each(|f| f.find_in_cpp());
}
