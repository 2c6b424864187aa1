//! Random sequences of C calls against a model: what each gives is what the
//! model says, whatever came before, and nothing stays.
//!
//! The tests of this file share a ledger; they run one after the other.
// Alignments and families are others on Windows: `family_sequences` runs on both.
#![cfg(unix)]

use std::collections::BTreeMap;
use std::ffi::c_void;
use std::ptr::{null, null_mut};
use std::sync::{Mutex, MutexGuard, PoisonError};

use freehold_c::allocate::*;
use freehold_c::arena::*;
use freehold_c::codes::*;
use freehold_c::errors::*;
use freehold_c::own::*;
use freehold_c::query::*;
use freehold_c::release::*;
use freehold_c::scope::*;
use freehold_c::text::*;
use freehold_c::track::*;
use proptest::prelude::*;

fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    let guard = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    assert_eq!(freehold_tracking_start(0, 0), FREEHOLD_OK);
    guard
}

/// The first number that is no family.
const AFTER: u32 = FREEHOLD_FAMILY_COM + 1;

/// One call. Blocks are named by their place in the list of all that were made.
#[derive(Clone, Debug)]
enum Step {
    Allocate { size: usize, alignment: u32 },
    Resize { block: usize, size: usize },
    Free { block: usize, offset: usize },
    FreeSized { block: usize, more: usize },
    FreeAs { block: usize, family: u32 },
    Finalize { block: usize },
    Adopt { block: usize, family: u32 },
    Attach { block: usize },
    Detach { block: usize },
    Transfer { block: usize },
    Borrow { size: usize },
    GiveBack { block: usize },
    ArenaNew,
    ArenaAlloc { arena: usize, size: usize },
    ArenaMoveOut { arena: usize, block: usize },
    ArenaRelease { arena: usize },
    Query { block: usize, offset: usize },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let (block, arena) = (0..24usize, 0..4usize);
    let size = prop_oneof![0..100usize, 1000..5000usize];
    let step = prop_oneof![
        4 => (size.clone(), 0..8u32).prop_map(|(size, alignment)| Step::Allocate { size, alignment }),
        2 => (block.clone(), size.clone()).prop_map(|(block, size)| Step::Resize { block, size }),
        4 => (block.clone(), prop_oneof![3 => Just(0), 1 => 1..16usize])
            .prop_map(|(block, offset)| Step::Free { block, offset }),
        1 => (block.clone(), 0..2usize).prop_map(|(block, more)| Step::FreeSized { block, more }),
        1 => (block.clone(), 0..AFTER + 2).prop_map(|(block, family)| Step::FreeAs { block, family }),
        1 => block.clone().prop_map(|block| Step::Finalize { block }),
        1 => (block.clone(), 0..AFTER + 2).prop_map(|(block, family)| Step::Adopt { block, family }),
        2 => block.clone().prop_map(|block| Step::Attach { block }),
        1 => block.clone().prop_map(|block| Step::Detach { block }),
        1 => block.clone().prop_map(|block| Step::Transfer { block }),
        1 => (1..100usize).prop_map(|size| Step::Borrow { size }),
        1 => block.clone().prop_map(|block| Step::GiveBack { block }),
        1 => Just(Step::ArenaNew),
        3 => (arena.clone(), size).prop_map(|(arena, size)| Step::ArenaAlloc { arena, size }),
        1 => (arena.clone(), block.clone())
            .prop_map(|(arena, block)| Step::ArenaMoveOut { arena, block }),
        1 => arena.prop_map(|arena| Step::ArenaRelease { arena }),
        3 => (block, prop_oneof![1 => Just(0), 1 => 1..16usize])
            .prop_map(|(block, offset)| Step::Query { block, offset }),
    ];
    proptest::collection::vec(step, 1..60)
}

/// Whose a block is.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Owner {
    You,
    Arena(usize),
    Finalizer,
    Transferred,
    Lent,
    Nobody,
}

#[derive(Clone, Copy, Debug)]
struct Block {
    address: usize,
    size: usize,
    owner: Owner,
    /// Registered, and not only in the ledger.
    adopted: bool,
}

