//! Makes the module.

use core::ffi::{c_int, c_void};
use core::ptr::null_mut;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use pyo3_ffi::*;

use crate::state::Locked;
use crate::{buffer, calls, errors, layout, state, walk};

/// The entry that Python looks for.
///
/// # Safety
/// Python calls it, with its lock.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn PyInit__native() -> *mut PyObject {
    static SLOTS: Locked<[PyModuleDef_Slot; 2]> = Locked::new([
        PyModuleDef_Slot {
            slot: Py_mod_exec,
            value: exec as *mut c_void,
        },
        PyModuleDef_Slot {
            slot: 0,
            value: null_mut(),
        },
    ]);
    static DEFINITION: Locked<PyModuleDef> = Locked::new(PyModuleDef {
        m_base: PyModuleDef_HEAD_INIT,
        m_name: c"freehold._native".as_ptr(),
        m_doc: c"What freehold does fast; use the package.".as_ptr(),
        m_size: 0,
        m_methods: null_mut(),
        m_slots: null_mut(),
        m_traverse: None,
        m_clear: None,
        m_free: None,
    });
    // SAFETY: Python holds its lock; nothing runs while the cells are used.
    unsafe {
        let lists = calls::lists().get();
        let definition = DEFINITION.get();
        definition.m_methods = *lists.get_or_insert_with(calls::functions);
        definition.m_slots = SLOTS.get().as_mut_ptr();
        PyModuleDef_Init(definition)
    }
}

/// Fills the module, once.
unsafe extern "C" fn exec(module: *mut PyObject) -> c_int {
    // SAFETY: Python calls this with its lock and the module.
    unsafe {
        if PyInterpreterState_GetID(PyInterpreterState_Get()) != 0 {
            let text = "freehold works in the main interpreter only: its records of blocks and \
                        frames are the process's. Import it there, and pass data to other \
                        interpreters";
            errors::raise(PyExc_ImportError, text);
            return -1;
        }
        let path = freehold_raw::path(&folders());
        match freehold_raw::load(&path) {
            Ok(raw) => {
                state::set(raw);
                walk::begin();
                let path = path.as_os_str().as_bytes();
                let path = PyUnicode_DecodeFSDefaultAndSize(
                    path.as_ptr().cast(),
                    path.len() as Py_ssize_t,
                );
                if path.is_null()
                    || PyModule_AddObject(module, c"library".as_ptr(), path) != 0
                    || PyModule_AddStringConstant(
                        module,
                        c"version".as_ptr(),
                        concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast(),
                    ) != 0
                    || PyModule_AddIntConstant(
                        module,
                        c"TRACEMALLOC_DOMAIN".as_ptr(),
                        buffer::DOMAIN.into(),
                    ) != 0
                {
                    return -1;
                }
            }
            Err(error) => {
                errors::raise(PyExc_ImportError, &error.to_string());
                return -1;
            }
        }
        match layout::add_to(module) && buffer::add_to(module) {
            true => 0,
            false => -1,
        }
    }
}

/// Where the wheel has the library: beside this module.
fn folders() -> Vec<PathBuf> {
    let mut info = core::mem::MaybeUninit::<libc::Dl_info>::zeroed();
    // SAFETY: any address may be asked for; the result has room.
    let found = unsafe { libc::dladdr(folders as *const c_void, info.as_mut_ptr()) };
    // SAFETY: all zeros are none, and else `dladdr` filled it.
    let info = unsafe { info.assume_init() };
    if found == 0 || info.dli_fname.is_null() {
        return Vec::new();
    }
    // SAFETY: the name ends with a NUL.
    let name = unsafe { core::ffi::CStr::from_ptr(info.dli_fname) };
    let file = PathBuf::from(std::ffi::OsStr::from_bytes(name.to_bytes()));
    let folder = file.parent().map(|folder| folder.join("_dist/lib"));
    folder.into_iter().collect()
}
