//! The registers that Linux' unwind tables speak of, by their DWARF numbers: what
//! the two architectures name differently.

use gimli::Register;

#[cfg(target_arch = "x86_64")]
mod architecture {
    use gimli::{Register, X86_64 as R};

    pub(crate) const RA: Register = R::RA;
    pub(crate) const SP: Register = R::RSP;
    pub(crate) const BP: Register = R::RBP;
    pub(crate) const TRACKED: [Register; 7] = [R::RBX, BP, SP, R::R12, R::R13, R::R14, R::R15];
}

#[cfg(target_arch = "x86")]
mod architecture {
    use gimli::{Register, X86 as R};

    pub(crate) const RA: Register = R::RA;
    pub(crate) const SP: Register = R::ESP;
    pub(crate) const BP: Register = R::EBP;
    pub(crate) const TRACKED: [Register; 5] = [R::EBX, BP, SP, R::ESI, R::EDI];
}

/// The return address.
pub(crate) const RA: Register = architecture::RA;
/// The stack pointer.
pub(crate) const SP: Register = architecture::SP;
/// The register that may be a frame pointer.
pub(crate) const BP: Register = architecture::BP;
/// How many [`TRACKED`] are.
pub(crate) const COUNT: usize = architecture::TRACKED.len();
/// The registers a callee must preserve, and the stack pointer.
pub(crate) const TRACKED: [Register; COUNT] = architecture::TRACKED;
/// No number of these is as great: the return address has the greatest.
pub(crate) const NUMBERS: usize = RA.0 as usize + 1;
