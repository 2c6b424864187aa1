// What this package promises beyond those whose names it has: refusals that explain themselves, one ledger for
// all isolates, scopes that follow zones, finalizers that are seen, names of frames that are asked for once.

import 'dart:async';
import 'dart:convert';
import 'dart:ffi';
import 'dart:io';
import 'dart:isolate';
import 'dart:typed_data';

import 'package:freehold/freehold.dart';
import 'package:freehold/src/raw.dart';
import 'package:freehold/src/stacks.dart' show parseTrace;

import 'harness.dart';

final class _Owner implements Finalizable {}

@pragma('vm:never-inline')
Pointer<Uint8> allocateHere(int size) => adaptiveCalloc.allocate<Uint8>(size);

@pragma('vm:never-inline')
Pointer<Uint8> deep(int depth, int size) => depth == 0 ? allocateHere(size) : deep(depth - 1, size);

/// The leaks of this process as the library has them.
List<Map<String, Object?>> _ledger() {
  LeakTracker.snapshot; // gives names
  final needed = calloc<Size>();
  freehold_leaks(FREEHOLD_JSON, nullptr, 0, needed);
  final room = needed.value + 4096;
  final buffer = calloc<Char>(room);
  freehold_leaks(FREEHOLD_JSON, buffer, room, needed);
  final text = buffer.cast<Utf8>().toDartString();
  calloc
    ..free(buffer)
    ..free(needed);
  return (jsonDecode(text) as List<Object?>).cast();
}

/// Collects garbage until something is so.
Future<bool> _collectUntil(bool Function() done) async {
  for (var round = 0; round < 200 && !done(); round++) {
    var list = <Uint8List>[];
    for (var i = 0; i < 20; i++) {
      list.add(Uint8List(1 << 20));
    }
    list = [];
    await Future<void>.delayed(const Duration(milliseconds: 1));
  }
  return done();
}

@pragma('vm:never-inline')
void _forget(NativeFinalizer finalizer, Pointer<Void> block) {
  finalizer.attach(_Owner(), block, externalSize: 64);
}

/// The arguments of the VM for another program of these tests.
List<String> _again(String script, [List<String> arguments = const []]) {
  final packages = Platform.packageConfig;
  final at = Platform.script.resolve(script).toFilePath();
  return [if (packages != null) '--packages=${Uri.parse(packages).toFilePath()}', at, ...arguments];
}

