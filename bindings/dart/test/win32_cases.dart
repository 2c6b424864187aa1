// The memory cases of package:win32's own tests: each releases all that it allocates.

import 'dart:ffi';
import 'dart:typed_data';

import 'package:freehold/freehold.dart' show FreeholdException;
import 'package:freehold/src/win32/memory.dart' show structWords;
import 'package:freehold/win32.dart';

import 'harness.dart';

final String _large = 'ä€😀x' * 5000;

/// An object of COM, as far as an arena is concerned.
final class _Object {
  int released = 0;

  void release() => released++;
}

void main(List<String> arguments) async {
  setUp(() {
    LeakTracker.enable();
    LeakTracker.reset();
  });
  tearDown(LeakTracker.verifyNoLeaks);

  group('utils', () {
    test('free(calloc block)', () => free(adaptiveCalloc<Uint8>(128)));
    test('free(malloc block)', () => free(adaptiveMalloc<Uint8>(128)));
    test('free(nullptr)', () {
      var asserts = false;
      assert(asserts = true);
      final wanted = asserts
          ? throwsA<AssertionError>("Pointer must not be a 'nullptr'.")
          : throwsA<ArgumentError>('Cannot free a null pointer.');
      expect(() => free(nullptr), wanted);
    });
    test('free twice', () {
      final block = adaptiveCalloc<Uint8>(1);
      free(block);
      expect(() => free(block), throwsA<FreeholdException>('FREEHOLD_DOUBLE'));
    });
    test('printStruct layout', () {
      final block = adaptiveCalloc<Uint32>(1);
      block.value = 0x6b29fc40;
      expect(structWords(block, 4), '0xFC40, 0x6B29');
      free(block);
    });
    test('wsalloc(10) zeroed', () {
      final text = wsalloc(10);
      expect(text.cast<Uint16>().asTypedList(10).every((unit) => unit == 0), isTrue);
      expect(LeakTracker.snapshot.single.size, 20, reason: 'as many as promised');
      free(text);
    });
  });

  group('wide', () {
    for (final text in ['', 'Hello', 'a\x00b', _large]) {
      test('PWSTR of ${text.length}', () {
        final wide = text.toPwstr();
        final shown = text.split('\x00').first;
        expect(wide.toDartString(), shown);
        expect(wide.toDartString(length: text.length), text);
        expect([wide.length, wide.byteLength, wide.isEmpty], [shown.length, shown.length * 2, shown.isEmpty]);
        final copy = wide.copy();
        expect([copy == wide, copy.toDartString()], [false, shown]);
        free(copy);
        free(wide);
      });
      test('PCWSTR of ${text.length}', () {
        final wide = text.toPcwstr();
        expect(wide.toDartString(length: text.length), text);
        free(wide.copy());
        free(wide);
      });
    }
    test('buffer of length', () {
      using((arena) {
        final buffer = arena.pwstrBuffer(6);
        expect(buffer.setString('Hello'), 12);
        expect(buffer.toDartString(), 'Hello');
        expect(buffer.setString('', capacity: 6), 2);
        expect(buffer.isEmpty, isTrue);
        expect(() => buffer.setString('Hello!', capacity: 6), throwsA<ArgumentError>('needs 7 units'));
        expect(buffer.isEmpty, isTrue);
      });
    });
    test('negative length', () {
      using((arena) => expect(() => arena.pwstr('a').toDartString(length: -1), throwsA<RangeError>()));
    });
    test('list: many, single, empty', () {
      final many = ['abc', 'de', 'fghij'].toPwstr();
      expect(many.toDartStringList(100), ['abc', 'de', 'fghij']);
      for (var max = 0; max <= 13; max++) {
        expect(many.toDartStringList(max).join('|'), 'abc|de|fghij'.substring(0, max > 12 ? 12 : max).replaceFirst(
          RegExp(r'\|$'),
          '',
        ), reason: 'max $max');
      }
      free(many);
      final single = ['one'].toPcwstr();
      expect(single.toDartStringList(5), ['one']);
      free(single);
      final empty = wsalloc(2);
      expect(empty.toDartStringList(2), isEmpty);
      expect(() => empty.toDartStringList(-1), throwsA<RangeError>());
      free(empty);
    });
    test('list: refused', () {
      expect(() => <String>[].toPwstr(), throwsA<ArgumentError>('The list must not be empty.'));
      expect(() => ['a', ''].toPcwstr(), throwsA<ArgumentError>('The list must not contain empty strings.'));
    });
  });

  group('narrow', () {
    for (final text in ['', 'Hello', 'größer €', _large]) {
      test('PSTR and PCSTR of ${text.length}', () {
        final (narrow, constant) = (text.toPstr(), text.toPcstr());
        expect([narrow.toDartString(), constant.toDartString()], [text, text]);
        expect(narrow.isEmpty, text.isEmpty);
        free(narrow.copy());
        free(constant.copy());
        free(narrow);
        free(constant);
      });
    }
    test('setString', () {
      using((arena) {
        final buffer = arena.pstrBuffer(4);
        expect(buffer.setString('ä€'.substring(0, 1)), 3);
        expect(() => buffer.setString('abcd', capacity: 4), throwsA<ArgumentError>('needs 5 bytes'));
        expect(buffer.toDartString(), 'ä');
      });
    });
  });

  group('BSTR', () {
    for (final text in ['', 'Hello', 'a\x00b\x00', _large]) {
      test('of ${text.length}', () {
        final bstr = text.toBstr();
        expect([bstr.length, bstr.byteLength], [text.length, text.length * 2]);
        expect((bstr.cast<Uint8>() - 4).cast<Uint32>().value, text.length * 2);
        expect(bstr.toDartString(), text);
        final copy = bstr.copy();
        expect(copy.toDartString(), text, reason: 'all of it');
        free(copy);
        free(bstr);
      });
    }
  });

  group('HSTRING', () {
    for (final text in ['', 'Hello', 'a\x00b', _large]) {
      test('of ${text.length}', () {
        final hstring = text.toHstring();
        expect([hstring.length, hstring.toDartString(), hstring.isNull], [text.length, text, text.isEmpty]);
        if (hstring.isNull) return;
        expect(hstring.copy() == hstring, isTrue);
        free(hstring);
        free(hstring);
      });
    }
  });

  group('arena', () {
    test('releases each once', () {
      final object = _Object();
      using((arena) {
        expect(identical(arena.adopt(object), object), isTrue);
        expect(arena.bstr('b').toDartString(), 'b');
        expect([arena.hstring('h').toDartString(), arena.hstring('').toDartString()], ['h', '']);
        expect([arena.pcstr('c').toDartString(), arena.pstr('p').toDartString()], ['c', 'p']);
        expect([arena.pcwstr('cw').toDartString(), arena.pwstr('w').toDartString()], ['cw', 'w']);
        expect(object.released, 0);
      }, adaptiveCalloc);
      expect(object.released, 1);
    });
  });

  group('bytes', () {
    test('are copied', () {
      final native = Uint8List.fromList([1, 2, 3]).toNative();
      expect(native.asTypedList(3).toList(), [1, 2, 3]);
      free(native);
    });
    test('of nothing are refused', () {
      expect(() => Uint8List(0).toNative(), throwsA<ArgumentError>('Cannot convert an empty list'));
    });
  });

  group('pointers', () {
    test('isNull and isNotNull', () {
      final block = adaptiveCalloc<Uint8>();
      expect([nullptr.isNull, nullptr.isNotNull, block.isNull, block.isNotNull], [true, false, false, true]);
      free(block);
    });
  });

  await run(arguments);
}
