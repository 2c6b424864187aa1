//! What is told to the ledger of a block, and the scope of the thread that
//! tells it.

use core::cell::Cell;

use freehold_ledger::format::Family;

use crate::contract::{Block, LIVE, NEW, Tracker};
use crate::entry::Entry;
use crate::ownership::Ownership;
use crate::{managed, platform, recent, state, tags};

thread_local! {
    /// Number of the scope in which blocks of this thread are counted; 0 for
    /// none: then as the process says.
    static SCOPE: Cell<u16> = const { Cell::new(0) };
}

/// The scope of this thread, 0 for none.
pub(crate) fn scope() -> u16 {
    SCOPE.get()
}

/// The scope in which a block of this thread counts now, 0 for none.
pub(crate) fn scope_for(tracker: &Tracker) -> u16 {
    match scope() {
        0 => crate::leaks::global_scope(tracker),
        scope => scope,
    }
}

/// Sets it; gives the one before.
pub(crate) fn replace_scope(scope: u16) -> u16 {
    SCOPE.replace(scope)
}

/// A block that has just been allocated.
#[derive(Clone, Copy)]
pub(crate) struct What {
    pub(crate) address: usize,
    pub(crate) size: usize,
    pub(crate) family: Family,
    /// The name of what is in it, for blocks that count as possible leaks.
    pub(crate) tag: Option<&'static str>,
    pub(crate) owner: Ownership,
}

/// The number of the stack at an entry.
pub(crate) fn capture(tracker: &Tracker, entry: Entry) -> u32 {
    match managed::current() {
        0 => {
            // SAFETY: an entry comes from the start of a function of ours that has not
            // returned.
            let stack = unsafe { (tracker.capture)(entry.slot, entry.bp) };
            managed::captured(stack);
            stack
        }
        stack => stack,
    }
}

/// Where the function at an entry returns to.
pub(crate) fn site(entry: Entry) -> usize {
    // SAFETY: the slot of an entry holds the return address.
    unsafe { (entry.slot as *const usize).read() }
}

/// Notes an allocation.
pub(crate) fn allocated(tracker: &Tracker, what: &What, entry: Entry) {
    let scope = scope_for(tracker);
    let block = Block {
        address: what.address as u64,
        size: what.size as u64,
        scope: if what.tag.is_some() { scope } else { 0 },
        tag: what.tag.map_or(0, |name| tags::number(tracker, name)),
        family: what.family as u8,
        owner: what.owner.owner() as u8,
        ..Block::default()
    };
    if !tell(tracker, block, entry) && what.family == platform::FAMILY {
        state::set_incomplete();
    }
}

/// Tells of a block that has just been allocated; false when it was not recorded.
pub(crate) fn tell(tracker: &Tracker, mut block: Block, entry: Entry) -> bool {
    let (slot, bp) = match managed::current() {
        0 => (entry.slot, entry.bp),
        stack => {
            (block.stack, block.flags) = (stack, NEW);
            (0, 0)
        }
    };
    // SAFETY: a block; the entry as for `capture`.
    let recorded = unsafe { (tracker.allocated)(&block, slot, bp) };
    managed::allocated(recorded as u32);
    recorded != 0
}

/// What the ledger has on an address.
pub(crate) fn find(tracker: &Tracker, address: usize) -> (u32, Block) {
    let mut block = Block::default();
    // SAFETY: a place for the answer.
    let answer = unsafe { (tracker.find)(address as u64, &mut block) };
    (answer, block)
}

/// The live block in which an address lies.
pub(crate) fn containing(tracker: &Tracker, address: usize) -> Option<Block> {
    let mut block = Block::default();
    // SAFETY: a place for the answer.
    let answer = unsafe { (tracker.containing)(address as u64, &mut block) };
    (answer == LIVE).then_some(block)
}

/// What is left of the block that was the last to be released at an address, and
/// where its release returned to.
pub(crate) fn gone(tracker: &Tracker, address: usize) -> (Block, usize) {
    let (mut block, mut site) = (Block::default(), 0);
    // SAFETY: places for the answer, which stay as they are where there is none.
    unsafe { (tracker.gone)(address as u64, &mut block, &mut site) };
    (block, site as usize)
}

/// Takes out a block that is about to be released by the function that returns to
/// `site`, and remembers the stack.
pub(crate) fn released(tracker: &Tracker, address: usize, here: u32, site: usize) -> (u32, Block) {
    let mut block = Block::default();
    // SAFETY: a place for the answer.
    let answer = unsafe { (tracker.released)(address as u64, site as u64, &mut block) };
    if answer == LIVE {
        recent::note(&block, here);
    }
    (answer, block)
}

/// Notes again a block whose release was noted but not made.
pub(crate) fn restored(tracker: &Tracker, block: &Block) {
    // SAFETY: a block.
    unsafe { (tracker.allocated)(block, 0, 0) };
}

/// Changes what the ledger has on a live block.
pub(crate) fn change(tracker: &Tracker, address: usize, change: impl FnOnce(&mut Block)) -> bool {
    let (answer, mut block) = find(tracker, address);
    if answer != LIVE {
        return false;
    }
    change(&mut block);
    // SAFETY: a block.
    unsafe { (tracker.change)(&block) == 1 }
}

/// Calls `visit` for each live block until it gives false.
pub(crate) fn for_each<F: FnMut(&Block) -> bool>(tracker: &Tracker, mut visit: F) {
    unsafe extern "C" fn each<F: FnMut(&Block) -> bool>(
        context: *mut core::ffi::c_void,
        block: *const Block,
    ) -> u32 {
        // SAFETY: the context is the visitor below, the block is the ledger's.
        let (visit, block) = unsafe { (&mut *context.cast::<F>(), &*block) };
        u32::from(visit(block))
    }
    // SAFETY: the visitor lives until the call returns.
    unsafe { (tracker.for_each)(each::<F>, (&raw mut visit).cast()) };
}
