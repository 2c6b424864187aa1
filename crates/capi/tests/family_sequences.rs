//! Random sequences of C calls on blocks of all families against a model: each
//! family's functions give what the model says, `freehold_free` always finds the
//! right release, `freehold_free_as` takes no other, and nothing stays.
//!
//! What is not here: owners and arenas, which do not ask for a family
//! (`sequences.rs`); C++'s families where no C++ is in the process.

use std::ffi::c_void;
use std::ptr::null_mut;

use freehold_c::codes::*;
use freehold_c::errors::*;
use freehold_c::family::*;
use freehold_c::query::*;
use freehold_c::release::*;
use freehold_c::scope::*;
use freehold_c::track::*;
use proptest::prelude::*;

/// Families whose blocks are allocated by a size.
const FIXED: &[u32] = &[
    #[cfg(unix)]
    FREEHOLD_FAMILY_MALLOC,
    FREEHOLD_FAMILY_CO_TASK_MEM,
    FREEHOLD_FAMILY_LOCAL,
    FREEHOLD_FAMILY_GLOBAL,
    FREEHOLD_FAMILY_HEAP,
    FREEHOLD_FAMILY_VIRTUAL,
];
/// Those with handles.
const MOVABLE: [u32; 2] = [FREEHOLD_FAMILY_LOCAL, FREEHOLD_FAMILY_GLOBAL];

/// One call. Blocks are named by their place in the list of all that were made.
#[derive(Clone, Debug)]
enum Step {
    Alloc { family: u32, size: usize },
    Movable { family: u32, size: usize },
    Bstr { text: Vec<u16> },
    Hstring { text: Vec<u16> },
    Lock { block: usize, family: u32 },
    Unlock { block: usize, family: u32 },
    Duplicate { block: usize },
    Look { block: usize },
    Free { block: usize },
    FreeAs { block: usize, family: u32 },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let block = 0..16usize;
    let size = prop_oneof![1..100usize, 1000..9000usize];
    let fixed = proptest::sample::select(FIXED);
    let movable = proptest::sample::select(&MOVABLE[..]);
    let text = proptest::collection::vec(any::<u16>(), 0..20);
    let step = prop_oneof![
        4 => (fixed, size.clone()).prop_map(|(family, size)| Step::Alloc { family, size }),
        2 => (movable.clone(), size).prop_map(|(family, size)| Step::Movable { family, size }),
        1 => text.clone().prop_map(|text| Step::Bstr { text }),
        1 => text.prop_map(|text| Step::Hstring { text }),
        2 => (block.clone(), movable.clone())
            .prop_map(|(block, family)| Step::Lock { block, family }),
        2 => (block.clone(), movable).prop_map(|(block, family)| Step::Unlock { block, family }),
        1 => block.clone().prop_map(|block| Step::Duplicate { block }),
        2 => block.clone().prop_map(|block| Step::Look { block }),
        3 => block.clone().prop_map(|block| Step::Free { block }),
        3 => (block, 1..=FREEHOLD_FAMILY_HSTRING)
            .prop_map(|(block, family)| Step::FreeAs { block, family }),
    ];
    proptest::collection::vec(step, 1..60)
}

#[derive(Clone, Debug, PartialEq)]
enum Kind {
    Fixed(usize),
    Movable { size: usize, locks: u32 },
    Bstr(Vec<u16>),
    Hstring { text: Vec<u16>, references: u32 },
}

#[derive(Clone, Debug)]
struct Block {
    /// What stands for it: its address, or its handle.
    token: usize,
    family: u32,
    kind: Kind,
    live: bool,
}

#[derive(Default)]
struct World {
    blocks: Vec<Block>,
    misuses: u64,
}

impl World {
    fn at(&self, number: usize) -> Option<usize> {
        (!self.blocks.is_empty()).then(|| number % self.blocks.len())
    }

    /// A new block; older ones with its address are not to be told from it.
    fn add(&mut self, token: *mut c_void, family: u32, kind: Kind) {
        assert!(!token.is_null(), "{}", message());
        let token = token as usize;
        self.blocks.retain(|b| b.token != token);
        self.blocks.push(Block {
            token,
            family,
            kind,
            live: true,
        });
    }

