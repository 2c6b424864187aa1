// Texts in native memory: UTF-8 and UTF-16, as package:ffi has them.

import 'dart:convert';
import 'dart:ffi';
import 'dart:typed_data';

import 'allocators.dart';

/// What a `Pointer<Utf8>` points to: a text in UTF-8, ended by a NUL.
final class Utf8 extends Opaque {}

/// What a `Pointer<Utf16>` points to: a text in UTF-16, ended by a NUL.
final class Utf16 extends Opaque {}

void _ensureNotNull(Pointer<NativeType> pointer, String operation) {
  if (pointer == nullptr) {
    throw UnsupportedError("Operation '$operation' not allowed on a 'nullptr'.");
  }
}

/// Texts in UTF-8.
extension Utf8Pointer on Pointer<Utf8> {
  /// Bytes before the NUL.
  int get length {
    _ensureNotNull(this, 'length');
    return _lengthOf(cast<Uint8>());
  }

  static int _lengthOf(Pointer<Uint8> units) {
    var length = 0;
    while (units[length] != 0) {
      length++;
    }
    return length;
  }

  /// The text: all of it, or the first `length` bytes.
  ///
  /// Throws a [FormatException] where it is no UTF-8, a [RangeError] for a negative length, an
  /// [UnsupportedError] for `nullptr`.
  String toDartString({int? length}) {
    _ensureNotNull(this, 'toDartString');
    final units = cast<Uint8>();
    if (length != null) RangeError.checkNotNegative(length, 'length');
    return utf8.decode(units.asTypedList(length ?? _lengthOf(units)));
  }
}

/// Texts in UTF-16.
extension Utf16Pointer on Pointer<Utf16> {
  /// Units before the NUL.
  int get length {
    _ensureNotNull(this, 'length');
    return _lengthOf(cast<Uint16>());
  }

  static int _lengthOf(Pointer<Uint16> units) {
    var length = 0;
    while (units[length] != 0) {
      length++;
    }
    return length;
  }

  /// The text: all of it, or the first `length` units.
  ///
  /// Throws a [RangeError] for a negative length, an [UnsupportedError] for `nullptr`.
  String toDartString({int? length}) {
    _ensureNotNull(this, 'toDartString');
    final units = cast<Uint16>();
    if (length == null) return String.fromCharCodes(units.asTypedList(_lengthOf(units)));
    RangeError.checkNotNegative(length, 'length');
    return String.fromCharCodes(units.asTypedList(length));
  }
}

/// Native copies of texts.
extension StringUtf8Pointer on String {
  /// In UTF-8, with a NUL. Lone surrogates become U+FFFD. Release it with the same allocator.
  Pointer<Utf8> toNativeUtf8({Allocator allocator = malloc}) {
    final units = utf8.encode(this);
    final result = allocator<Uint8>(units.length + 1);
    final Uint8List native = result.asTypedList(units.length + 1);
    native.setAll(0, units);
    native[units.length] = 0;
    return result.cast();
  }
}

/// Native copies of texts.
extension StringUtf16Pointer on String {
  /// In UTF-16, with a NUL. Release it with the same allocator.
  Pointer<Utf16> toNativeUtf16({Allocator allocator = malloc}) {
    final units = codeUnits;
    final result = allocator<Uint16>(units.length + 1);
    final native = result.asTypedList(units.length + 1);
    native.setRange(0, units.length, units);
    native[units.length] = 0;
    return result.cast();
  }
}