#[derive(Default)]
struct World {
    blocks: Vec<Block>,
    arenas: Vec<(freehold_arena, bool)>,
    /// What the blocks that are lent are made of.
    lent: Vec<Box<[u8]>>,
    /// Misuses that were refused.
    misuses: u64,
}

impl World {
    fn block(&self, number: usize) -> Option<(usize, Block)> {
        let at = number % self.blocks.len().max(1);
        Some((at, *self.blocks.get(at)?))
    }

    /// The arena of this number: its place, handle and whether it is there.
    fn arena(&self, number: usize) -> Option<(usize, freehold_arena, bool)> {
        let at = number % self.arenas.len().max(1);
        let (handle, live) = *self.arenas.get(at)?;
        Some((at, handle, live))
    }

    /// A new block; older ones at its address are not to be told from it.
    fn add(&mut self, address: *mut c_void, size: usize, owner: Owner) {
        assert!(!address.is_null(), "{}", message());
        let address = address as usize;
        self.blocks.retain(|b| b.address != address);
        let adopted = owner == Owner::Lent;
        self.blocks.push(Block {
            address,
            size,
            owner,
            adopted,
        });
    }

    /// What a release of the block by its owner `by` gives.
    fn release(&self, block: &Block, by: Owner) -> freehold_code {
        match block.owner {
            Owner::Nobody => FREEHOLD_DOUBLE,
            owner if owner == by => FREEHOLD_OK,
            Owner::You => FREEHOLD_OK,
            Owner::Arena(_) => FREEHOLD_ARENA_OWNED,
            Owner::Finalizer => FREEHOLD_FINALIZER_OWNED,
            Owner::Transferred => FREEHOLD_TRANSFERRED,
            Owner::Lent => FREEHOLD_BORROWED,
        }
    }

    /// The live block in which an address lies.
    fn around(&self, address: usize) -> Option<Block> {
        let inside = |b: &&Block| {
            b.owner != Owner::Nobody && (b.address..b.address + b.size.max(1)).contains(&address)
        };
        self.blocks.iter().find(inside).copied()
    }

    fn gave(&mut self, code: freehold_code, wanted: freehold_code, step: &Step) {
        assert_eq!(code, wanted, "{step:?}: {}", message());
        if code == FREEHOLD_OK {
            return;
        }
        assert_eq!(freehold_last_code(), code);
        assert!(!message().is_empty());
        self.misuses += u64::from((FREEHOLD_DOUBLE..FREEHOLD_RELEASE_FAILED).contains(&code));
    }