    fn run(&mut self, step: &Step) {
        // SAFETY: places for results, texts as long as they say, and tokens that
        // are live or refused.
        unsafe {
            match step {
                Step::Alloc { family, size } => {
                    let block = freehold_family_alloc(*family, *size);
                    self.add(block, *family, Kind::Fixed(*size));
                    let bytes = std::slice::from_raw_parts_mut(block.cast::<u8>(), *size);
                    assert!(bytes.iter().all(|byte| *byte == 0), "{step:?}");
                    bytes.fill(0xa5);
                }
                Step::Movable { family, size } => {
                    let mut handle = null_mut();
                    let code = freehold_movable_alloc(*family, *size, &mut handle);
                    assert_eq!(code, FREEHOLD_OK, "{step:?}: {}", message());
                    let (size, locks) = (*size, 0);
                    self.add(handle, *family, Kind::Movable { size, locks });
                }
                Step::Bstr { text } => {
                    let mut bstr = null_mut();
                    let code = freehold_bstr_new(text.as_ptr(), text.len(), &mut bstr);
                    assert_eq!(code, FREEHOLD_OK, "{step:?}: {}", message());
                    let kind = Kind::Bstr(text.clone());
                    self.add(bstr.cast(), FREEHOLD_FAMILY_BSTR, kind);
                }
                Step::Hstring { text } => {
                    let mut hstring = null_mut();
                    let code = freehold_hstring_new(text.as_ptr(), text.len(), &mut hstring);
                    assert_eq!(code, FREEHOLD_OK, "{step:?}: {}", message());
                    if text.is_empty() {
                        return assert!(hstring.is_null(), "no text has no handle");
                    }
                    let (text, references) = (text.clone(), 1);
                    let kind = Kind::Hstring { text, references };
                    self.add(hstring, FREEHOLD_FAMILY_HSTRING, kind);
                }
                Step::Lock { block, family } => self.lock(*block, *family, step),
                Step::Unlock { block, family } => self.unlock(*block, *family, step),
                Step::Duplicate { block } => {
                    let Some(at) = self.at(*block) else { return };
                    let block = &mut self.blocks[at];
                    let code = freehold_hstring_duplicate(block.token as *mut c_void);
                    let wanted = match &mut block.kind {
                        Kind::Hstring { references, .. } if block.live => {
                            *references += 1;
                            FREEHOLD_OK
                        }
                        _ => FREEHOLD_BAD_HANDLE,
                    };
                    assert_eq!(code, wanted, "{step:?}: {}", message());
                }
                Step::Look { block } => self.look(*block, step),
                Step::Free { block } => {
                    let Some(at) = self.at(*block) else { return };
                    let code = freehold_free(self.blocks[at].token as *mut c_void);
                    self.released(at, code, None, step);
                }
                Step::FreeAs { block, family } => {
                    let Some(at) = self.at(*block) else { return };
                    let code = freehold_free_as(*family, self.blocks[at].token as *mut c_void);
                    self.released(at, code, Some(*family), step);
                }
            }
        }
    }

    /// # Safety
    /// As for `run`.
    unsafe fn lock(&mut self, number: usize, family: u32, step: &Step) {
        let Some(at) = self.at(number) else { return };
        let block = &mut self.blocks[at];
        let mut memory = null_mut();
        // SAFETY: a place for the address.
        let code =
            unsafe { freehold_movable_lock(family, block.token as *mut c_void, &mut memory) };
        let ours = block.live && block.family == family;
        let wanted = if ours {
            FREEHOLD_OK
        } else {
            FREEHOLD_BAD_HANDLE
        };
        assert_eq!(code, wanted, "{step:?}: {}", message());
        assert_eq!(memory.is_null(), !ours, "{step:?}");
        match &mut block.kind {
            Kind::Movable { size, locks } if ours => {
                *locks += 1;
                // SAFETY: locked, and that long.
                unsafe { memory.cast::<u8>().write_bytes(0xa5, *size) };
            }
            Kind::Fixed(_) if ours => assert_eq!(memory as usize, block.token),
            _ => {}
        }
    }

    /// # Safety
    /// As for `run`.
    unsafe fn unlock(&mut self, number: usize, family: u32, step: &Step) {
        let Some(at) = self.at(number) else { return };
        let block = &mut self.blocks[at];
        let mut left = 7;
        // SAFETY: a place for the number.
        let code =
            unsafe { freehold_movable_unlock(family, block.token as *mut c_void, &mut left) };
        let ours = block.live && block.family == family;
        let (wanted, remain) = match &mut block.kind {
            _ if !ours => (FREEHOLD_BAD_HANDLE, 7),
            Kind::Movable { locks: 0, .. } => (FREEHOLD_NOT_SO, 7),
            Kind::Movable { locks, .. } => {
                *locks -= 1;
                (FREEHOLD_OK, *locks)
            }
            _ => (FREEHOLD_OK, 0),
        };
        assert_eq!((code, left), (wanted, remain), "{step:?}: {}", message());
    }

