// How the structures of freehold.h lie in memory, in both widths: `src/query.rs` says
// the same of those that the library has.
#include <stddef.h>
#include <stdint.h>

#include <freehold.h>

#define AT(field, words, rest)                                                         \
    _Static_assert(offsetof(freehold_block, field) == (words) * sizeof(void *) + (rest), #field)

AT(struct_bytes, 0, 0);
AT(base, 1, 0);
AT(offset, 2, 0);
AT(size, 3, 0);
AT(family, 4, 0);
AT(owner, 4, 4);
AT(allocated_ns, 4, 8);
AT(tag, 4, 16);
AT(scope, 4, 16 + FREEHOLD_NAME_BYTES);
_Static_assert(sizeof(size_t) == sizeof(void *), "size_t");
_Static_assert(sizeof(freehold_arena) == 8 && sizeof(freehold_scope) == 8, "handles");