    fn run(&mut self, step: &Step) {
        // SAFETY: pointers are null, live blocks of this test, or refused.
        unsafe {
            match *step {
                Step::Allocate { size, alignment } => {
                    let block = freehold_typed(1, size, 1 << alignment, c"u8".as_ptr());
                    assert_eq!(block as usize % (1 << alignment), 0);
                    let bytes = std::slice::from_raw_parts(block.cast::<u8>(), size);
                    assert!(bytes.iter().all(|byte| *byte == 0));
                    self.add(block, size, Owner::You);
                }
                Step::Resize { block, size } => self.resize(block, size, step),
                Step::Free { block, offset } => {
                    let Some((at, block)) = self.block(block) else {
                        return;
                    };
                    if offset != 0 {
                        let inside = block.address + offset;
                        let is_start = self.blocks.iter().any(|b| b.address == inside);
                        let around = self.around(inside);
                        // Outside of all blocks the memory may have been anything.
                        if let (false, Some(_)) = (is_start, around) {
                            let code = freehold_free(inside as *mut c_void);
                            self.gave(code, FREEHOLD_INTERIOR, step);
                        }
                        return;
                    }
                    let wanted = self.release(&block, Owner::You);
                    let code = freehold_free(block.address as *mut c_void);
                    self.gave(code, wanted, step);
                    self.released(at, code);
                }
                Step::FreeSized { block, more } => {
                    let Some((at, block)) = self.block(block) else {
                        return;
                    };
                    let wanted = match (self.release(&block, Owner::You), more) {
                        // Adopted with the size 0, which says that it is not known.
                        (FREEHOLD_OK, _) if block.adopted && block.size == 0 => FREEHOLD_OK,
                        (FREEHOLD_OK, 1) => FREEHOLD_SIZE_MISMATCH,
                        (other, _) => other,
                    };
                    let address = block.address as *mut c_void;
                    let code = freehold_free_sized(address, block.size + more);
                    self.gave(code, wanted, step);
                    self.released(at, code);
                }
                Step::FreeAs { block, family } => {
                    let Some((at, block)) = self.block(block) else {
                        return;
                    };
                    let wanted = match (self.release(&block, Owner::You), family) {
                        (_, 0 | AFTER..) => FREEHOLD_UNKNOWN_VALUE,
                        (FREEHOLD_OK, FREEHOLD_FAMILY_MALLOC) => FREEHOLD_OK,
                        (FREEHOLD_OK, _) => FREEHOLD_WRONG_FAMILY,
                        (other, _) => other,
                    };
                    let code = freehold_free_as(family, block.address as *mut c_void);
                    self.gave(code, wanted, step);
                    self.released(at, code);
                }
                Step::Finalize { block } => {
                    let Some((at, block)) = self.block(block) else {
                        return;
                    };
                    // Gives no code: the count of misuses tells.
                    let wanted = self.release(&block, Owner::Finalizer);
                    freehold_finalize(block.address as *mut c_void);
                    self.misuses += u64::from(wanted != FREEHOLD_OK);
                    self.released(at, wanted);
                }
                Step::Adopt { block, family } => {
                    let Some((at, block)) = self.block(block) else {
                        return;
                    };
                    if block.owner != Owner::You && block.owner != Owner::Lent {
                        return;
                    }
                    let wanted = match (family, block.adopted) {
                        (0 | AFTER.., _) => FREEHOLD_UNKNOWN_VALUE,
                        (
                            FREEHOLD_FAMILY_MMAP | FREEHOLD_FAMILY_RUST | FREEHOLD_FAMILY_CUSTOM,
                            _,
                        ) => FREEHOLD_UNRELEASABLE,
                        // Only Windows has them.
                        (FREEHOLD_FAMILY_MSVCRT..=FREEHOLD_FAMILY_COM, _) => FREEHOLD_UNRELEASABLE,
                        (_, true) => FREEHOLD_OWNED,
                        (FREEHOLD_FAMILY_MALLOC, false) => FREEHOLD_OK,
                        // It would be released by the wrong function.
                        _ => return,
                    };
                    let address = block.address as *mut c_void;
                    let code = freehold_adopt(address, block.size, family);
                    self.gave(code, wanted, step);
                    self.blocks[at].adopted |= code == FREEHOLD_OK;
                }
                Step::Attach { block } => {
                    let Some((at, block)) = self.block(block) else {
                        return;
                    };
                    if block.owner != Owner::You {
                        return;
                    }
                    let address = block.address as *mut c_void;
                    let code = freehold_attach_finalizer(address, block.size);
                    self.gave(code, FREEHOLD_OK, step);
                    self.blocks[at].owner = Owner::Finalizer;
                    self.blocks[at].adopted = true;
                }
                Step::Detach { block } => {
                    let Some((at, block)) = self.block(block) else {
                        return;
                    };
                    let has = block.owner == Owner::Finalizer;
                    let wanted = if has { FREEHOLD_OK } else { FREEHOLD_NOT_SO };
                    let code = freehold_detach_finalizer(block.address as *mut c_void);
                    self.gave(code, wanted, step);
                    if has {
                        self.blocks[at].owner = Owner::You;
                    }
                }
                Step::Transfer { block } => {
                    let Some((at, block)) = self.block(block) else {
                        return;
                    };
                    if !matches!(block.owner, Owner::You | Owner::Transferred) {
                        return;
                    }
                    let code = freehold_transfer(block.address as *mut c_void);
                    self.gave(code, FREEHOLD_OK, step);
                    self.blocks[at].owner = Owner::Transferred;
                }
                Step::Borrow { size } => {
                    let mut lent = vec![1; size].into_boxed_slice();
                    let address = lent.as_mut_ptr().cast();
                    self.lent.push(lent);
                    self.gave(freehold_borrow(address, size), FREEHOLD_OK, step);
                    self.add(address, size, Owner::Lent);
                }
                Step::GiveBack { block } => {
                    let Some((at, block)) = self.block(block) else {
                        return;
                    };
                    let lent = block.owner == Owner::Lent;
                    let wanted = if lent { FREEHOLD_OK } else { FREEHOLD_NOT_SO };
                    let code = freehold_give_back(block.address as *mut c_void);
                    self.gave(code, wanted, step);
                    if lent {
                        // It was never a block that the ledger saw go.
                        self.blocks.remove(at);
                    }
                }
                Step::ArenaNew => {
                    let mut arena = 0;
                    self.gave(freehold_arena_new(&mut arena), FREEHOLD_OK, step);
                    self.arenas.push((arena, true));
                }
                Step::ArenaAlloc { arena, size } => {
                    let Some((place, handle, live)) = self.arena(arena) else {
                        return;
                    };
                    let mut block = null_mut();
                    let code = freehold_arena_alloc(handle, size, 1, 8, null(), &mut block);
                    let wanted = if live {
                        FREEHOLD_OK
                    } else {
                        FREEHOLD_BAD_HANDLE
                    };
                    self.gave(code, wanted, step);
                    assert_eq!(block.is_null(), !live);
                    if live {
                        self.add(block, size, Owner::Arena(place));
                    }
                }
                Step::ArenaMoveOut { arena, block } => {
                    let (arena, block) = (self.arena(arena), self.block(block));
                    let (Some((place, handle, live)), Some((at, block))) = (arena, block) else {
                        return;
                    };
                    let code = freehold_arena_move_out(handle, block.address as *mut c_void);
                    let wanted = match (live, block.owner == Owner::Arena(place)) {
                        (false, _) => FREEHOLD_BAD_HANDLE,
                        (true, false) => FREEHOLD_FOREIGN,
                        (true, true) => FREEHOLD_OK,
                    };
                    assert_eq!(code, wanted, "{step:?}: {}", message());
                    if code == FREEHOLD_OK {
                        self.blocks[at].owner = Owner::You;
                    }
                }
                Step::ArenaRelease { arena } => {
                    let Some((place, handle, live)) = self.arena(arena) else {
                        return;
                    };
                    let wanted = if live {
                        FREEHOLD_OK
                    } else {
                        FREEHOLD_BAD_HANDLE
                    };
                    let mut failures = 7;
                    let code = freehold_arena_release(handle, &mut failures);
                    self.gave(code, wanted, step);
                    assert_eq!(failures, 0);
                    self.arenas[place].1 = false;
                    for block in &mut self.blocks {
                        if block.owner == Owner::Arena(place) {
                            block.owner = Owner::Nobody;
                        }
                    }
                }
                Step::Query { block, offset } => self.query(block, offset, step),
            }
        }
    }

