/// The memory of Win32 programs, under the names of `package:win32`: release, texts, buffers, arenas. On other
/// systems the library emulates the families of Win32, so that such code can be tested there.
library;

export 'ffi.dart';
export 'ffi_leak_tracker.dart';
export 'src/win32/memory.dart' hide structWords;
export 'src/win32/strings.dart';
