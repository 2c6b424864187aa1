//! The two arenas: what they have, and how it goes.

use core::alloc::Layout;
use core::any::type_name;
use core::cell::RefCell;
use core::error::Error;
use core::ffi::c_void;
use core::fmt;
use core::marker::PhantomData;
use core::ptr::NonNull;
use std::sync::{Mutex, PoisonError};

use super::{ArenaError, ArenaFailure, MoveError};
use crate::alloc::{AllocError, Allocator, DiagnosticCalloc, Zeroed};
use crate::entry::enter;
use crate::free::{Called, release};
use crate::{AdoptError, Ownership, ReleaseWith, adopt, set_ownership, state};

type Failure = Box<dyn Error + Send + Sync>;

/// Something to release.
enum Item<A> {
    Block {
        start: NonNull<u8>,
        layout: Layout,
        allocator: A,
    },
    Adopted(NonNull<c_void>),
    Callback(Box<dyn FnOnce() -> Result<(), Failure> + Send>),
}

// SAFETY: a block belongs to the arena alone, whatever thread it is on; what is
// adopted may by its promise be released on any thread.
unsafe impl<A: Send> Send for Item<A> {}

impl<A: Allocator> Item<A> {
    fn release(self) -> Result<(), ArenaFailure> {
        match self {
            Item::Block {
                start,
                layout,
                allocator,
            } => {
                own(start.as_ptr() as usize, Ownership::Owned);
                // SAFETY: allocated like this, and borrowed by nobody any more.
                unsafe { allocator.deallocate(start, layout) }.map_err(ArenaFailure::Block)
            }
            Item::Adopted(pointer) => {
                let called = Called {
                    by: Ownership::Arena,
                    ..Called::new("the arena")
                };
                // SAFETY: adopted for this.
                enter(|entry| unsafe { release(pointer.as_ptr() as usize, called, entry) })
                    .map_err(ArenaFailure::Block)
            }
            Item::Callback(call) => call().map_err(ArenaFailure::Callback),
        }
    }
}

impl<A> Item<A> {
    fn start(&self) -> Option<NonNull<u8>> {
        match self {
            Item::Block { start, .. } => Some(*start),
            Item::Adopted(pointer) => Some(pointer.cast()),
            Item::Callback(_) => None,
        }
    }
}

/// Says whose a block is, where anybody wants to know.
fn own(address: usize, owner: Ownership) {
    if !state::is_plain() {
        set_ownership(address, owner);
    }
}

/// What an arena has.
struct Items<A> {
    items: Vec<Item<A>>,
    /// It gives no more.
    closed: bool,
}

impl<A> Items<A> {
    const fn new() -> Items<A> {
        Items {
            items: Vec::new(),
            closed: false,
        }
    }
}

/// How an arena keeps its items: alone, or shared.
trait Keep<A> {
    fn with<R>(&self, run: impl FnOnce(&mut Items<A>) -> R) -> R;
}

impl<A> Keep<A> for RefCell<Items<A>> {
    fn with<R>(&self, run: impl FnOnce(&mut Items<A>) -> R) -> R {
        run(&mut self.borrow_mut())
    }
}

