//! Pairs of functions that must be the same instructions in a release build: one
//! by the adaptive allocators, one as it is written without them. `cargo xtask
//! cost` compares them; `diagnostic_` ones, which are tracked, must differ.
//!
//! On Linux, where the tools for it are.
#![cfg(unix)]

use core::ffi::c_void;
use core::mem::MaybeUninit;
use core::ptr::null_mut;

use freehold::{
    AdaptiveCalloc, Block, adaptive_calloc, adaptive_free, adaptive_malloc, diagnostic_calloc, free,
};

/// Functions that keep their names.
macro_rules! functions {
    ($($name:ident($($argument:ident: $type:ty),*) -> $result:ty $body:block)*) => {
        $(
            #[unsafe(no_mangle)]
            extern "C" fn $name($($argument: $type),*) -> $result $body
        )*
    };
}

unsafe extern "C" {
    // Something that is done with a block, of which the compiler knows nothing.
    fn getentropy(buffer: *mut c_void, length: usize) -> i32;
}

fn fill(block: &mut [u32]) -> i32 {
    // SAFETY: that many bytes may be written.
    unsafe { getentropy(block.as_mut_ptr().cast(), size_of_val(block)) }
}

functions! {
    adaptive_bytes(count: usize) -> *mut u8 {
        adaptive_calloc::<u8>(count).map_or(null_mut(), Block::into_raw)
    }
    platform_bytes(count: usize) -> *mut u8 {
        // SAFETY: no requirement.
        unsafe { libc::calloc(count, 1).cast() }
    }
    diagnostic_bytes(count: usize) -> *mut u8 {
        diagnostic_calloc::<u8>(count).map_or(null_mut(), Block::into_raw)
    }

    adaptive_zeroed(count: usize) -> *mut u32 {
        adaptive_calloc::<u32>(count).map_or(null_mut(), Block::into_raw)
    }
    platform_zeroed(count: usize) -> *mut u32 {
        // SAFETY: no requirement.
        unsafe { libc::calloc(count, 4).cast() }
    }

    adaptive_anything(count: usize) -> *mut MaybeUninit<u64> {
        adaptive_malloc::<u64>(count).map_or(null_mut(), Block::into_raw)
    }
    platform_anything(count: usize) -> *mut MaybeUninit<u64> {
        match count.checked_mul(8) {
            // SAFETY: no requirement.
            Some(bytes) => unsafe { libc::malloc(bytes).cast() },
            None => null_mut(),
        }
    }

    adaptive_release(block: *mut c_void) -> () {
        // SAFETY: promised by whoever would call this.
        let _ = unsafe { adaptive_free(block) };
    }
    platform_release(block: *mut c_void) -> () {
        // SAFETY: as above.
        unsafe { libc::free(block) }
    }
    diagnostic_release(block: *mut c_void) -> () {
        // SAFETY: as above.
        let _ = unsafe { free(block) };
    }

    adaptive_whole() -> i32 {
        match adaptive_calloc::<u32>(16) {
            Ok(mut block) => fill(&mut block),
            Err(_) => -1,
        }
    }
    platform_whole() -> i32 {
        // SAFETY: 64 bytes that may be written, released once.
        unsafe {
            let block = libc::calloc(16, 4);
            if block.is_null() {
                return -1;
            }
            let result = fill(core::slice::from_raw_parts_mut(block.cast(), 16));
            libc::free(block);
            result
        }
    }

    adaptive_drop(block: *mut u32, count: usize) -> () {
        // SAFETY: as above.
        drop(unsafe { Block::<u32, AdaptiveCalloc>::from_raw(block, count) });
    }
    platform_drop(block: *mut u32, _count: usize) -> () {
        if !block.is_null() {
            // SAFETY: as above.
            unsafe { libc::free(block.cast()) }
        }
    }
}
