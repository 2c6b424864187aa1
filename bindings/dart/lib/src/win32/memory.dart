// Release, buffers and arenas, under the names of package:win32.

import 'dart:ffi';

import '../allocators.dart';
import '../arena.dart';
import 'strings.dart';

/// Releases memory that Dart allocated, or that was adopted: by the function that is due to it.
///
/// A null pointer is refused in every build: by an [AssertionError] where assertions are on, else by an
/// [ArgumentError].
void free(Pointer<NativeType> pointer) {
  assert(pointer.isNotNull, "Pointer must not be a 'nullptr'.");
  adaptiveCalloc.free(pointer);
}

/// Zeroed room for `length` units of a wide text, the NUL among them.
PWSTR wsalloc([int length = 1, Allocator allocator = adaptiveCalloc]) => PWSTR(allocator<Uint16>(length).cast());

/// Prints the first `bytes` bytes as words of 16 bits: `0xFC40, 0x6B29`.
void printStruct(Pointer<NativeType> pointer, int bytes) => print(structWords(pointer, bytes));

/// What [printStruct] prints.
String structWords(Pointer<NativeType> pointer, int bytes) {
  final words = pointer.cast<Uint16>();
  return [
    for (var i = 0; i < bytes ~/ 2; i++) '0x${words[i].toRadixString(16).toUpperCase().padLeft(4, '0')}',
  ].join(', ');
}

/// Resources of Win32 that are released with an arena.
extension ArenaExtension on Arena {
  /// Releases an object of COM once, when the arena is released: anything that has a method `release()`.
  T adopt<T extends Object>(T object) => this.using(object, (object) => (object as dynamic).release());

  /// A BSTR.
  BSTR bstr(String string) => this.using(string.toBstr(), free);

  /// An HSTRING.
  HSTRING hstring(String string) => this.using(string.toHstring(), (text) {
    if (text.isNotNull) free(text);
  });

  /// A narrow text.
  PCSTR pcstr(String string) => string.toPcstr(allocator: this);

  /// A wide text.
  PCWSTR pcwstr(String string) => string.toPcwstr(allocator: this);

  /// A narrow text that may be written to.
  PSTR pstr(String string) => string.toPstr(allocator: this);

  /// Zeroed room for `length` bytes, the NUL among them.
  PSTR pstrBuffer([int length = 1]) => PSTR(this<Uint8>(length).cast());

  /// A wide text that may be written to.
  PWSTR pwstr(String string) => string.toPwstr(allocator: this);

  /// Zeroed room for `length` units, the NUL among them.
  PWSTR pwstrBuffer([int length = 1]) => PWSTR(this<Uint16>(length).cast());
}
