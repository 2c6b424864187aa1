// Where the shared library is, and that it is the right one.

import 'dart:ffi';
import 'dart:io';
import 'dart:isolate';

/// The version that this package needs.
const String freeholdVersion = '0.1.0';

/// There is no library, or it is another one: which file, what was wrong with it, what to do.
final class LibraryException implements Exception {
  /// The whole explanation.
  final String message;

  const LibraryException(this.message);

  @override
  String toString() => 'LibraryException: $message';
}

String get _name => Platform.isWindows
    ? 'freehold.dll'
    : Platform.isMacOS
    ? 'libfreehold.dylib'
    : 'libfreehold.so.0';

/// The file: what `FREEHOLD_LIBRARY` says, else the one in the folder `native` of this package, else the one
/// next to the program, else the system's by name.
String libraryPath() {
  final named = Platform.environment['FREEHOLD_LIBRARY'];
  if (named != null && named.isNotEmpty) return named;
  final places = <Uri>[];
  try {
    // Null where there are no packages, as in a program that was compiled ahead of time.
    final own = Isolate.resolvePackageUriSync(Uri.parse('package:freehold/freehold.dart'));
    if (own != null && own.isScheme('file')) places.add(own.resolve('../native/'));
  } on UnsupportedError {
    // Compiled ahead of time.
  }
  places.add(Uri.file(Platform.resolvedExecutable).resolve('.'));
  for (final place in places) {
    final path = place.resolve(_name).toFilePath();
    if (File(path).existsSync()) return path;
  }
  return _name;
}

/// Loads the library. Throws a [LibraryException] when there is none or it is of another version.
DynamicLibrary openLibrary() {
  final path = libraryPath();
  const advice = 'Set FREEHOLD_LIBRARY to the path of libfreehold $freeholdVersion for this platform';
  final DynamicLibrary library;
  try {
    library = DynamicLibrary.open(path);
  } on ArgumentError catch (error) {
    throw LibraryException("freehold's library cannot be loaded from $path: ${error.message}. $advice");
  }
  if (!library.providesSymbol('freehold_version')) {
    throw LibraryException('$path is no libfreehold: it has no function freehold_version. $advice');
  }
  final version = library.lookupFunction<Pointer<Uint8> Function(), Pointer<Uint8> Function()>('freehold_version');
  final text = StringBuffer();
  for (var at = version(); at.value != 0; at += 1) {
    text.writeCharCode(at.value);
  }
  if (text.toString() != freeholdVersion) {
    throw LibraryException('$path is libfreehold $text, and this package needs $freeholdVersion. $advice');
  }
  return library;
}
