// The cases of package:ffi's own tests, each under its name there.

import 'dart:async';
import 'dart:ffi';
import 'dart:typed_data';

import 'package:freehold/ffi.dart';

import 'harness.dart';

/// An allocator that counts what is not released.
final class _Counting implements Allocator {
  final Allocator wrapped;
  int live = 0;

  _Counting([this.wrapped = calloc]);

  @override
  Pointer<T> allocate<T extends NativeType>(int byteCount, {int? alignment}) {
    live++;
    return wrapped.allocate(byteCount, alignment: alignment);
  }

  @override
  void free(Pointer<NativeType> pointer) {
    live--;
    wrapped.free(pointer);
  }
}

Pointer<Uint8> _bytes(List<int> bytes) {
  final native = calloc<Uint8>(bytes.length + 1);
  native.asTypedList(bytes.length).setAll(0, bytes);
  return native;
}

void main(List<String> arguments) async {
  group('allocation', () {
    test('calloc zeroes', () {
      for (var round = 0; round < 3; round++) {
        for (var size = 0; size < 1000; size++) {
          final dirty = malloc<Uint8>(size);
          dirty.asTypedList(size).fillRange(0, size, 0xff);
          malloc.free(dirty);
          final block = calloc<Uint8>(size);
          expect(block.asTypedList(size).every((byte) => byte == 0), isTrue, reason: 'size $size');
          calloc.free(block);
        }
      }
    });
    test('too large', () {
      for (final size in [0x7fffffffffffffff, (1 << 60) - 1, 1 << 60, 1 << 40]) {
        for (final allocator in [calloc, malloc] as List<Allocator>) {
          expect(
            () => allocator.allocate<Uint8>(size),
            throwsA<ArgumentError>('Could not allocate $size bytes.'),
            reason: '$size',
          );
          if (sizeOf<Size>() == 8 && size == 1 << 40) break;
        }
      }
    });
    test('negative', () {
      expect(() => calloc.allocate<Uint8>(-1), throwsA<ArgumentError>('Could not allocate -1 bytes.'));
      expect(() => malloc<Uint8>(-1), throwsA<ArgumentError>());
    });
    test('nativeFree for malloc and calloc', () {
      final release = <Pointer<NativeFinalizerFunction>>[calloc.nativeFree, malloc.nativeFree];
      for (final (allocator, free) in [(calloc as Allocator, release[0]), (malloc, release[1])]) {
        final function = free.cast<NativeFunction<Void Function(Pointer<Void>)>>().asFunction<
          void Function(Pointer<Void>)
        >();
        function(allocator<Uint8>(8).cast());
        function(nullptr);
        final finalizer = NativeFinalizer(free);
        final owner = _Finalizable();
        final block = allocator<Uint8>(8);
        finalizer.attach(owner, block.cast(), detach: owner);
        finalizer.detach(owner);
        allocator.free(block);
      }
    });
  });

  group('arena', () {
    test('sync', () {
      var released = 0;
      final allocator = _Counting();
      using((arena) {
        arena.using(1234, (value) => released = value);
        arena<Uint8>(4);
        expect([released, allocator.live], [0, 1]);
      }, allocator);
      expect([released, allocator.live], [1234, 0]);
    });
    test('async', () async {
      final allocator = _Counting();
      final order = <int>[];
      await using((arena) async {
        arena.using(1, order.add);
        await Future<void>.delayed(Duration.zero);
        arena.using(2, order.add);
        arena<Uint8>();
        expect([order.length, allocator.live], [0, 1]);
      }, allocator);
      expect([order, allocator.live], [
        [2, 1],
        0,
      ]);
    });
    test('throw', () {
      final allocator = _Counting();
      expect(
        () => using((arena) {
          arena<Uint8>();
          throw FormatException('x');
        }, allocator),
        throwsA<FormatException>(),
      );
      expect(allocator.live, 0);
    });
    test('allocate', () {
      using((arena) {
        final block = arena<Int64>(3);
        block[2] = 7;
        expect([block[0], block[2]], [0, 7]);
        arena.free(block); // nothing
        block[2] = 8;
      });
    });
    test('allocate throw', () {
      final allocator = _Counting();
      late Arena escaped;
      using((arena) => escaped = arena, allocator);
      expect(() => escaped<Uint8>(), throwsA<StateError>('Arena no longer in use'));
      expect(() => escaped.using(1, (_) {}), throwsA<StateError>('`releaseAll(reuse: false)` was called.'));
      final again = Arena(allocator);
      again<Uint8>();
      again.releaseAll(reuse: true);
      again<Uint8>();
      again.releaseAll();
      expect(allocator.live, 0);
    });
    test('toNativeUtf8', () {
      final allocator = _Counting();
      using((arena) {
        expect('Hello world!'.toNativeUtf8(allocator: arena).toDartString(), 'Hello world!');
        expect(allocator.live, 1);
      }, allocator);
      expect(allocator.live, 0);
    });
    test('zone', () {
      final allocator = _Counting();
      withZoneArena(() {
        zoneArena<Uint8>();
        expect(allocator.live, 1);
      }, allocator);
      expect(allocator.live, 0);
      expect(() => zoneArena, throwsA<StateError>('Not inside a zone created by `useArena`'));
    });
    test('zone async', () async {
      final allocator = _Counting();
      await withZoneArena(() async {
        await Future<void>.delayed(Duration.zero);
        zoneArena<Uint8>();
        expect(allocator.live, 1);
      }, allocator);
      expect(allocator.live, 0);
      late Zone left;
      withZoneArena(() => left = Zone.current);
      expect(
        () => left.run(() => zoneArena),
        throwsA<StateError>('Arena has already been cleared with releaseAll.'),
      );
    });
    test('zone throw', () {
      final allocator = _Counting();
      expect(
        () => withZoneArena(() {
          zoneArena<Uint8>();
          throw FormatException('x');
        }, allocator),
        throwsA<FormatException>(),
      );
      expect(allocator.live, 0);
    });
    test('zone future error', () async {
      final allocator = _Counting();
      await expectFails<FormatException>(
        withZoneArena(() async {
          zoneArena<Uint8>();
          await Future<void>.delayed(Duration.zero);
          throw FormatException('x');
        }, allocator),
      );
      expect(allocator.live, 0);
    });
    test('allocate during releaseAll', () {
      final allocator = _Counting();
      final arena = Arena(allocator);
      arena.using(arena, (arena) => arena._wrapped(allocator));
      arena.onReleaseAll(() => arena.onReleaseAll(() {}));
      arena.releaseAll(reuse: true);
      expect(allocator.live, 0);
    });
  });

  group('utf8', () {
    List<int> units(Pointer<Utf8> text, int length) => text.cast<Uint8>().asTypedList(length).toList();
    test('to ASCII', () {
      final text = 'Hello World!\n'.toNativeUtf8();
      expect(units(text, 14), [72, 101, 108, 108, 111, 32, 87, 111, 114, 108, 100, 33, 10, 0]);
      calloc.free(text);
    });
    test('from ASCII', () {
      final text = _bytes('Hello World!\n'.codeUnits);
      expect(text.cast<Utf8>().toDartString(), 'Hello World!\n');
      calloc.free(text);
    });
    test('to emoji', () {
      final text = '😎👿💬'.toNativeUtf8();
      expect(units(text, 13), [240, 159, 152, 142, 240, 159, 145, 191, 240, 159, 146, 172, 0]);
      calloc.free(text);
    });
    test('from emoji', () {
      final text = _bytes([240, 159, 152, 142, 240, 159, 145, 191]);
      expect(text.cast<Utf8>().toDartString(), '😎👿');
      calloc.free(text);
    });
    test('invalid', () {
      final text = _bytes([0x80, 0x41]);
      expect(() => text.cast<Utf8>().toDartString(), throwsA<FormatException>());
      calloc.free(text);
      final lone = '\ud800'.toNativeUtf8();
      expect(lone.toDartString(), '\ufffd');
      calloc.free(lone);
    });
    test('ASCII with length', () {
      final text = _bytes('Hello'.codeUnits);
      expect(text.cast<Utf8>().toDartString(length: 3), 'Hel');
      calloc.free(text);
    });
    test('emoji with length', () {
      final text = '😎👿💬'.toNativeUtf8();
      expect(text.toDartString(length: 4), '😎');
      calloc.free(text);
    });
    test('zero length', () {
      final text = 'abc'.toNativeUtf8();
      expect(text.toDartString(length: 0), '');
      calloc.free(text);
    });
    test('negative length', () {
      final text = 'abc'.toNativeUtf8();
      expect(() => text.toDartString(length: -1), throwsA<RangeError>());
      calloc.free(text);
    });
    test('length over a NUL', () {
      final text = _bytes([65, 0, 66]);
      expect(text.cast<Utf8>().toDartString(length: 3), 'A\x00B');
      calloc.free(text);
    });
    test('length', () {
      final text = 'Hello'.toNativeUtf8();
      expect(text.length, 5);
      calloc.free(text);
    });
    test('nullptr.toDartString', () {
      expect(
        () => nullptr.cast<Utf8>().toDartString(),
        throwsA<UnsupportedError>("Operation 'toDartString' not allowed on a 'nullptr'."),
      );
    });
    test('nullptr.length', () {
      expect(
        () => nullptr.cast<Utf8>().length,
        throwsA<UnsupportedError>("Operation 'length' not allowed on a 'nullptr'."),
      );
    });
    test('zero terminated', () {
      final text = _bytes([65, 0, 66]);
      expect(text.cast<Utf8>().toDartString(), 'A');
      calloc.free(text);
    });
  });

  group('utf16', () {
    Uint16List units(Pointer<Utf16> text, int length) => text.cast<Uint16>().asTypedList(length);
    test('to ASCII', () {
      final text = 'Hello World!\n'.toNativeUtf16();
      expect(units(text, 14).toList(), [72, 101, 108, 108, 111, 32, 87, 111, 114, 108, 100, 33, 10, 0]);
      calloc.free(text);
    });
    test('to emoji', () {
      final text = '😎'.toNativeUtf16();
      expect(units(text, 3).toList(), [0xd83d, 0xde0e, 0]);
      calloc.free(text);
    });
    test('from ASCII', () {
      final text = 'Hello'.toNativeUtf16();
      expect(text.toDartString(), 'Hello');
      calloc.free(text);
    });
    test('from emoji', () {
      final text = '😎👿'.toNativeUtf16();
      expect([text.toDartString(), text.toDartString(length: 2)], ['😎👿', '😎']);
      calloc.free(text);
    });
    test('zero bytes', () {
      final text = 'a\x00b'.toNativeUtf16();
      expect([text.toDartString(), text.toDartString(length: 3)], ['a', 'a\x00b']);
      calloc.free(text);
    });
    test('length', () {
      final text = '😎'.toNativeUtf16();
      expect(text.length, 2);
      calloc.free(text);
    });
    test('negative length', () {
      final text = 'abc'.toNativeUtf16();
      expect(() => text.toDartString(length: -1), throwsA<RangeError>());
      calloc.free(text);
    });
    test('nullptr.toDartString', () {
      expect(
        () => nullptr.cast<Utf16>().toDartString(),
        throwsA<UnsupportedError>("Operation 'toDartString' not allowed on a 'nullptr'."),
      );
    });
    test('nullptr.length', () {
      expect(
        () => nullptr.cast<Utf16>().length,
        throwsA<UnsupportedError>("Operation 'length' not allowed on a 'nullptr'."),
      );
    });
  });

  await run(arguments);
}

final class _Finalizable implements Finalizable {}

extension on Arena {
  /// Allocates in the arena while it is released: that is released too.
  void _wrapped(_Counting allocator) {
    this<Uint8>();
    if (allocator.live != 1) throw StateError('allocated');
  }
}
