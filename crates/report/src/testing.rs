//! Made-up frames and sessions for tests.

use crate::frame::{Frame, Language, Place};

/// A frame with a name.
pub(crate) fn frame(module: &str, function: &str, file: &str, line: u32) -> Frame {
    Frame {
        place: Place {
            function: (!function.is_empty()).then(|| function.into()),
            file: (!file.is_empty()).then(|| file.into()),
            line: (line > 0).then_some(line),
            column: None,
            inlined: false,
        },
        module: module.into(),
        pc: 0x7f00_0000_1001,
        offset: 0x1000,
        language: Language::Native,
    }
}
