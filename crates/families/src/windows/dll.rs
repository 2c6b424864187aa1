//! Functions of libraries that are loaded only when they are needed.

use core::ffi::{CStr, c_char, c_void};
use core::ptr::{self, NonNull};
use core::sync::atomic::{AtomicPtr, Ordering};

#[link(name = "kernel32")]
unsafe extern "system" {
    fn GetModuleHandleExA(flags: u32, name: *const c_char, module: *mut *mut c_void) -> i32;
    fn LoadLibraryExA(name: *const c_char, file: *mut c_void, flags: u32) -> *mut c_void;
    fn GetProcAddress(module: *mut c_void, name: *const c_char) -> *mut c_void;
}

/// `GET_MODULE_HANDLE_EX_FLAG_PIN`: the module stays until the process ends.
const PIN: u32 = 1;
/// `LOAD_LIBRARY_SEARCH_SYSTEM32`: never from the folder of the program or the
/// present one.
const SEARCH_SYSTEM32: u32 = 0x800;

/// A library of the system.
pub(super) struct Dll(pub(super) &'static CStr);

impl Dll {
    /// The module: the one that the process has, or else loaded from the folder of
    /// the system. It is never unloaded.
    fn module(&self) -> *mut c_void {
        let mut module = ptr::null_mut();
        // SAFETY: the name is a C string, the place is valid for the call.
        unsafe {
            match GetModuleHandleExA(PIN, self.0.as_ptr(), &mut module) {
                0 => LoadLibraryExA(self.0.as_ptr(), ptr::null_mut(), SEARCH_SYSTEM32),
                _ => module,
            }
        }
    }
}

/// A function of one.
pub(super) struct Function {
    dll: &'static Dll,
    name: &'static CStr,
    at: AtomicPtr<c_void>,
}

impl Function {
    pub(super) const fn new(dll: &'static Dll, name: &'static CStr) -> Function {
        Function {
            dll,
            name,
            at: AtomicPtr::new(ptr::null_mut()),
        }
    }

    /// Where it is; looked for until it is found.
    #[inline(always)]
    pub(super) fn find(&self) -> Option<NonNull<c_void>> {
        // Relaxed: the address of code that is loaded for good.
        NonNull::new(self.at.load(Ordering::Relaxed)).or_else(|| self.look())
    }

    #[cold]
    #[inline(never)]
    fn look(&self) -> Option<NonNull<c_void>> {
        let before = super::last_error();
        // SAFETY: a module that stays, or null, which has no functions; a C string.
        let found = unsafe {
            match self.dll.module() {
                module if module.is_null() => ptr::null_mut(),
                module => GetProcAddress(module, self.name.as_ptr()),
            }
        };
        super::set_last_error(before);
        self.at.store(found, Ordering::Relaxed);
        NonNull::new(found)
    }
}

/// Declares functions of a library that are looked for at the first call. Each
/// becomes a function that gives it, or `None` where the system has none.
macro_rules! functions {
    ($abi:literal $dll:expr; $(fn $name:ident = $symbol:literal($($argument:ty),*) $(-> $result:ty)?;)*) => {
        $(
            #[inline]
            fn $name() -> Option<unsafe extern $abi fn($($argument),*) $(-> $result)?> {
                static FUNCTION: $crate::windows::dll::Function =
                    $crate::windows::dll::Function::new(&$dll, $symbol);
                // SAFETY: the signature of the documented function of this name.
                FUNCTION.find().map(|at| unsafe { core::mem::transmute(at.as_ptr()) })
            }
        )*
    };
}
pub(super) use functions;

pub(super) static OLE32: Dll = Dll(c"ole32.dll");
pub(super) static OLEAUT32: Dll = Dll(c"oleaut32.dll");
pub(super) static COMBASE: Dll = Dll(c"combase.dll");
pub(super) static MSVCRT: Dll = Dll(c"msvcrt.dll");
pub(super) static UCRTBASE: Dll = Dll(c"ucrtbase.dll");
pub(super) static NETAPI32: Dll = Dll(c"netapi32.dll");
pub(super) static WTSAPI32: Dll = Dll(c"wtsapi32.dll");
pub(super) static ADVAPI32: Dll = Dll(c"advapi32.dll");
pub(super) static GDI32: Dll = Dll(c"gdi32.dll");
pub(super) static USER32: Dll = Dll(c"user32.dll");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_is_not_found_and_leaves_the_last_error() {
        static NOWHERE: Dll = Dll(c"freehold-no-such.dll");
        static NO_DLL: Function = Function::new(&NOWHERE, c"CoTaskMemFree");
        static NO_NAME: Function = Function::new(&OLE32, c"CoTaskMemFreeNoSuch");
        static THERE: Function = Function::new(&OLE32, c"CoTaskMemFree");
        super::super::set_last_error(77);
        assert_eq!(NO_DLL.find(), None);
        assert_eq!(NO_NAME.find(), None);
        assert!(THERE.find().is_some());
        assert_eq!(super::super::last_error(), 77);
    }
}
