//! The part of DWARF expressions that unwind tables use, evaluated either on
//! numbers (the generic walk) or on "register plus number" (when a rule is made,
//! and the registers are not known yet).

use gimli::{EndianSlice, Expression, LittleEndian, Operation, Register};

use crate::{WORD, registers};

pub(crate) type Reader<'a> = EndianSlice<'a, LittleEndian>;

/// What a value is relative to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Base {
    /// Nothing: a plain number.
    None,
    /// A register's unknown value.
    Register(Register),
    /// The word at register plus number.
    WordAt(Register),
}

/// A number relative to something.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Value {
    pub(crate) base: Base,
    pub(crate) number: u64,
}

impl Value {
    pub(crate) const fn number(number: u64) -> Value {
        Value {
            base: Base::None,
            number,
        }
    }

    pub(crate) fn plain(self) -> Option<u64> {
        (self.base == Base::None).then_some(self.number)
    }

    fn plus(self, other: Value) -> Option<Value> {
        let number = self.number.wrapping_add(other.number);
        match (self.base, other.base) {
            (Base::WordAt(_), _) | (_, Base::WordAt(_)) => None,
            (base, Base::None) | (Base::None, base) => Some(Value { base, number }),
            _ => None,
        }
    }
}

/// Where an evaluation gets registers and memory from.
pub(crate) trait Machine {
    fn register(&mut self, register: Register) -> Option<Value>;
    fn word_at(&mut self, address: Value) -> Option<Value>;
}

/// What a reference to memory reads.
const ADDRESS_SIZE: u8 = WORD as u8;

/// The machine of rule making: only the program counter is known.
pub(crate) struct Symbolic {
    pub(crate) pc: usize,
}

impl Machine for Symbolic {
    fn register(&mut self, register: Register) -> Option<Value> {
        if register == registers::RA {
            return Some(Value::number(self.pc as u64));
        }
        Some(Value {
            base: Base::Register(register),
            number: 0,
        })
    }

    fn word_at(&mut self, address: Value) -> Option<Value> {
        match address.base {
            Base::Register(r) => Some(Value {
                base: Base::WordAt(r),
                number: address.number,
            }),
            _ => None,
        }
    }
}

const STACK: usize = 16;
/// Tables of real programs need ten; none may keep us for long.
const STEPS: usize = 64;

/// Evaluates, or gives up: `None` for what is malformed or never seen in unwind
/// tables.
pub(crate) fn evaluate(
    expression: Expression<Reader<'_>>,
    encoding: gimli::Encoding,
    initial: Option<Value>,
    machine: &mut impl Machine,
) -> Option<Value> {
    let mut stack = Stack {
        values: [Value::number(0); STACK],
        depth: 0,
    };
    if let Some(value) = initial {
        stack.push(value)?;
    }
    let mut operations = expression.operations(encoding);
    for _ in 0..STEPS {
        let Some(operation) = operations.next().ok()? else {
            return stack.pop();
        };
        step(&operation, &mut stack, machine)?;
    }
    None
}

fn step(
    operation: &Operation<Reader<'_>>,
    stack: &mut Stack,
    machine: &mut impl Machine,
) -> Option<()> {
    match *operation {
        Operation::RegisterOffset {
            register, offset, ..
        } => {
            let value = machine
                .register(register)?
                .plus(Value::number(offset as u64))?;
            stack.push(value)
        }
        Operation::UnsignedConstant { value } => stack.push(Value::number(value)),
        Operation::SignedConstant { value } => stack.push(Value::number(value as u64)),
        Operation::PlusConstant { value } => {
            let sum = stack.pop()?.plus(Value::number(value))?;
            stack.push(sum)
        }
        Operation::Deref {
            size: ADDRESS_SIZE,
            space: false,
            ..
        } => {
            let address = stack.pop()?;
            stack.push(machine.word_at(address)?)
        }
        Operation::Pick { index } => {
            let value = stack.peek(index.into())?;
            stack.push(value)
        }
        Operation::Drop => stack.pop().map(drop),
        Operation::Swap => {
            let (top, below) = (stack.pop()?, stack.pop()?);
            stack.push(top)?;
            stack.push(below)
        }
        Operation::Nop => Some(()),
        Operation::Plus => {
            let (top, below) = (stack.pop()?, stack.pop()?);
            stack.push(below.plus(top)?)
        }
        _ => {
            let (top, below) = (stack.pop()?.plain()?, stack.pop()?);
            if *operation == Operation::Minus {
                return stack.push(below.plus(Value::number(top.wrapping_neg()))?);
            }
            stack.push(Value::number(arithmetic(operation, below.plain()?, top)?))
        }
    }
}

fn arithmetic(operation: &Operation<Reader<'_>>, a: u64, b: u64) -> Option<u64> {
    let shift = u32::try_from(b).unwrap_or(u32::MAX);
    let (sa, sb) = (a as i64, b as i64);
    Some(match operation {
        Operation::And => a & b,
        Operation::Or => a | b,
        Operation::Xor => a ^ b,
        Operation::Mul => a.wrapping_mul(b),
        Operation::Shl => a.checked_shl(shift).unwrap_or(0),
        Operation::Shr => a.checked_shr(shift).unwrap_or(0),
        Operation::Eq => u64::from(a == b),
        Operation::Ne => u64::from(a != b),
        Operation::Ge => u64::from(sa >= sb),
        Operation::Gt => u64::from(sa > sb),
        Operation::Le => u64::from(sa <= sb),
        Operation::Lt => u64::from(sa < sb),
        _ => return None,
    })
}

struct Stack {
    values: [Value; STACK],
    depth: usize,
}

impl Stack {
    fn push(&mut self, value: Value) -> Option<()> {
        *self.values.get_mut(self.depth)? = value;
        self.depth += 1;
        Some(())
    }

    fn pop(&mut self) -> Option<Value> {
        self.depth = self.depth.checked_sub(1)?;
        Some(self.values[self.depth])
    }

    fn peek(&self, below: usize) -> Option<Value> {
        Some(self.values[self.depth.checked_sub(below + 1)?])
    }
}