    /// # Safety
    /// As for `run`.
    unsafe fn resize(&mut self, block: usize, size: usize, step: &Step) {
        let Some((at, block)) = self.block(block) else {
            return;
        };
        let wanted = match self.release(&block, Owner::You) {
            // Its first byte must go along.
            FREEHOLD_OK if block.size != 0 => {
                // SAFETY: live, and that long.
                unsafe { *(block.address as *mut u8) = 0xab };
                FREEHOLD_OK
            }
            other => other,
        };
        freehold_clear_error();
        // SAFETY: as promised by the caller.
        let moved = unsafe { freehold_realloc(block.address as *mut c_void, size) };
        self.gave(freehold_last_code(), wanted, step);
        assert_eq!(moved.is_null(), wanted != FREEHOLD_OK, "{step:?}");
        if moved.is_null() {
            return;
        }
        if size.min(block.size) != 0 {
            // SAFETY: live, and that long.
            assert_eq!(unsafe { *moved.cast::<u8>() }, 0xab);
        }
        self.blocks[at].owner = Owner::Nobody;
        self.add(moved, size, Owner::You);
        if let Some(last) = self.blocks.last_mut() {
            last.adopted = block.adopted;
        }
    }

    /// # Safety
    /// As for `run`.
    unsafe fn query(&mut self, block: usize, offset: usize, step: &Step) {
        let Some((_, block)) = self.block(block) else {
            return;
        };
        let address = block.address + offset;
        let at_start = self.blocks.iter().find(|b| b.address == address).copied();
        // SAFETY: zeroed bytes are one.
        let mut answer: freehold_block = unsafe { std::mem::zeroed() };
        answer.struct_bytes = size_of::<freehold_block>();
        // SAFETY: a place for the answer.
        let code = unsafe { freehold_query(address as *const c_void, &mut answer) };
        let known = match at_start {
            Some(start) if start.owner == Owner::Nobody => {
                assert!(code == FREEHOLD_DOUBLE || code == FREEHOLD_OK, "{step:?}");
                if self.around(address).is_none() {
                    assert_eq!(code, FREEHOLD_DOUBLE, "{step:?}: {}", message());
                }
                return;
            }
            Some(start) => start,
            None => match self.around(address) {
                Some(around) => around,
                None => return,
            },
        };
        assert_eq!(code, FREEHOLD_OK, "{step:?}: {}", message());
        assert_eq!(answer.base as usize, known.address, "{step:?}");
        assert_eq!(answer.offset, address - known.address);
        assert_eq!(answer.size, known.size, "{step:?}");
        let owner = match known.owner {
            Owner::You | Owner::Nobody => FREEHOLD_OWNER_YOU,
            Owner::Arena(_) => FREEHOLD_OWNER_ARENA,
            Owner::Finalizer => FREEHOLD_OWNER_FINALIZER,
            Owner::Transferred => FREEHOLD_OWNER_TRANSFERRED,
            Owner::Lent => FREEHOLD_OWNER_API,
        };
        assert_eq!(answer.owner, owner, "{step:?}");
    }

