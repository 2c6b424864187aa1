// Texts as Win32 has them, under the names of package:win32: wide and narrow ones ended by a NUL, BSTR, HSTRING,
// lists of texts.

import 'dart:convert';
import 'dart:ffi';
import 'dart:typed_data';

import '../allocators.dart';
import '../errors.dart';
import '../raw.dart';
import '../stacks.dart';
import '../utf.dart';

/// Whether a pointer leads anywhere.
extension PointerExtension on Pointer<NativeType> {
  bool get isNull => address == 0;

  bool get isNotNull => address != 0;
}

int _units16(Pointer<Uint16> at) {
  var length = 0;
  while (at[length] != 0) {
    length++;
  }
  return length;
}

int _units8(Pointer<Uint8> at) {
  var length = 0;
  while (at[length] != 0) {
    length++;
  }
  return length;
}

String _wide(Pointer<Uint16> at, int? length) {
  if (length != null) RangeError.checkNotNegative(length, 'length');
  return String.fromCharCodes(at.asTypedList(length ?? _units16(at)));
}

String _narrow(Pointer<Uint8> at, int? length) {
  if (length != null) RangeError.checkNotNegative(length, 'length');
  return utf8.decode(at.asTypedList(length ?? _units8(at)), allowMalformed: true);
}

Pointer<Utf16> _wideCopy(Pointer<Uint16> from, Allocator allocator) {
  final units = _units16(from) + 1;
  final copy = allocator<Uint16>(units);
  copy.asTypedList(units).setAll(0, from.asTypedList(units));
  return copy.cast();
}

Pointer<Utf8> _narrowCopy(Pointer<Uint8> from, Allocator allocator) {
  final units = _units8(from) + 1;
  final copy = allocator<Uint8>(units);
  copy.asTypedList(units).setAll(0, from.asTypedList(units));
  return copy.cast();
}

/// Nothing behind `maxLength` units is read.
List<String> _list(Pointer<Uint16> at, int maxLength) {
  RangeError.checkNotNegative(maxLength, 'maxLength');
  final found = <String>[];
  var start = 0;
  for (var i = 0; i <= maxLength; i++) {
    if (i < maxLength && at[i] != 0) continue;
    if (i > start) {
      found.add(String.fromCharCodes((at + start).asTypedList(i - start)));
    } else if (i < maxLength && i > 0) {
      break; // two NULs
    }
    start = i + 1;
  }
  return found;
}

/// A wide text that may be written to.
extension type const PWSTR(Pointer<Utf16> _) implements Pointer<Utf16> {
  /// Units before the NUL.
  int get length => _units16(cast());

  /// Bytes before the NUL.
  int get byteLength => length * 2;

  bool get isEmpty => length == 0;

  /// A copy of one's own.
  PWSTR copy({Allocator allocator = adaptiveCalloc}) => PWSTR(_wideCopy(cast(), allocator));

  /// Writes a text; gives the bytes that were written, with the NUL. With `capacity`, in units, what does not
  /// fit is an [ArgumentError], and nothing is written.
  int setString(String string, {int? capacity}) {
    final units = string.codeUnits;
    if (capacity != null && units.length >= capacity) {
      throw ArgumentError.value(string, 'string', 'needs ${units.length + 1} units, and there are $capacity');
    }
    cast<Uint16>().asTypedList(units.length + 1)
      ..setAll(0, units)
      ..[units.length] = 0;
    return (units.length + 1) * 2;
  }

  /// The text: up to the NUL, or so many units.
  String toDartString({int? length}) => _wide(cast(), length);

  /// The texts of a list that two NULs end, in at most `maxLength` units.
  List<String> toDartStringList(int maxLength) => _list(cast(), maxLength);
}

/// A wide text.
extension type const PCWSTR(Pointer<Utf16> _) implements Pointer<Utf16> {
  /// Units before the NUL.
  int get length => _units16(cast());

  /// Bytes before the NUL.
  int get byteLength => length * 2;

  bool get isEmpty => length == 0;

  /// A copy of one's own.
  PCWSTR copy({Allocator allocator = adaptiveCalloc}) => PCWSTR(_wideCopy(cast(), allocator));

  /// The text: up to the NUL, or so many units.
  String toDartString({int? length}) => _wide(cast(), length);

  /// The texts of a list that two NULs end, in at most `maxLength` units.
  List<String> toDartStringList(int maxLength) => _list(cast(), maxLength);
}

/// A narrow text that may be written to, in UTF-8.
extension type const PSTR(Pointer<Utf8> _) implements Pointer<Utf8> {
  /// Bytes before the NUL.
  int get length => _units8(cast());

  /// The same.
  int get byteLength => length;

  bool get isEmpty => length == 0;

  /// A copy of one's own.
  PSTR copy({Allocator allocator = adaptiveCalloc}) => PSTR(_narrowCopy(cast(), allocator));

  /// Writes a text; gives the bytes that were written, with the NUL. With `capacity`, in bytes, what does not
  /// fit is an [ArgumentError], and nothing is written.
  int setString(String string, {int? capacity}) {
    final units = utf8.encode(string);
    if (capacity != null && units.length >= capacity) {
      throw ArgumentError.value(string, 'string', 'needs ${units.length + 1} bytes, and there are $capacity');
    }
    cast<Uint8>().asTypedList(units.length + 1)
      ..setAll(0, units)
      ..[units.length] = 0;
    return units.length + 1;
  }

