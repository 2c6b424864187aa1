//! From pointers between blocks to verdicts: what is meant by each verdict is
//! what [`crate::verdicts`] on Linux means. Not how the pointers are found.

use freehold_ledger::format::Verdict;

/// A pointer to a block: to its start, or else to its middle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Pointer(u32);

impl Pointer {
    const START: u32 = 1 << 31;
    /// How many blocks can be told apart.
    pub(super) const MOST: usize = Pointer::START as usize;

    /// To block `i`, which is below [`Pointer::MOST`].
    pub(super) fn new(i: usize, to_start: bool) -> Pointer {
        Pointer(i as u32 | if to_start { Pointer::START } else { 0 })
    }

    fn block(self) -> usize {
        (self.0 & !Pointer::START) as usize
    }

    fn to_start(self) -> bool {
        self.0 & Pointer::START != 0
    }
}

/// Which blocks point to which, and what the roots point to.
pub(super) struct Graph {
    /// Where the pointers of each block begin in `pointers`; one more than there
    /// are blocks.
    first: Vec<usize>,
    pointers: Vec<Pointer>,
    roots: Vec<Pointer>,
}

impl Graph {
    /// Of `len` blocks. `edges` are the numbers of blocks and what they point to.
    pub(super) fn new(len: usize, mut edges: Vec<(u32, Pointer)>, roots: Vec<Pointer>) -> Graph {
        edges.sort_unstable();
        edges.dedup();
        let mut first = vec![0; len + 1];
        for (from, _) in &edges {
            first[*from as usize + 1] += 1;
        }
        for i in 0..len {
            first[i + 1] += first[i];
        }
        let pointers = edges.into_iter().map(|(_, pointer)| pointer).collect();
        Graph {
            first,
            pointers,
            roots,
        }
    }

    /// The verdict on each block, in their order, which is that of addresses.
    pub(super) fn verdicts(&self) -> Vec<Verdict> {
        let len = self.first.len() - 1;
        let mut reached = Reached::new(len);
        for pointer in self.roots.iter().filter(|p| p.to_start()) {
            reached.add(pointer.block());
        }
        reached.follow(self, |pointer| pointer.to_start());
        let held = reached.marked.clone();
        // Once more, for their pointers to the middle of others.
        reached.work.extend((0..len).filter(|&i| held[i]));
        for pointer in &self.roots {
            reached.add(pointer.block());
        }
        reached.follow(self, |_| true);
        let possible = reached.marked.clone();
        let leaders = self.leaders(&possible, &mut reached);
        (0..len)
            .map(|i| match () {
                () if held[i] => Verdict::Reachable,
                () if possible[i] => Verdict::Possible,
                () if leaders[i] => Verdict::Lost,
                () => Verdict::Indirect,
            })
            .collect()
    }

    /// Those of the leftovers that no other leads to but in a circle; of a circle,
    /// the lowest address.
    ///
    /// The first round starts from each block that was not led to so far, in order.
    /// A later start can lead to an earlier one but not the other way, so that a
    /// second round in reverse order drops those that another start leads to.
    fn leaders(&self, known: &[bool], reached: &mut Reached) -> Vec<bool> {
        let mut starts = Vec::new();
        for i in 0..known.len() {
            if reached.add(i) {
                starts.push(i);
                reached.follow(self, |_| true);
            }
        }
        reached.marked.copy_from_slice(known);
        let mut leaders = vec![false; known.len()];
        for &i in starts.iter().rev() {
            if reached.add(i) {
                leaders[i] = true;
                reached.follow(self, |_| true);
            }
        }
        leaders
    }
}

/// What was reached so far.
struct Reached {
    marked: Vec<bool>,
    /// Reached, and its pointers not followed yet.
    work: Vec<usize>,
}

impl Reached {
    fn new(len: usize) -> Reached {
        Reached {
            marked: vec![false; len],
            work: Vec::new(),
        }
    }

    /// Whether it is new.
    fn add(&mut self, i: usize) -> bool {
        let is_new = !std::mem::replace(&mut self.marked[i], true);
        if is_new {
            self.work.push(i);
        }
        is_new
    }

    /// Follows all pointers that count.
    fn follow(&mut self, graph: &Graph, counts: impl Fn(Pointer) -> bool) {
        while let Some(i) = self.work.pop() {
            for &pointer in &graph.pointers[graph.first[i]..graph.first[i + 1]] {
                if counts(pointer) {
                    self.add(pointer.block());
                }
            }
        }
    }
}