void main(List<String> arguments) async {
  setUp(() {
    LeakTracker.enable();
    LeakTracker.reset();
  });
  tearDown(LeakTracker.disable);

  group('the page', () {
    test('nothing is left when it is released', () {
      final done = Process.runSync(Platform.resolvedExecutable, _again('page.dart'));
      expect(done.stdout, 'sum 896\n✓ No native memory leaks detected\n', reason: '${done.stderr}');
    });
    test('what is forgotten is told', () {
      final done = Process.runSync(Platform.resolvedExecutable, _again('page.dart', ['forget']));
      final lines = const LineSplitter().convert(done.stdout as String);
      expect(lines.take(4).toList(), ['sum 896', '✗ Native memory leaks detected', 'Leaks   : 1', 'Total   : 256 B']);
      expect(lines[5 + 1], contains(RegExp(r'^Leak #1 - Uint8 \(256 B\)$')));
      expect('${done.stdout}', contains(RegExp(r'#0      main \(file://.*page\.dart')));
    });
  });

  group('refusals', () {
    test('a second release tells all three places', () {
      final block = allocateHere(24);
      adaptiveCalloc.free(block);
      try {
        adaptiveCalloc.free(block);
        throw TestFailure('not refused');
      } on FreeholdException catch (error) {
        expect(error.code, FREEHOLD_DOUBLE);
        expect(error.name, 'FREEHOLD_DOUBLE');
        final [_, allocated, rest] = error.message.split(RegExp('allocated:|first released:'));
        final [released, now] = rest.split('now:');
        expect(allocated, contains(RegExp(r'allocateHere \(.*own_cases\.dart:\d+')));
        expect(released, contains('own_cases.dart'));
        expect(now, contains('own_cases.dart'));
        expect(released.split('\n')[2] == now.split('\n')[2], isFalse, reason: 'two lines of this file');
      }
    });
    test('an address within a block', () {
      final block = adaptiveCalloc<Int32>(4);
      expect(() => adaptiveCalloc.free(block + 1), throwsA<FreeholdException>('FREEHOLD_INTERIOR'));
      adaptiveCalloc.free(block);
    });
    test('an address that is no block', () {
      expect(() => malloc.free(Pointer<Void>.fromAddress(0x1000)), throwsA<FreeholdException>('FREEHOLD_FOREIGN'));
    });
    test('null has one behaviour in every build', () {
      expect(() => adaptiveCalloc.free(nullptr), throwsA<ArgumentError>('Cannot free a null pointer.'));
      calloc.free(nullptr);
    });
    test('an alignment is kept', () {
      for (final alignment in [1, 16, 64, 4096]) {
        final block = adaptiveMalloc.allocate<Uint8>(10, alignment: alignment);
        expect(block.address % alignment, 0);
        adaptiveMalloc.free(block);
      }
      expect(() => adaptiveMalloc.allocate<Uint8>(1, alignment: 3), throwsA<ArgumentError>('power of two'));
    });
  });

  group('releases are seen', () {
    test('of an outer block in a scope, and of an inner one behind it', () {
      final outer = adaptiveCalloc<Uint8>();
      final inner = LeakTracker.runScoped(() {
        adaptiveCalloc.free(outer);
        return adaptiveCalloc<Uint8>();
      });
      expect(LeakTracker.snapshot.map((leak) => leak.address).toList(), [inner.address]);
      adaptiveCalloc.free(inner);
      expect(LeakTracker.snapshot, isEmpty);
    });
    test('after tracking was disabled', () {
      final block = adaptiveCalloc<Uint8>();
      LeakTracker.disable();
      adaptiveCalloc.free(block);
      expect(LeakTracker.snapshot, isEmpty);
      // And the other way round.
      final untracked = adaptiveCalloc<Uint8>();
      expect(LeakTracker.snapshot, isEmpty);
      LeakTracker.enable();
      adaptiveCalloc.free(untracked);
    });
    test('in another isolate', () async {
      final address = allocateHere(40).address;
      await Isolate.run(() => adaptiveCalloc.free(Pointer<Void>.fromAddress(address)));
      expect(LeakTracker.snapshot, isEmpty);
    });
    test('by C', () {
      final block = allocateHere(8);
      expect(freehold_free(block.cast()), FREEHOLD_OK);
      expect(LeakTracker.snapshot, isEmpty);
    });
  });

  group('isolates', () {
    test('a block of one that ended keeps its stack', () async {
      final address = await Isolate.run(() async {
        LeakTracker.enable();
        final block = allocateHere(77);
        await Future<void>.delayed(Duration.zero);
        return block.address;
      });
      final leak = LeakTracker.snapshot.single;
      expect([leak.address, leak.size, leak.type], [address, 77, 'Uint8']);
      expect(leak.stack, contains(RegExp(r'#0      allocateHere \(.*own_cases\.dart:\d+:\d+\)')));
      adaptiveCalloc.free(Pointer<Void>.fromAddress(address));
    });
    test('many at once', () async {
      final all = await Future.wait([
        for (var i = 0; i < 8; i++)
          Isolate.run(() {
            LeakTracker.enable();
            final kept = <int>[];
            for (var n = 0; n < 2000; n++) {
              final block = deep(n % 10, 16 + n % 64);
              if (n % 500 == 0) {
                kept.add(block.address);
              } else {
                adaptiveCalloc.free(block);
              }
            }
            return kept;
          }),
      ]);
      final kept = all.expand((addresses) => addresses).toSet();
      expect(LeakTracker.snapshot.map((leak) => leak.address).toSet().containsAll(kept), isTrue);
      expect(LeakTracker.snapshot.length, 32);
      for (final address in kept) {
        adaptiveCalloc.free(Pointer<Void>.fromAddress(address));
      }
    });
  });

  group('scopes', () {
    test('follow what is asynchronous', () async {
      Future<int> work(int size) => LeakTracker.runScoped(() async {
        await Future<void>.delayed(Duration(milliseconds: size % 3));
        final block = adaptiveMalloc<Uint8>(size);
        await Future<void>.delayed(Duration.zero);
        final seen = LeakTracker.snapshot.single.size;
        adaptiveMalloc.free(block);
        return seen;
      });
      expect(await Future.wait([for (var size = 10; size < 20; size++) work(size)]), [
        for (var size = 10; size < 20; size++) size,
      ]);
      expect(LeakTracker.snapshot, isEmpty);
    });
    test('nest, and filters are inherited', () {
      LeakTracker.runScoped(() {
        final block = adaptiveCalloc<Int8>();
        expect(LeakTracker.snapshot, isEmpty);
        LeakTracker.runScoped(() {
          final inner = adaptiveCalloc<Int8>();
          expect(LeakTracker.snapshot, isEmpty, reason: 'the filter around it');
          adaptiveCalloc.free(inner);
        });
        adaptiveCalloc.free(block);
      }, filter: LeakFilter.ignoreTypes({'Int8'}));
    });
    test('hand over what stays', () {
      final block = LeakTracker.runScoped(() => adaptiveCalloc<Uint8>(5));
      expect(LeakTracker.snapshot.single.size, 5);
      adaptiveCalloc.free(block);
    });
    test('filters act on reports, not on records', () {
      final block = adaptiveCalloc<Int16>();
      LeakTracker.addGlobalFilter(LeakFilter.ignoreTypes({'Int16'}));
      expect(LeakTracker.snapshot, isEmpty);
      LeakTracker.clearGlobalFilter();
      expect(LeakTracker.snapshot.length, 1);
      adaptiveCalloc.free(block);
    });
  });

  group('finalizers', () {
    test('are seen by the tracker', () async {
      final finalizer = NativeFinalizer(adaptiveCalloc.nativeFree);
      for (var i = 0; i < 50; i++) {
        _forget(finalizer, allocateHere(64).cast());
      }
      expect(LeakTracker.snapshot.length > 0, isTrue);
      expect(await _collectUntil(() => LeakTracker.snapshot.isEmpty), isTrue, reason: 'all are released');
    });
    test('of typed data', () async {
      void make() {
        final block = adaptiveMalloc<Uint8>(1 << 16);
        block.asTypedList(1 << 16, finalizer: adaptiveMalloc.nativeFree)[5] = 1;
      }

      make();
      expect(await _collectUntil(() => LeakTracker.snapshot.isEmpty), isTrue, reason: 'it is released');
    });
  });

  group('frames', () {
    test('have function, file, line and column', () {
      final block = allocateHere(3);
      final frames = (_ledger().single['frames'] as List<Object?>).cast<Map<String, Object?>>();
      final dart = frames.where((frame) => frame['language'] == 'dart').toList();
      expect(dart.first['function'], 'allocateHere');
      expect(dart.first['file'], contains('own_cases.dart'));
      expect([dart.first['line'] is int, dart.first['column'] is int], [true, true]);
      adaptiveCalloc.free(block);
    });
    test('are asked for once for each stack', () {
      final blocks = [for (var i = 0; i < 1000; i++) deep(5, 8)];
      final stacks = LeakTracker.snapshot.map((leak) => leak.stack).toSet();
      // The first few were compiled by another compiler of the VM's, at other addresses.
      expect(stacks.length <= 3, isTrue, reason: '${stacks.length} stacks');
      expect(stacks.every((stack) => 'deep'.allMatches(stack).length == 6), isTrue, reason: stacks.first);
      blocks.forEach(adaptiveCalloc.free);
    });
    test('of many stacks', () {
      final blocks = <Pointer<Uint8>>[];
      for (var depth = 0; depth < 100; depth++) {
        blocks.add(deep(depth, 4));
      }
      for (final leak in LeakTracker.snapshot) {
        final depth = blocks.indexWhere((block) => block.address == leak.address);
        expect('deep ('.allMatches(leak.stack).length, depth + 1, reason: leak.stack);
      }
      blocks.forEach(adaptiveCalloc.free);
    });
    test('traces of the VM are understood', () {
      final frames = parseTrace(
        '#0      A.allocate (package:freehold/src/allocators.dart:1:2)\n'
        '#1      B.<anonymous closure> (file:///a%20b/c.dart:3:4)\n'
        '<asynchronous suspension>\n'
        '#2      C.operator + (dart:core/x.dart)\n'
        '#10     new D.of (package:p/d.dart:7)\n'
        'nonsense',
      );
      expect(frames.map((frame) => '$frame').toList(), [
        'B.<anonymous closure> (file:///a%20b/c.dart:3:4)',
        '<asynchronous suspension>',
        'C.operator + (dart:core/x.dart)',
        'new D.of (package:p/d.dart:7)',
      ]);
    });
  });

  group('the library', () {
    Future<String> startWith(String library) async {
      final done = await Process.run(
        Platform.resolvedExecutable,
        _again('page.dart'),
        environment: {'FREEHOLD_LIBRARY': library},
      );
      return '${done.exitCode} ${done.stderr}';
    }

    test('that is missing is named', () async {
      final said = await startWith('/nowhere/libfreehold.so');
      expect(said, contains('LibraryException'));
      expect(said, contains('/nowhere/libfreehold.so'));
      expect(said, contains('Set FREEHOLD_LIBRARY'));
    });
    test('that is another one is refused', () async {
      final other = Platform.isWindows ? 'kernel32.dll' : 'libm.so.6';
      expect(await startWith(other), contains('$other is no libfreehold'));
    });
  });

  await run(arguments);
}