impl<A> Keep<A> for Mutex<Items<A>> {
    fn with<R>(&self, run: impl FnOnce(&mut Items<A>) -> R) -> R {
        run(&mut self.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A block that the arena owns. `A` zeroes it when `zeroed`.
#[inline(always)]
fn allocate<A: Allocator>(
    keep: &impl Keep<A>,
    layout: Layout,
    tag: &'static str,
    zeroed: bool,
) -> Result<NonNull<u8>, AllocError> {
    if keep.with(|items| items.closed) {
        return Err(AllocError::Released);
    }
    let allocator = A::default();
    let start = match zeroed {
        true => allocator.allocate_zeroed(layout, tag)?,
        false => allocator.allocate(layout, tag)?,
    };
    own(start.as_ptr() as usize, Ownership::Arena);
    keep.with(|items| {
        items.items.push(Item::Block {
            start,
            layout,
            allocator,
        });
    });
    Ok(start)
}

fn push<A>(keep: &impl Keep<A>, item: Item<A>) -> Result<(), AllocError> {
    keep.with(|items| match items.closed {
        true => Err(AllocError::Released),
        false => {
            items.items.push(item);
            Ok(())
        }
    })
}

/// Releases everything, the last first, also what is added meanwhile. A failure
/// stops nothing.
fn release_all<A: Allocator>(keep: &impl Keep<A>) -> Result<(), ArenaError> {
    let mut failures = Vec::new();
    // Taken out one by one: a release may come back to this arena.
    while let Some(item) = keep.with(|items| items.items.pop()) {
        failures.extend(item.release().err());
    }
    ArenaError::from(failures)
}

fn move_out<A>(keep: &impl Keep<A>, pointer: *mut u8) -> Result<NonNull<u8>, MoveError> {
    let found = keep.with(|items| {
        let is_it = |item: &Item<A>| item.start().is_some_and(|s| s.as_ptr() == pointer);
        let at = items.items.iter().rposition(is_it)?;
        items.items.remove(at).start()
    });
    let found = found.ok_or(MoveError {
        address: pointer as usize,
    })?;
    own(pointer as usize, Ownership::Owned);
    Ok(found)
}

macro_rules! arena {
    ($(#[$doc:meta])* $name:ident, $keep:ident, $lock:ident) => {
        $(#[$doc])*
        pub struct $name<A: Allocator = DiagnosticCalloc> {
            keep: $keep<Items<A>>,
            allocator: PhantomData<A>,
        }

        impl Default for $name {
            fn default() -> Self {
                $name::new()
            }
        }

        impl<A: Allocator> fmt::Debug for $name<A> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let count = self.keep.with(|items| items.items.len());
                write!(f, "{}({count} to release)", stringify!($name))
            }
        }

        impl $name {
            /// An empty arena over [`diagnostic_calloc`](crate::diagnostic_calloc()).
            ///
            /// ```
            #[doc = concat!("let arena = freehold::", stringify!($name), "::new();")]
            /// assert_eq!(arena.alloc::<u16>(2)?, [0; 2]);
            /// # Ok::<(), freehold::AllocError>(())
            /// ```
            pub const fn new() -> Self {
                $name::over()
            }
        }

        impl<A: Allocator> $name<A> {
            /// An empty arena over another allocator.
            ///
            /// ```
            /// use freehold::alloc::PlatformCalloc; // of which nobody is told
            #[doc = concat!("let arena = freehold::", stringify!($name), "::<PlatformCalloc>::over();")]
            /// assert_eq!(arena.alloc::<u16>(2)?, [0; 2]);
            /// # Ok::<(), freehold::AllocError>(())
            /// ```
            pub const fn over() -> Self {
                $name {
                    keep: $lock::new(Items::new()),
                    allocator: PhantomData,
                }
            }

            /// `count` zeroed elements that live as long as the arena.
            ///
            /// # Errors
            /// [`AllocError`] says why there are none.
            ///
            /// ```
            #[doc = concat!("let arena = freehold::", stringify!($name), "::new();")]
            /// let numbers = arena.alloc::<u32>(4)?;
            /// numbers[3] = 1;
            /// assert_eq!(*numbers, [0, 0, 0, 1]);
            /// # Ok::<(), freehold::AllocError>(())
            /// ```
            #[allow(clippy::mut_from_ref)]
            #[inline(always)]
            pub fn alloc<T: Zeroed>(&self, count: usize) -> Result<&mut [T], AllocError> {
                let layout = crate::alloc_layout::<T>(count)?;
                let start = allocate(&self.keep, layout, type_name::<T>(), true)?;
                // SAFETY: that many zeroed elements, which nobody else has, and
                // which live as long as `self` is borrowed.
                Ok(unsafe { core::slice::from_raw_parts_mut(start.cast().as_ptr(), count) })
            }

            /// A copy of `values` that lives as long as the arena.
            ///
            /// # Errors
            /// [`AllocError`] says why there is none.
            ///
            /// ```
            #[doc = concat!("let arena = freehold::", stringify!($name), "::new();")]
            /// assert_eq!(*arena.alloc_from(&[1u8, 2])?, [1, 2]);
            /// # Ok::<(), freehold::AllocError>(())
            /// ```
            #[allow(clippy::mut_from_ref)]
            #[inline(always)]
            pub fn alloc_from<T: Copy>(&self, values: &[T]) -> Result<&mut [T], AllocError> {
                let layout = Layout::for_value(values);
                let start = allocate(&self.keep, layout, type_name::<T>(), false)?.cast::<T>();
                // SAFETY: as above; all elements are written first.
                unsafe {
                    let to = start.as_ptr();
                    core::ptr::copy_nonoverlapping(values.as_ptr(), to, values.len());
                    Ok(core::slice::from_raw_parts_mut(to, values.len()))
                }
            }

            /// `text` as UTF-8 with a NUL behind it, for C.
            ///
            /// # Errors
            /// [`AllocError::Nul`] when a NUL in it would cut it, and others.
            ///
            /// ```
            #[doc = concat!("let arena = freehold::", stringify!($name), "::new();")]
            /// assert_eq!(arena.utf8("é")?, [0xc3, 0xa9, 0]);
            /// # Ok::<(), freehold::AllocError>(())
            /// ```
            #[allow(clippy::mut_from_ref)]
            #[inline(always)]
            pub fn utf8(&self, text: &str) -> Result<&mut [u8], AllocError> {
                if let Some(at) = text.bytes().position(|unit| unit == 0) {
                    return Err(AllocError::Nul { at });
                }
                let units = self.alloc::<u8>(text.len() + 1)?;
                units[..text.len()].copy_from_slice(text.as_bytes());
                Ok(units)
            }

            /// `text` as UTF-16 with a NUL behind it, for Windows.
            ///
            /// # Errors
            /// [`AllocError::Nul`] when a NUL in it would cut it, and others.
            ///
            /// ```
            #[doc = concat!("let arena = freehold::", stringify!($name), "::new();")]
            /// assert_eq!(arena.utf16("é")?, [0xe9, 0]);
            /// # Ok::<(), freehold::AllocError>(())
            /// ```
            #[allow(clippy::mut_from_ref)]
            #[inline(always)]
            pub fn utf16(&self, text: &str) -> Result<&mut [u16], AllocError> {
                let len = text.encode_utf16().count();
                if let Some(at) = text.encode_utf16().position(|unit| unit == 0) {
                    return Err(AllocError::Nul { at });
                }
                let units = self.alloc::<u16>(len + 1)?;
                for (to, unit) in units.iter_mut().zip(text.encode_utf16()) {
                    *to = unit;
                }
                Ok(units)
            }

            /// A block for `layout`; `tag` names what will be in it.
            ///
            /// # Errors
            /// [`AllocError`] says why there is none.
            ///
            /// ```
            #[doc = concat!("let arena = freehold::", stringify!($name), "::new();")]
            /// let layout = std::alloc::Layout::new::<[u64; 4]>();
            /// let block = arena.alloc_layout(layout, "four numbers")?;
            /// assert!(block.cast::<u64>().is_aligned());
            /// # Ok::<(), freehold::AllocError>(())
            /// ```
            #[inline(always)]
            pub fn alloc_layout(
                &self,
                layout: Layout,
                tag: &'static str,
            ) -> Result<NonNull<u8>, AllocError> {
                allocate(&self.keep, layout, tag, false)
            }

            /// Keeps `resource` until the arena is released; then gives it to
            /// `release`.
            ///
            /// # Errors
            /// [`AllocError::Released`] when the arena gives no more: the resource
            /// was released at once.
            ///
            /// ```
            #[doc = concat!("let arena = freehold::", stringify!($name), "::new();")]
            /// let program = std::env::current_exe().expect("known");
            /// let file = std::fs::File::open(program).expect("readable");
            /// let file = arena.manage(file, |file| file.sync_all().or(Ok::<(), String>(())))?;
            /// assert!(file.metadata().is_ok());
            /// # Ok::<(), freehold::AllocError>(())
            /// ```
            pub fn manage<T, E>(
                &self,
                resource: T,
                release: impl FnOnce(T) -> Result<(), E> + Send + 'static,
            ) -> Result<&T, AllocError>
            where
                T: Send + 'static,
                E: Into<Failure>,
            {
                struct Kept<T>(*mut T);
                // SAFETY: it owns what it points to.
                unsafe impl<T: Send> Send for Kept<T> {}
                impl<T> Kept<T> {
                    fn take(self) -> T {
                        // SAFETY: made from a box below, taken once.
                        *unsafe { Box::from_raw(self.0) }
                    }
                }
                let at = Box::into_raw(Box::new(resource));
                let kept = Kept(at);
                let call = move || release(kept.take()).map_err(Into::into);
                if self.keep.with(|items| items.closed) {
                    let _ = call();
                    return Err(AllocError::Released);
                }
                push(&self.keep, Item::Callback(Box::new(call)))?;
                // SAFETY: it stays in its box until the arena is released, which
                // needs the arena.
                Ok(unsafe { &*at })
            }

            /// Does something when the arena is released: the last of these first.
            ///
            /// # Errors
            /// [`AllocError::Released`] when the arena gives no more.
            ///
            /// ```
            #[doc = concat!("let arena = freehold::", stringify!($name), "::new();")]
            /// arena.on_release(|| Err("the disk is full"))?;
            /// let error = arena.release().unwrap_err();
            /// assert!(error.to_string().contains("the disk is full"));
            /// # Ok::<(), freehold::AllocError>(())
            /// ```
            pub fn on_release<E: Into<Failure>>(
                &self,
                call: impl FnOnce() -> Result<(), E> + Send + 'static,
            ) -> Result<(), AllocError> {
                let call = Box::new(move || call().map_err(Into::into));
                push(&self.keep, Item::Callback(call))
            }

            /// Takes over a block that an API gave: the arena releases it as
            /// `with` says.
            ///
            /// # Errors
            /// [`AdoptError`] says why not.
            ///
            /// # Safety
            /// As for [`adopt`](crate::adopt()).
            ///
            /// ```
            #[doc = concat!("let arena = freehold::", stringify!($name), "::new();")]
            /// use freehold::{Family, ReleaseWith};
            /// // SAFETY: a new block of malloc, ours alone.
            /// unsafe {
            ///     let text = libc::strdup(c"hello".as_ptr());
            ///     arena.adopt(text.cast(), 6, ReleaseWith::Family(Family::Malloc))?;
            /// }
            /// # Ok::<(), freehold::AdoptError>(())
            /// ```
            pub unsafe fn adopt(
                &self,
                pointer: *mut c_void,
                size: usize,
                with: ReleaseWith,
            ) -> Result<NonNull<c_void>, AdoptError> {
                // SAFETY: promised by the caller.
                let adopted = unsafe { adopt(pointer, size, with)? };
                set_ownership(pointer as usize, Ownership::Arena);
                self.keep.with(|items| items.items.push(Item::Adopted(adopted)));
                Ok(adopted)
            }

            /// Takes a block out of the arena, by its first byte: from now on it
            /// is the caller's, to be released with [`free`](crate::free) when
            /// nothing that the arena gave out refers to it any more.
            ///
            /// # Errors
            /// [`MoveError`] when no block of the arena begins there.
            ///
            /// ```
            #[doc = concat!("let arena = freehold::", stringify!($name), "::new();")]
            /// let numbers = arena.alloc_from(&[1u64, 2])?.as_mut_ptr();
            /// let kept = arena.move_out(numbers).expect("one of its blocks");
            /// arena.release().expect("nothing fails");
            /// // SAFETY: moved out, so it is live; then used by nobody.
            /// unsafe {
            ///     assert_eq!(*kept.as_ptr(), 1);
            ///     freehold::free(kept.as_ptr().cast()).expect("was live");
            /// }
            /// # Ok::<(), freehold::AllocError>(())
            /// ```
            pub fn move_out<T>(&self, pointer: *mut T) -> Result<NonNull<T>, MoveError> {
                move_out(&self.keep, pointer.cast()).map(NonNull::cast)
            }

            /// Releases everything, the last first, and goes on after a failure.
            /// With `reuse` the arena can be used again; without, it gives no
            /// more.
            ///
            /// # Errors
            /// [`ArenaError`] with all failures.
            ///
            /// ```
            #[doc = concat!("let mut arena = freehold::", stringify!($name), "::new();")]
            /// for _ in 0..3 {
            ///     arena.alloc::<u8>(100)?;
            ///     arena.release_all(true).expect("nothing fails");
            /// }
            /// # Ok::<(), freehold::AllocError>(())
            /// ```
            pub fn release_all(&mut self, reuse: bool) -> Result<(), ArenaError> {
                let result = release_all(&self.keep);
                self.keep.with(|items| items.closed = !reuse);
                result
            }

            /// Releases everything, the last first, and goes on after a failure.
            ///
            /// # Errors
            /// [`ArenaError`] with all failures.
            ///
            /// ```
            #[doc = concat!("let arena = freehold::", stringify!($name), "::new();")]
            /// arena.alloc::<u8>(100)?;
            /// arena.release().expect("nothing fails");
            /// # Ok::<(), freehold::AllocError>(())
            /// ```
            pub fn release(mut self) -> Result<(), ArenaError> {
                self.release_all(false)
            }
        }

        impl<A: Allocator> Drop for $name<A> {
            /// Failures are printed on standard error: call `release` to get them.
            fn drop(&mut self) {
                if let Err(error) = self.release_all(false) {
                    eprintln!("freehold: {error}");
                }
            }
        }
    };
}

arena! {
    /// An arena for one thread at a time.
    ///
    /// ```
    /// use freehold::{Arena, free};
    /// let arena = Arena::new();
    /// let bytes = arena.alloc::<u8>(16)?;
    /// bytes[15] = 1;
    /// let file = arena.manage(vec![1, 2], |_vector| Ok::<(), String>(()))?;
    /// assert_eq!(file.len(), 2);
    /// let kept = arena.alloc_from(&[1u32, 2])?.as_mut_ptr();
    /// let kept = arena.move_out(kept).expect("a block of it");
    /// arena.release().expect("nothing fails");
    /// // SAFETY: moved out, and live.
    /// unsafe { free(kept.as_ptr().cast()) }.expect("ours now");
    /// # Ok::<(), freehold::AllocError>(())
    /// ```
    Arena, RefCell, RefCell
}
arena! {
    /// An arena for several threads.
    ///
    /// ```
    /// use freehold::SharedArena;
    /// let arena = SharedArena::new();
    /// std::thread::scope(|s| {
    ///     for i in 0..4u8 {
    ///         let arena = &arena;
    ///         s.spawn(move || arena.alloc::<u8>(16).expect("memory")[0] = i);
    ///     }
    /// });
    /// arena.release().expect("nothing fails");
    /// ```
    SharedArena, Mutex, Mutex
}
