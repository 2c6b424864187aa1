// The cases of ffi_leak_tracker's own tests, each under its name there.

import 'dart:convert';
import 'dart:ffi';
import 'dart:io';

import 'package:freehold/ffi_leak_tracker.dart';
import 'package:freehold/src/emitter.dart' show shownLeaks;
import 'package:freehold/src/utils.dart';

import 'harness.dart';

final DateTime _time = DateTime.utc(2024, 5, 1, 12);

Allocation _leak({int address = 1, int size = 64, String type = 'MyType', String stack = 'trace-line'}) =>
    Allocation(address: address, size: size, type: type, timestamp: _time, stack: stack);

Map<String, Object?> _fields() => {
  'address': 1,
  'size': 2,
  'type': 'T',
  'timestamp': '2024-05-01T12:00:00.000Z',
  'stack': 's',
};

void main(List<String> arguments) async {
  group('allocation', () {
    test('fromJson parses valid JSON', () {
      final parsed = Allocation.fromJson(jsonEncode({..._fields(), 'more': true}));
      expect([parsed.address, parsed.size, parsed.type, parsed.stack], [1, 2, 'T', 's']);
      expect(parsed.timestamp, _time);
    });
    test('round trip JSON', () {
      final leak = _leak(address: 0xabcd);
      expect(Allocation.fromJson(leak.toJson()).toJson(), leak.toJson());
      expect(jsonDecode(leak.toJson()).keys.toList(), ['address', 'type', 'size', 'timestamp', 'stack']);
    });
    test('throws if JSON invalid', () {
      expect(() => Allocation.fromJson('{'), throwsA<FormatException>());
    });
    test('throws if root not map', () {
      expect(
        () => Allocation.fromJson('[]'),
        throwsA<FormatException>(RegExp(r'Allocation JSON must decode to an object, got List')),
      );
    });
    test('missing field', () {
      for (final name in _fields().keys) {
        final json = jsonEncode(_fields()..remove(name));
        expect(
          () => Allocation.fromJson(json),
          throwsA<FormatException>('Missing required field "$name" in Allocation JSON.'),
        );
      }
    });
    test('wrong type', () {
      final json = jsonEncode({..._fields(), 'size': 'x'});
      expect(() => Allocation.fromJson(json), throwsA<FormatException>('Field "size" must be int but was String.'));
    });
    test('invalid timestamp', () {
      final json = jsonEncode({..._fields(), 'timestamp': 'X'});
      expect(() => Allocation.fromJson(json), throwsA<FormatException>('Invalid ISO-8601 timestamp: "X".'));
    });
    test('toString contains all fields', () {
      expect('${_leak(address: 0xabcd)}', '''
Allocation(
  address   : 0x0000abcd
  type      : MyType
  size      : 64 B
  timestamp : 2024-05-01T12:00:00.000Z
  stack     :
    trace-line
)''');
    });
  });

  group('emitter', () {
    late Directory folder;
    setUp(() => folder = Directory.systemTemp.createTempSync('freehold'));
    tearDown(() => folder.deleteSync(recursive: true));
    test('JSON writes valid file', () {
      final file = File('${folder.path}/leaks.json');
      LeaksEmitter.json(filePath: file.path).emit([_leak()]);
      final text = file.readAsStringSync();
      expect(text, contains(r'\"address\": 1'));
      final decoded = jsonDecode(text) as List<Object?>;
      expect(Allocation.fromJson(decoded.single as String).type, 'MyType');
    });
    test('JSON writes `[]` if no leaks', () {
      final file = File('${folder.path}/leaks.json');
      LeaksEmitter.json(filePath: file.path).emit([]);
      expect(file.readAsStringSync(), '[]');
    });
    test('print: no-leaks status', () => expect(shownLeaks([]), '✓ No native memory leaks detected\n'));
    test('print: summary and sort by size desc', () {
      final text = shownLeaks([_leak(size: 10, type: 'Small'), _leak(address: 2, size: 100, type: 'Big')]);
      expect(text.split('\n').take(8).toList(), [
        '✗ Native memory leaks detected',
        'Leaks   : 2',
        'Total   : 110 B',
        'Largest : 100 B',
        '─' * 40,
        'Leak #1 - Big (100 B)',
        '  address   : 0x00000002',
        '  timestamp : 2024-05-01T12:00:00.000Z',
      ]);
      expect(text.indexOf('Leak #1 - Big') < text.indexOf('Leak #2 - Small'), isTrue);
      expect(text.endsWith('${'─' * 40}\n'), isTrue);
    });
    test('print: stack lines', () {
      final text = shownLeaks([_leak(stack: '#0      a\n#1      b\n')]);
      expect(text, contains('  stack     :\n    #0      a\n    #1      b\n─'));
    });
  });

  group('exception', () {
    test('count', () => expect(LeakTrackerException([_leak(), _leak()]).count, 2));
    test('totalBytes sums', () => expect(LeakTrackerException([_leak(size: 3), _leak(size: 4)]).totalBytes, 7));
    test('toString header and summary labels', () {
      final text = '${LeakTrackerException([_leak()], filter: LeakFilter.ignoreTypes({'X'}))}';
      expect(text, contains('LeakTrackerException: Native memory leaks detected\nFilter  : type is in: "X"\n'));
      expect(text, contains('Leaks   : 1\nTotal   : 64 B\nLargest : 64 B\n'));
    });
    test('toString lists each leak', () {
      final text = '${LeakTrackerException([_leak(type: 'A'), _leak(type: 'B')])}';
      expect(text, contains('Leak #1 - A (64 B)'));
      expect(text, contains('Leak #2 - B (64 B)'));
    });
    test('AssertionError on empty leaks', () {
      var asserts = false;
      assert(asserts = true);
      if (!asserts) return;
      expect(
        () => LeakTrackerException([]),
        throwsA<AssertionError>('LeakTrackerException must have at least one leak.'),
      );
    });
  });

  group('filter', () {
    const none = LeakFilter.ignoreNone();
    const all = LeakFilter.ignoreAll();
    final a = LeakFilter.ignoreAddresses({1});
    final b = LeakFilter.ignoreTypes({'B'});
    const c = LeakFilter.ignoreStackContains('c');
    test('ignore none', () {
      expect(none.ignore(_leak()), isFalse);
      expect('$none', 'ignore none');
    });
    test('ignore all', () {
      expect(all.ignore(_leak()), isTrue);
      expect('$all', 'ignore all');
    });
    test('address filter', () {
      final filter = LeakFilter.ignoreAddresses({0xff, 1});
      expect([filter.ignore(_leak()), filter.ignore(_leak(address: 2))], [true, false]);
      expect('$filter', 'address is in: "1, ff"');
    });
    test('type filter', () {
      final filter = LeakFilter.ignoreTypes({'B', 'A'});
      expect([filter.ignore(_leak(type: 'A')), filter.ignore(_leak())], [true, false]);
      expect('$filter', 'type is in: "A, B"');
    });
    test('stack filter', () {
      final filter = LeakFilter.ignoreStackContains(RegExp('tr.ce'));
      expect([filter.ignore(_leak()), filter.ignore(_leak(stack: 'x'))], [true, false]);
      expect(c.ignore(_leak()), isTrue);
      expect('$filter and $c', 'stack contains "tr.ce" and stack contains "c"');
    });
    test('addresses order-independent equality + hash', () {
      final (one, other) = (LeakFilter.ignoreAddresses({1, 2}), LeakFilter.ignoreAddresses({2, 1}));
      expect([one == other, one.hashCode == other.hashCode, one == a], [true, true, false]);
    });
    test('types order-independent equality + hash', () {
      final (one, other) = (LeakFilter.ignoreTypes({'x', 'y'}), LeakFilter.ignoreTypes({'y', 'x'}));
      expect([one == other, one.hashCode == other.hashCode, one == b], [true, true, false]);
    });
    test('identity AND (A & all = A)', () => expect([a & all, all & a], [a, a]));
    test('identity OR (A | none = A)', () => expect([a | none, none | a], [a, a]));
    test('annihilator AND (A & none = none)', () => expect([a & none, none & a], [none, none]));
    test('annihilator OR (A | all = all)', () => expect([a | all, all | a], [all, all]));
    test('idempotent AND', () => expect(a & a, a));
    test('idempotent OR', () => expect(a | a, a));
    test('double negation', () => expect(a.not().not(), a));
    test('AND commutative', () => expect(a & b, b & a));
    test('OR commutative', () => expect(a | b, b | a));
    test('AND associative', () => expect((a & b) & c, a & (b & c)));
    test('OR associative', () => expect((a | b) | c, a | (b | c)));
    test('NOT(A AND B) = NOT A OR NOT B', () => expect((a & b).not(), a.not() | b.not()));
    test('NOT(A OR B) = NOT A AND NOT B', () => expect((a | b).not(), a.not() & b.not()));
    test('nested AND flattens', () {
      expect('${(a & b) & (c & a)}', 'address is in: "1" AND stack contains "c" AND type is in: "B"');
    });
    test('nested OR flattens', () {
      expect('${(a | b) | (c | a)}', 'address is in: "1" OR stack contains "c" OR type is in: "B"');
    });
    test('AND removes duplicates', () => expect((a & b) & a, a & b));
    test('OR removes duplicates', () => expect((a | b) | a, a | b));
    test('AND true only if both match', () {
      final filter = a & b;
      expect([filter.ignore(_leak(type: 'B')), filter.ignore(_leak()), filter.ignore(_leak(address: 2))], [
        true,
        false,
        false,
      ]);
    });
    test('OR true if either matches', () {
      final filter = a | b;
      expect(
        [filter.ignore(_leak()), filter.ignore(_leak(address: 2, type: 'B')), filter.ignore(_leak(address: 2))],
        [true, true, false],
      );
    });
    test('deep equality AND + hash', () {
      final (one, other) = ((a & b) & c.not(), c.not() & (b & a));
      expect([one == other, one.hashCode == other.hashCode], [true, true]);
    });
    test('deep equality OR + hash', () {
      final (one, other) = ((a | b) | c.not(), c.not() | (b | a));
      expect([one == other, one.hashCode == other.hashCode, one == ((a & b) | c)], [true, true, false]);
    });
    test('string ordering deterministic', () {
      expect('${a & b.not()}', '${b.not() & a}');
      // What belongs together is seen, unlike there.
      expect('${(a & b) | c}', '(address is in: "1" AND type is in: "B") OR stack contains "c"');
    });
  });

  group('leak tracker', () {
    setUp(() {
      LeakTracker.enable();
      LeakTracker.reset();
    });
    tearDown(() {
      LeakTracker.clearGlobalFilter();
      LeakTracker.disable();
    });
    test('enable sets enabled', () => expect(LeakTracker.enabled, isTrue));
    test('disable clears enabled', () {
      LeakTracker.disable();
      expect(LeakTracker.enabled, isFalse);
    });
    test('default filter ignoreNone', () => expect(LeakTracker.globalFilter, const LeakFilter.ignoreNone()));
    test('addGlobalFilter combines', () {
      final (a, b) = (LeakFilter.ignoreAddresses({1}), LeakFilter.ignoreTypes({'B'}));
      LeakTracker.addGlobalFilter(a);
      LeakTracker.addGlobalFilter(b);
      expect(LeakTracker.globalFilter, a | b);
    });
    test('clearGlobalFilter resets', () {
      LeakTracker.globalFilter = const LeakFilter.ignoreAll();
      LeakTracker.clearGlobalFilter();
      expect(LeakTracker.globalFilter, const LeakFilter.ignoreNone());
    });
    test('snapshot empty initially, hasLeaks false', () {
      expect(LeakTracker.snapshot, isEmpty);
      expect(LeakTracker.hasLeaks, isFalse);
    });
    test('snapshot reflects scoped allocation, outside isolated', () {
      LeakTracker.runScoped(() {
        final block = adaptiveCalloc<Uint8>();
        expect(LeakTracker.snapshot.single.address, block.address);
        adaptiveCalloc.free(block);
      });
      expect(LeakTracker.snapshot, isEmpty);
    });
    test('snapshot unmodifiable (UnsupportedError)', () {
      expect(() => LeakTracker.snapshot.add(_leak()), throwsA<UnsupportedError>());
      final block = adaptiveCalloc<Uint8>();
      expect(() => LeakTracker.snapshot.clear(), throwsA<UnsupportedError>());
      adaptiveCalloc.free(block);
    });
    test('reset clears registry', () {
      final block = adaptiveCalloc<Uint8>();
      expect(LeakTracker.hasLeaks, isTrue);
      LeakTracker.reset();
      expect(LeakTracker.hasLeaks, isFalse);
      adaptiveCalloc.free(block);
    });
    test('runScoped enables inside, restores outside', () {
      LeakTracker.disable();
      expect(LeakTracker.runScoped(() => LeakTracker.enabled), isTrue);
      expect(LeakTracker.enabled, isFalse);
    });
    test('verifyNoLeaks silent when clean', LeakTracker.verifyNoLeaks);
    test('verifyNoLeaks throws LeakTrackerException', () {
      final block = adaptiveCalloc<Uint8>();
      expect(() => LeakTracker.verifyNoLeaks(), throwsA<LeakTrackerException>('Leak #1 - Uint8 (1 B)'));
      adaptiveCalloc.free(block);
    });
    test('emit passes snapshot', () {
      final block = adaptiveCalloc<Uint8>();
      final emitter = _Collect();
      LeakTracker.emit(emitter: emitter);
      expect(emitter.leaks.map((leak) => (leak.address != 0, leak.type)).toList(), [(true, 'Uint8')]);
      adaptiveCalloc.free(block);
    });
  });

  group('utils', () {
    final block = adaptiveMalloc<Uint8>(16);
    final bytes = block.asTypedList(16);
    setUp(() => bytes.fillRange(0, 16, 9));
    test('fillMemory fills buffer', () {
      fillMemory(block, 16, 0);
      expect(bytes.every((byte) => byte == 0), isTrue);
    });
    test('fillMemory respects length', () {
      fillMemory(block, 4, 0);
      expect(bytes.sublist(0, 5).toList(), [0, 0, 0, 0, 9]);
    });
    test('fillMemory zero length', () {
      fillMemory(block, 0, 0);
      expect(bytes.every((byte) => byte == 9), isTrue);
    });
    test('fillMemory other byte values', () {
      fillMemory(block, 16, 0xff);
      expect(bytes.every((byte) => byte == 255), isTrue);
    });
    test('formatAddress(0) 0x00000000', () => expect(formatAddress(0), '0x00000000'));
    test('formatAddress 0x12345678', () => expect(formatAddress(0x12345678), '0x12345678'));
    test('formatAddress pads 0x000000ff', () => expect(formatAddress(255), '0x000000ff'));
    test('formatBytes 512 B', () => expect(formatBytes(512), '512 B'));
    test('formatBytes 1.00 KB / 1.50 KB', () => expect([formatBytes(1024), formatBytes(1536)], ['1.00 KB', '1.50 KB']));
    test('formatBytes 1.00 MB', () => expect(formatBytes(1 << 20), '1.00 MB'));
    test('formatBytes 1.00 GB', () => expect(formatBytes(1 << 30), '1.00 GB'));
    test('formatStackTrace drops allocator frame, renumbers', () {
      const trace =
          '#0      A.allocate (package:freehold/src/allocators.dart:1:2)\n#1      main (file:///a.dart:3:4)\n#2      b (x)\n';
      expect(formatStackTrace(trace), '#0      main (file:///a.dart:3:4)\n#1      b (x)');
    });
    test('formatStackTrace keeps non-frame lines', () {
      const trace = '#0      a (package:freehold/src/allocators.dart:1:2)\n<asynchronous suspension>\n#1      b (x)';
      expect(formatStackTrace(trace), '<asynchronous suspension>\n#0      b (x)');
    });
    test('formatStackTrace asserts on wrong first frame', () {
      var asserts = false;
      assert(asserts = true);
      if (asserts) expect(() => formatStackTrace('#0      main (x)'), throwsA<AssertionError>());
    });
    test('indent single line', () => expect(indent('a', 2), '  a'));
    test('indent multiple lines', () => expect(indent('a\nb', 2), '  a\n  b'));
    test('indent zero', () => expect(indent('a\nb', 0), 'a\nb'));
    test('indent empty string', () => expect(indent('', 2), '  '));
  });

  await run(arguments);
}

final class _Collect extends LeaksEmitter {
  List<Allocation> leaks = const [];

  @override
  void emit(List<Allocation> leaks) => this.leaks = leaks;
}
