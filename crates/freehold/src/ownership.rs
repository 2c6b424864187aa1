//! Who owns a registered block.

use freehold_ledger::format::Owner;

/// Who must release a block.
///
/// ```
/// use freehold::{Ownership, borrow, give_back, ownership_of};
/// let lent = [0u8; 8];
/// let pointer = lent.as_ptr().cast_mut().cast();
/// // SAFETY: it lives until it is given back.
/// unsafe { borrow(pointer, 8) }?;
/// assert_eq!(ownership_of(pointer as usize), Some(Ownership::Borrowed));
/// assert!(give_back(pointer));
/// # Ok::<(), freehold::AdoptError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ownership {
    /// You: the code that allocated or adopted it.
    Owned,
    /// The API that lent it; it must not be released.
    Borrowed,
    /// Whoever owns the block that it lies in.
    InteriorOf {
        /// Where that block begins.
        base: usize,
    },
    /// Somebody that it was given to.
    Transferred,
    /// A finalizer of a managed object.
    Finalizer,
    /// An arena.
    Arena,
}

impl Ownership {
    /// The owner as the ledger has it.
    pub(crate) fn owner(self) -> Owner {
        match self {
            Ownership::Owned => Owner::Caller,
            Ownership::Borrowed | Ownership::InteriorOf { .. } => Owner::Api,
            Ownership::Transferred => Owner::Transferred,
            Ownership::Finalizer => Owner::Finalizer,
            Ownership::Arena => Owner::Arena,
        }
    }

    /// The same from the ledger.
    pub(crate) fn from_owner(owner: Owner) -> Ownership {
        match owner {
            Owner::Caller => Ownership::Owned,
            Owner::Arena => Ownership::Arena,
            Owner::Finalizer => Ownership::Finalizer,
            Owner::Api => Ownership::Borrowed,
            Owner::Transferred => Ownership::Transferred,
        }
    }
}