    fn released(&mut self, at: usize, code: freehold_code) {
        if code == FREEHOLD_OK {
            self.blocks[at].owner = Owner::Nobody;
        }
    }

    /// Releases what is left, each thing by whoever owns it.
    fn end(mut self) {
        for (handle, live) in &self.arenas {
            if *live {
                // SAFETY: nobody uses its blocks.
                let code = unsafe { freehold_arena_release(*handle, null_mut()) };
                assert_eq!(code, FREEHOLD_OK, "{}", message());
            }
        }
        for block in std::mem::take(&mut self.blocks) {
            let address = block.address as *mut c_void;
            // SAFETY: live, released once.
            unsafe {
                match block.owner {
                    Owner::You => assert_eq!(freehold_free(address), FREEHOLD_OK, "{}", message()),
                    Owner::Finalizer => freehold_finalize(address),
                    Owner::Transferred => freehold_native_free(address),
                    Owner::Lent => assert_eq!(freehold_give_back(address), FREEHOLD_OK),
                    Owner::Arena(_) | Owner::Nobody => {}
                }
            }
        }
    }
}

fn message() -> String {
    // SAFETY: never null, ends with a NUL, copied at once.
    let text = unsafe { std::ffi::CStr::from_ptr(freehold_last_message()) };
    text.to_string_lossy().into_owned()
}

