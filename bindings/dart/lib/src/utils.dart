// Small helpers: memory filled, numbers and traces as people read them, colours.

import 'dart:ffi';
import 'dart:io';

/// Sets `length` bytes from `pointer` on to `byte`.
void fillMemory(Pointer<NativeType> pointer, int length, int byte) {
  pointer.cast<Uint8>().asTypedList(length).fillRange(0, length, byte);
}

/// As `0x0000abcd`.
String formatAddress(int address) => '0x${address.toRadixString(16).padLeft(8, '0')}';

/// As `512 B`, `1.50 KB`: up to GB, by 1024.
String formatBytes(int bytes) {
  if (bytes < 1024) return '$bytes B';
  var amount = bytes / 1024;
  for (final unit in const ['KB', 'MB']) {
    if (amount < 1024) return '${amount.toStringAsFixed(2)} $unit';
    amount /= 1024;
  }
  return '${amount.toStringAsFixed(2)} GB';
}

final RegExp _number = RegExp(r'^#\d+\s+');

/// A trace without its first frame, numbered anew; lines that are no frames stay as they are.
///
/// That frame must be one of an allocator of this package.
String formatStackTrace(String trace) {
  final lines = trace.split('\n');
  assert(
    lines.first.contains('freehold/src/allocator') || lines.first.contains('ffi_leak_tracker/src/allocator.dart'),
    'The first frame must be of the allocator.',
  );
  var next = 0;
  final kept = lines.skip(1).map((line) {
    if (!_number.hasMatch(line)) return line;
    return '#${next++}'.padRight(8) + line.replaceFirst(_number, '');
  });
  return kept.join('\n').trimRight();
}

/// Each line with `count` spaces before it.
String indent(String text, int count) => text.split('\n').map((line) => ' ' * count + line).join('\n');

/// Whether what goes to standard output may have colours.
final bool supportsAnsi = stdout.supportsAnsiEscapes;

String _paint(String text, String code) => supportsAnsi ? '\x1b[${code}m$text\x1b[0m' : text;

/// Styles of a terminal; the text as it is where there are none.
extension Ansi on String {
  /// Bold.
  String get bold => _paint(this, '1');

  /// Dim.
  String get dim => _paint(this, '2');

  /// Red.
  String get red => _paint(this, '38;2;238;75;43');

  /// Green.
  String get green => _paint(this, '38;2;170;255;0');

  /// Yellow.
  String get yellow => _paint(this, '38;2;255;234;0');

  /// Cyan.
  String get cyan => _paint(this, '38;2;0;255;255');

  /// Blue.
  String get blue => _paint(this, '38;2;0;150;255');
}