    /// Asks what there is to ask of a block.
    ///
    /// # Safety
    /// As for `run`.
    unsafe fn look(&self, number: usize, step: &Step) {
        let Some(at) = self.at(number) else { return };
        let block = &self.blocks[at];
        // SAFETY: zeroed bytes are one; places for answers; texts that live.
        unsafe {
            let mut answer: freehold_block = std::mem::zeroed();
            answer.struct_bytes = size_of::<freehold_block>();
            let code = freehold_query(block.token as *const c_void, &mut answer);
            if block.live {
                assert_eq!(code, FREEHOLD_OK, "{step:?}: {}", message());
                assert_eq!(answer.family, block.family, "{step:?}");
                assert_eq!(answer.base as usize, block.token, "{step:?}");
            }
            let mut units = 7;
            let code = freehold_bstr_length(block.token as *const u16, &mut units);
            match &block.kind {
                Kind::Bstr(text) if block.live => {
                    assert_eq!((code, units), (FREEHOLD_OK, text.len()));
                    let read = std::slice::from_raw_parts(block.token as *const u16, units);
                    assert_eq!(read, text);
                }
                _ => assert_eq!(code, FREEHOLD_BAD_HANDLE, "{step:?}"),
            }
            let mut at = std::ptr::null();
            let code = freehold_hstring_text(block.token as *const c_void, &mut at, &mut units);
            match &block.kind {
                Kind::Hstring { text, .. } if block.live => {
                    assert_eq!((code, units), (FREEHOLD_OK, text.len()));
                    assert_eq!(std::slice::from_raw_parts(at, units), text);
                }
                _ => assert_eq!(code, FREEHOLD_BAD_HANDLE, "{step:?}"),
            }
        }
    }

    /// Compares what a release gave, and does in the model what it did.
    fn released(&mut self, at: usize, code: freehold_code, named: Option<u32>, step: &Step) {
        let block = &mut self.blocks[at];
        let wanted = match named {
            // Real heaps give the addresses of what is gone to others, also in part.
            _ if !block.live && cfg!(windows) => match code {
                FREEHOLD_FOREIGN | FREEHOLD_INTERIOR => code,
                _ => FREEHOLD_DOUBLE,
            },
            _ if !block.live => FREEHOLD_DOUBLE,
            // Windows documents that fixed blocks of both lie in the process's heap.
            Some(FREEHOLD_FAMILY_LOCAL) if block.family == FREEHOLD_FAMILY_HEAP => FREEHOLD_OK,
            Some(FREEHOLD_FAMILY_HEAP)
                if block.family == FREEHOLD_FAMILY_LOCAL
                    && matches!(block.kind, Kind::Fixed(_)) =>
            {
                FREEHOLD_OK
            }
            Some(family) if family != block.family => FREEHOLD_WRONG_FAMILY,
            _ => FREEHOLD_OK,
        };
        assert_eq!(code, wanted, "{step:?} of {block:?}: {}", message());
        if code != FREEHOLD_OK {
            self.misuses += 1;
            return;
        }
        match &mut block.kind {
            Kind::Hstring { references, .. } if *references > 1 => *references -= 1,
            _ => block.live = false,
        }
    }

    /// Releases what is left.
    fn end(&mut self) {
        for at in 0..self.blocks.len() {
            let step = Step::Free { block: at };
            while self.blocks[at].live {
                // SAFETY: live.
                let code = unsafe { freehold_free(self.blocks[at].token as *mut c_void) };
                self.released(at, code, None, &step);
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
    fn families_give_what_the_model_says(steps in steps()) {
        prop_assert_eq!(freehold_tracking_start(0, 0), FREEHOLD_OK);
        let mut scope = 0;
        let mut world = World::default();
        let before = freehold_misuses();
        // SAFETY: a name, and places for results.
        unsafe {
            prop_assert_eq!(freehold_scope_begin(c"families".as_ptr(), &mut scope), FREEHOLD_OK);
            for step in &steps {
                world.run(step);
            }
            world.end();
            prop_assert_eq!(freehold_misuses() - before, world.misuses);
            let (mut blocks, mut bytes) = (1, 1);
            let code = freehold_scope_end(scope, &mut blocks, &mut bytes);
            prop_assert_eq!((code, blocks, bytes), (FREEHOLD_OK, 0, 0), "{}", message());
        }
    }
}