proptest! {
    #[test]
    fn calls_give_what_the_model_says(steps in steps()) {
        let _alone = alone();
        let mut scope = 0;
        let mut world = World::default();
        let before = freehold_misuses();
        // SAFETY: a name, and places for results.
        unsafe {
            prop_assert_eq!(freehold_scope_begin(c"sequence".as_ptr(), &mut scope), FREEHOLD_OK);
            for step in &steps {
                world.run(step);
            }
            prop_assert_eq!(freehold_misuses() - before, world.misuses);
            world.end();
            let (mut blocks, mut bytes) = (1, 1);
            let code = freehold_scope_end(scope, &mut blocks, &mut bytes);
            prop_assert_eq!((code, blocks, bytes), (FREEHOLD_OK, 0, 0), "{}", message());
        }
    }

    #[test]
    fn wrong_arguments_are_refused(number in any::<u64>(), small in any::<u32>()) {
        let _alone = alone();
        let mut place = 0usize;
        // SAFETY: null, or refused before anything is read.
        unsafe {
            prop_assert_eq!(freehold_arena_new(null_mut()), FREEHOLD_NULL);
            let odd = (&raw mut place).cast::<u8>().wrapping_add(1);
            prop_assert_eq!(freehold_arena_new(odd.cast()), FREEHOLD_BAD_ALIGNMENT);
            prop_assert_eq!(freehold_scope_begin(null(), odd.cast()), FREEHOLD_BAD_ALIGNMENT);
            prop_assert_eq!(freehold_scope_begin(null(), (&raw mut place).cast()), FREEHOLD_NULL);
            let not_text = c"\xff".as_ptr();
            let named = freehold_scope_begin(not_text, (&raw mut place).cast());
            prop_assert_eq!(named, FREEHOLD_BAD_TEXT);
            // No handle of this process is that large.
            let handle = number | 1 << 63;
            let mut block = null_mut();
            let alloc = freehold_arena_alloc(handle, 1, 1, 1, null(), &mut block);
            prop_assert_eq!(alloc, FREEHOLD_BAD_HANDLE);
            prop_assert_eq!(freehold_arena_release(handle, null_mut()), FREEHOLD_BAD_HANDLE);
            prop_assert_eq!(freehold_scope_end(handle, null_mut(), null_mut()), FREEHOLD_BAD_HANDLE);
            prop_assert_eq!(freehold_scope_enter(handle), FREEHOLD_BAD_HANDLE);
            prop_assert_eq!(freehold_scope_leave(handle), FREEHOLD_BAD_HANDLE);
            let value = 16 + small / 2;
            prop_assert_eq!(freehold_free_as(value, null_mut()), FREEHOLD_UNKNOWN_VALUE);
            prop_assert_eq!(freehold_on_misuse(value), FREEHOLD_UNKNOWN_VALUE);
            let leaks = freehold_leaks(value, null_mut(), 0, &mut place);
            prop_assert_eq!(leaks, FREEHOLD_UNKNOWN_VALUE);
            prop_assert_eq!(freehold_tracking_start(value + 128, 0), FREEHOLD_UNKNOWN_VALUE);
            prop_assert!(freehold_aligned_alloc(small as usize | 3, 1).is_null());
            prop_assert_eq!(freehold_last_code(), FREEHOLD_BAD_ALIGNMENT);
            let large = number as usize | 1 << (usize::BITS - 1);
            prop_assert!(freehold_malloc(large).is_null());
            prop_assert_eq!(freehold_last_code(), FREEHOLD_TOO_LARGE);
            prop_assert!(freehold_calloc(large, 4).is_null());
            prop_assert_eq!(freehold_last_code(), FREEHOLD_OVERFLOW);
            let adopt = freehold_adopt(null_mut(), large, FREEHOLD_FAMILY_MALLOC);
            prop_assert_eq!(adopt, FREEHOLD_TOO_LARGE);
            prop_assert_eq!(freehold_adopt(null_mut(), 1, FREEHOLD_FAMILY_MALLOC), FREEHOLD_NULL);
            let none = freehold_adopt_with(null_mut(), 1, None, null_mut());
            prop_assert_eq!(none, FREEHOLD_NULL);
            let high = usize::MAX as *mut c_void;
            prop_assert_eq!(freehold_borrow(high, 16), FREEHOLD_OVERFLOW);
            let mut answer: freehold_block = std::mem::zeroed();
            let unset = freehold_query((&raw mut place).cast(), &mut answer);
            prop_assert_eq!(unset, FREEHOLD_UNKNOWN_VALUE);
        }
    }

    #[test]
    fn texts_come_back(text in "[^\0]{0,40}", room in 0..60usize) {
        let _alone = alone();
        let (mut wide, mut units, mut back, mut bytes) = (null_mut(), 0, null_mut(), 0);
        let mut buffer = vec![0x55 as std::ffi::c_char; room];
        let mut needed = 0;
        // SAFETY: texts with their lengths, and places for results.
        unsafe {
            let code = freehold_utf8_to_utf16(text.as_ptr().cast(), text.len(), &mut wide, &mut units);
            prop_assert_eq!(code, FREEHOLD_OK, "{}", message());
            let written = std::slice::from_raw_parts(wide, units + 1);
            prop_assert_eq!(written[units], 0);
            prop_assert!(text.encode_utf16().eq(written[..units].iter().copied()));
            let code = freehold_utf16_to_utf8(wide, FREEHOLD_TO_NUL, &mut back, &mut bytes);
            prop_assert_eq!(code, FREEHOLD_OK, "{}", message());
            let read = std::slice::from_raw_parts(back.cast::<u8>(), bytes);
            prop_assert_eq!(read, text.as_bytes());
            let code = freehold_utf8_set(wide, buffer.as_mut_ptr(), room, &mut needed);
            prop_assert_eq!(needed, text.len() + 1);
            let fits = needed <= room;
            prop_assert_eq!(code, if fits { FREEHOLD_OK } else { FREEHOLD_TOO_SHORT });
            if !fits {
                prop_assert!(buffer.iter().all(|byte| *byte == 0x55));
            }
            prop_assert_eq!(freehold_free(wide.cast()), FREEHOLD_OK);
            prop_assert_eq!(freehold_free(back.cast()), FREEHOLD_OK);
        }
    }
}

