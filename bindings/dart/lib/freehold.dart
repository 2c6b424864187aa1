/// Native memory with an owner: allocators, arenas, texts, and a ledger of every live block.
library;

export 'ffi.dart';
export 'ffi_leak_tracker.dart';
export 'src/errors.dart' show FreeholdException;
export 'src/library.dart' show LibraryException, freeholdVersion;