  /// The text: up to the NUL, or so many bytes.
  String toDartString({int? length}) => _narrow(cast(), length);
}

/// A narrow text, in UTF-8.
extension type const PCSTR(Pointer<Utf8> _) implements Pointer<Utf8> {
  /// Bytes before the NUL.
  int get length => _units8(cast());

  /// The same.
  int get byteLength => length;

  bool get isEmpty => length == 0;

  /// A copy of one's own.
  PCSTR copy({Allocator allocator = adaptiveCalloc}) => PCSTR(_narrowCopy(cast(), allocator));

  /// The text: up to the NUL, or so many bytes.
  String toDartString({int? length}) => _narrow(cast(), length);
}

/// A text of COM with its length before it; NULs may be in it. Released by [free], or `SysFreeString`.
extension type const BSTR(Pointer<Utf16> _) implements Pointer<Utf16> {
  /// Units of the text.
  int get length {
    check(freehold_bstr_length(cast(), answer.cast()));
    return answer.cast<Size>().value;
  }

  /// Its bytes.
  int get byteLength => length * 2;

  bool get isEmpty => length == 0;

  /// A copy of one's own, of all of it.
  BSTR copy() => toDartString().toBstr();

  /// All of the text.
  String toDartString() => String.fromCharCodes(cast<Uint16>().asTypedList(length));
}

/// A text of the Windows Runtime; null is the empty one. Released by [free], or `WindowsDeleteString`.
extension type const HSTRING(Pointer<Void> _) implements Pointer<Void> {
  /// Units of the text.
  int get length => _text().$2;

  bool get isEmpty => length == 0;

  /// One more reference to the same text.
  HSTRING copy() {
    check(freehold_hstring_duplicate(this));
    return this;
  }

  /// All of the text.
  String toDartString() {
    final (text, length) = _text();
    return length == 0 ? '' : String.fromCharCodes(text.asTypedList(length));
  }

  (Pointer<Uint16>, int) _text() {
    final place = answer.cast<Pointer<Uint16>>();
    final length = (answer + 1).cast<Size>();
    check(freehold_hstring_text(this, place, length));
    return (place.value, length.value);
  }
}

/// Native copies of a text.
extension StringExtension on String {
  /// As a BSTR.
  BSTR toBstr() {
    final text = toNativeUtf16(allocator: calloc);
    try {
      final place = answer.cast<Pointer<Uint16>>();
      if (freehold_bstr_new(text.cast(), length, place) != FREEHOLD_OK) {
        throw StateError('Failed to allocate memory for BSTR. ${FreeholdException.last().message}');
      }
      return BSTR(place.value.cast());
    } finally {
      calloc.free(text);
    }
  }

  /// As an HSTRING.
  HSTRING toHstring() {
    final text = toNativeUtf16(allocator: calloc);
    try {
      final place = answer.cast<Pointer<Void>>();
      check(freehold_hstring_new(text.cast(), length, place));
      return HSTRING(place.value);
    } finally {
      calloc.free(text);
    }
  }

  /// As a narrow text.
  PCSTR toPcstr({Allocator allocator = adaptiveMalloc}) => PCSTR(toNativeUtf8(allocator: allocator));

  /// As a wide text.
  PCWSTR toPcwstr({Allocator allocator = adaptiveMalloc}) => PCWSTR(toNativeUtf16(allocator: allocator));

  /// As a narrow text that may be written to.
  PSTR toPstr({Allocator allocator = adaptiveMalloc}) => PSTR(toNativeUtf8(allocator: allocator));

  /// As a wide text that may be written to.
  PWSTR toPwstr({Allocator allocator = adaptiveMalloc}) => PWSTR(toNativeUtf16(allocator: allocator));
}

/// Lists of texts that two NULs end.
extension StringListExtension on List<String> {
  Pointer<Utf16> _native(Allocator allocator) {
    if (isEmpty) throw ArgumentError('The list must not be empty.');
    if (any((string) => string.isEmpty)) throw ArgumentError('The list must not contain empty strings.');
    final units = fold(1, (sum, string) => sum + string.length + 1);
    final native = allocator<Uint16>(units);
    final all = native.asTypedList(units);
    var at = 0;
    for (final string in this) {
      all.setAll(at, string.codeUnits);
      at += string.length;
      all[at++] = 0;
    }
    all[at] = 0;
    return native.cast();
  }

  /// As wide texts.
  PCWSTR toPcwstr({Allocator allocator = adaptiveMalloc}) => PCWSTR(_native(allocator));

  /// As wide texts that may be written to.
  PWSTR toPwstr({Allocator allocator = adaptiveMalloc}) => PWSTR(_native(allocator));
}

/// Native copies of bytes.
extension Uint8ListToUint8Pointer on Uint8List {
  /// A copy; of nothing there is none.
  Pointer<Uint8> toNative({Allocator allocator = adaptiveMalloc}) {
    if (isEmpty) {
      throw ArgumentError.value(this, 'Uint8List', 'Cannot convert an empty list to native memory');
    }
    final native = allocator<Uint8>(length);
    native.asTypedList(length).setAll(0, this);
    return native;
  }
}