#[test]
fn scopes_nest_and_go_along_with_threads() {
    let _alone = alone();
    let (mut outer, mut inner) = (0, 0);
    let (mut blocks, mut bytes) = (0, 0);
    // SAFETY: names, places for results, blocks that are released once.
    unsafe {
        assert_eq!(
            freehold_scope_begin(c"outer".as_ptr(), &mut outer),
            FREEHOLD_OK
        );
        assert_eq!(
            freehold_scope_begin(c"inner".as_ptr(), &mut inner),
            FREEHOLD_OK
        );
        assert_eq!(
            freehold_scope_end(outer, null_mut(), null_mut()),
            FREEHOLD_NOT_INNERMOST
        );
        let kept = freehold_malloc(10) as usize;
        let other = std::thread::spawn(move || {
            assert_eq!(freehold_scope_leave(inner), FREEHOLD_BAD_HANDLE);
            assert_eq!(freehold_scope_enter(inner), FREEHOLD_OK);
            let block = freehold_malloc(20) as usize;
            assert_eq!(freehold_scope_leave(inner), FREEHOLD_OK);
            block
        });
        let other = other.join().expect("no panic");
        assert_eq!(freehold_leak_count(&mut blocks, &mut bytes), FREEHOLD_OK);
        assert_eq!((blocks, bytes), (2, 30));
        assert_eq!(freehold_free(other as *mut c_void), FREEHOLD_OK);
        let code = freehold_scope_end(inner, &mut blocks, &mut bytes);
        assert_eq!((code, blocks, bytes), (FREEHOLD_LEAKS, 1, 10));
        assert!(message().contains("void (10 B)"), "{}", message());
        assert_eq!(freehold_free(kept as *mut c_void), FREEHOLD_OK);
        assert_eq!(
            freehold_scope_end(outer, null_mut(), null_mut()),
            FREEHOLD_OK
        );
        assert_eq!(
            freehold_scope_end(outer, null_mut(), null_mut()),
            FREEHOLD_BAD_HANDLE
        );
    }
}

#[test]
fn an_arena_does_everything_and_tells_all_failures() {
    let _alone = alone();
    unsafe extern "C" fn count(context: *mut c_void) -> i32 {
        // SAFETY: the list below.
        unsafe { (*context.cast::<Vec<&str>>()).push("action") };
        5
    }
    unsafe extern "C" fn release(block: *mut c_void, context: *mut c_void) -> i32 {
        // SAFETY: the list below, and a block of malloc.
        unsafe {
            (*context.cast::<Vec<&str>>()).push("release");
            freehold_native_free(block);
        }
        0
    }
    let mut order: Vec<&str> = Vec::new();
    let context = (&raw mut order).cast();
    let (mut arena, mut failures) = (0, 0);
    // SAFETY: places for results; the callbacks get what they are made for.
    unsafe {
        assert_eq!(freehold_arena_new(&mut arena), FREEHOLD_OK);
        assert_eq!(
            freehold_arena_on_release(arena, None, context),
            FREEHOLD_NULL
        );
        assert_eq!(
            freehold_arena_on_release(arena, Some(count), context),
            FREEHOLD_OK
        );
        let block = libc::malloc(8);
        assert_eq!(
            freehold_arena_adopt_with(arena, block, 8, Some(release), context),
            FREEHOLD_OK
        );
        assert_eq!(freehold_free(block), FREEHOLD_ARENA_OWNED);
        assert_eq!(
            freehold_arena_release(arena, &mut failures),
            FREEHOLD_RELEASE_FAILED
        );
    }
    assert_eq!(
        (order.as_slice(), failures),
        (&["release", "action"][..], 1)
    );
    assert!(message().contains("failed with 5"), "{}", message());
}

