// What the library says when it refuses something, as exceptions.

import 'dart:ffi';

import 'raw.dart';
import 'stacks.dart';
import 'utf.dart';

/// The library refused to do something: what, to which block, where that was allocated and released, and what
/// to do now.
final class FreeholdException implements Exception {
  /// One of the constants `FREEHOLD_…` of `raw.dart`.
  final int code;

  /// Its name, as `FREEHOLD_DOUBLE`.
  final String name;

  /// The whole explanation.
  final String message;

  const FreeholdException(this.code, this.name, this.message);

  /// Of the last call that failed in this isolate, with its present stack.
  factory FreeholdException.last() {
    // The misuse's own stack first: its names are taken where they are known.
    nameHere();
    nameStacks();
    final code = freehold_last_code();
    return FreeholdException(
      code,
      freehold_code_name(code).cast<Utf8>().toDartString(),
      freehold_last_message().cast<Utf8>().toDartString(),
    );
  }

  @override
  String toString() => '$name: $message';
}

/// Throws what the library says unless `code` is `FREEHOLD_OK`.
void check(int code) {
  if (code != FREEHOLD_OK) throw FreeholdException.last();
}

/// A text that the library writes into a buffer.
String written(int Function(Pointer<Char> buffer, int room, Pointer<Size> needed) write) {
  final needed = scratch(8).cast<Size>();
  check(write(nullptr, 0, needed));
  for (;;) {
    // It may have become longer meanwhile.
    final room = needed.value + 64;
    final buffer = freehold_alloc(room, 1, FREEHOLD_UNCOUNTED, 0, nullptr);
    try {
      final code = write(buffer.cast(), room, needed);
      if (code == FREEHOLD_OK) return buffer.cast<Utf8>().toDartString();
      if (code != FREEHOLD_TOO_SHORT) throw FreeholdException.last();
    } finally {
      freehold_free(buffer);
    }
  }
}
