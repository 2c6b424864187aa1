/// Memory, arenas and texts, under the names of `package:ffi`: change the import and nothing else.
library;

export 'src/allocators.dart' show CallocAllocator, MallocAllocator, calloc, malloc;
export 'src/arena.dart' show Arena, using, withZoneArena, zoneArena;
export 'src/utf.dart'
    show StringUtf16Pointer, StringUtf8Pointer, Utf16, Utf16Pointer, Utf8, Utf8Pointer;