#[test]
fn a_report_goes_into_the_buffer_or_not_at_all() {
    let _alone = alone();
    let (mut scope, mut needed) = (0, 0);
    let mut buffer = vec![0x55 as std::ffi::c_char; 1 << 16];
    // SAFETY: names, places and buffers with their room; released once.
    unsafe {
        assert_eq!(
            freehold_scope_begin(c"report".as_ptr(), &mut scope),
            FREEHOLD_OK
        );
        let block = freehold_typed(3, 4, 4, c"a \"type\"".as_ptr());
        for format in [FREEHOLD_TEXT, FREEHOLD_JSON] {
            assert_eq!(
                freehold_leaks(format, null_mut(), 0, &mut needed),
                FREEHOLD_OK
            );
            assert_eq!(
                freehold_leaks(format, null_mut(), 9, &mut needed),
                FREEHOLD_NULL
            );
            let short = freehold_leaks(format, buffer.as_mut_ptr(), needed - 1, null_mut());
            assert_eq!((short, buffer[0], buffer[1]), (FREEHOLD_TOO_SHORT, 0, 0x55));
            let code = freehold_scope_leaks(scope, format, buffer.as_mut_ptr(), needed, null_mut());
            assert_eq!((code, buffer[needed]), (FREEHOLD_OK, 0x55));
            let text = std::ffi::CStr::from_ptr(buffer.as_ptr())
                .to_str()
                .expect("UTF-8");
            assert_eq!(text.len() + 1, needed);
            let name = ["a \"type\" (12 B)", r#""type": "a \"type\"","#][format as usize];
            assert!(text.contains(name), "{text}");
            buffer.fill(0x55);
        }
        assert_eq!(freehold_free(block), FREEHOLD_OK);
        assert_eq!(
            freehold_scope_end(scope, null_mut(), null_mut()),
            FREEHOLD_OK
        );
        assert_eq!(freehold_session(null_mut(), 0, &mut needed), FREEHOLD_OK);
        assert!(needed > 2);
    }
}

#[test]
fn every_code_has_its_name() {
    let mut names = BTreeMap::new();
    for code in FREEHOLD_OK..=FREEHOLD_INTERNAL {
        // SAFETY: static texts.
        let name = unsafe { std::ffi::CStr::from_ptr(freehold_code_name(code)) };
        if name != c"unknown" {
            assert_eq!(names.insert(name, code), None, "{name:?} twice");
        }
    }
    assert_eq!(names.len(), 33);
    assert_eq!(names[c"FREEHOLD_LEAKS"], FREEHOLD_LEAKS);
}

#[test]
fn an_arena_that_is_released_while_threads_allocate_loses_nothing() {
    let _alone = alone();
    let mut scope = 0;
    // SAFETY: names and places for results; blocks that nobody uses.
    unsafe {
        assert_eq!(
            freehold_scope_begin(c"race".as_ptr(), &mut scope),
            FREEHOLD_OK
        );
        for _ in 0..50 {
            let mut arena = 0;
            assert_eq!(freehold_arena_new(&mut arena), FREEHOLD_OK);
            let threads: Vec<_> = (0..3)
                .map(|_| {
                    std::thread::spawn(move || {
                        assert_eq!(freehold_scope_enter(scope), FREEHOLD_OK);
                        let mut block = null_mut();
                        let last = loop {
                            let code = freehold_arena_alloc(arena, 1, 8, 8, null(), &mut block);
                            if code != FREEHOLD_OK {
                                break code;
                            }
                        };
                        assert!(block.is_null());
                        last
                    })
                })
                .collect();
            std::thread::yield_now();
            let code = freehold_arena_release(arena, null_mut());
            assert_eq!(code, FREEHOLD_OK, "{}", message());
            for thread in threads {
                assert_eq!(thread.join().expect("no panic"), FREEHOLD_BAD_HANDLE);
            }
        }
        let code = freehold_scope_end(scope, null_mut(), null_mut());
        assert_eq!(code, FREEHOLD_OK, "{}", message());
    }
}
