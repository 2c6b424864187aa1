// Where leaks are shown: on standard output, in a file.

import 'dart:convert';
import 'dart:io';

import 'allocation.dart';
import 'utils.dart';

/// Shows leaks somewhere. Make your own for other places.
abstract class LeaksEmitter {
  const LeaksEmitter();

  /// Writes them to a file, as a JSON array.
  const factory LeaksEmitter.json({required String filePath}) = JsonEmitter;

  /// Prints them on standard output.
  const factory LeaksEmitter.print() = PrintEmitter;

  /// Shows these leaks, or that there are none.
  void emit(List<Allocation> leaks);
}

/// See [LeaksEmitter.json].
final class JsonEmitter extends LeaksEmitter {
  /// The file, which is written anew each time.
  final String filePath;

  const JsonEmitter({required this.filePath});

  @override
  void emit(List<Allocation> leaks) {
    const encoder = JsonEncoder.withIndent('  ');
    File(filePath).writeAsStringSync(encoder.convert([for (final leak in leaks) leak.toJson()]));
  }
}

/// See [LeaksEmitter.print].
final class PrintEmitter extends LeaksEmitter {
  const PrintEmitter();

  @override
  void emit(List<Allocation> leaks) => stdout.write(shownLeaks(leaks));
}

/// The leaks for people, the largest first.
String shownLeaks(List<Allocation> leaks) {
  if (leaks.isEmpty) return '${'✓ No native memory leaks detected'.bold.green}\n';
  return '${'✗ Native memory leaks detected'.bold.red}\n${summary(leaks)}';
}

/// What both the emitter and the exception say of them.
String summary(List<Allocation> leaks) {
  final sorted = [...leaks]..sort((a, b) => b.size.compareTo(a.size));
  final total = leaks.fold(0, (sum, leak) => sum + leak.size);
  final rule = ('─' * 40).dim;
  final out = StringBuffer()
    ..writeln('Leaks   : ${'${leaks.length}'.bold.yellow}')
    ..writeln('Total   : ${formatBytes(total).bold.red}')
    ..writeln('Largest : ${formatBytes(sorted.first.size).bold.red}')
    ..writeln(rule);
  for (final (i, leak) in sorted.indexed) {
    out
      ..writeln('Leak #${i + 1} - ${leak.type} (${formatBytes(leak.size)})'.yellow)
      ..writeln('  address   : ${formatAddress(leak.address).cyan}')
      ..writeln('  timestamp : ${leak.timestamp.toIso8601String().blue}')
      ..writeln('  stack     :');
    for (final line in leak.stack.trimRight().split('\n')) {
      out.writeln('    ${line.dim}');
    }
    out.writeln(rule);
  }
  return '$out';
}
