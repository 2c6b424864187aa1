// A block that stays.

import 'dart:convert';

import 'utils.dart';

/// A block that was allocated and not released.
final class Allocation {
  /// Where it is.
  final int address;

  /// Its bytes.
  final int size;

  /// The name of what is in it.
  final String type;

  /// When it was allocated.
  final DateTime timestamp;

  /// Where it was allocated: a line for each frame, as the VM writes them.
  final String stack;

  const Allocation({
    required this.address,
    required this.size,
    required this.type,
    required this.timestamp,
    required this.stack,
  });

  /// From the text that [toJson] gives; other keys are ignored. Throws a [FormatException] that says what is
  /// wrong.
  factory Allocation.fromJson(String json) {
    final decoded = jsonDecode(json);
    if (decoded is! Map<String, Object?>) {
      throw FormatException('Allocation JSON must decode to an object, got ${decoded.runtimeType}.');
    }
    T field<T>(String name) {
      if (!decoded.containsKey(name)) {
        throw FormatException('Missing required field "$name" in Allocation JSON.');
      }
      final value = decoded[name];
      if (value is! T) throw FormatException('Field "$name" must be $T but was ${value.runtimeType}.');
      return value;
    }

    final address = field<int>('address');
    final size = field<int>('size');
    final type = field<String>('type');
    final stack = field<String>('stack');
    final time = field<String>('timestamp');
    final timestamp = DateTime.tryParse(time);
    if (timestamp == null) throw FormatException('Invalid ISO-8601 timestamp: "$time".');
    return Allocation(address: address, size: size, type: type, timestamp: timestamp, stack: stack);
  }

  /// As a JSON object.
  String toJson() => const JsonEncoder.withIndent('  ').convert({
    'address': address,
    'type': type,
    'size': size,
    'timestamp': timestamp.toIso8601String(),
    'stack': stack,
  });

  @override
  String toString() =>
      '''
Allocation(
  address   : ${formatAddress(address)}
  type      : $type
  size      : ${formatBytes(size)}
  timestamp : ${timestamp.toIso8601String()}
  stack     :
${indent(stack.trimRight(), 4)}
)''';
}
