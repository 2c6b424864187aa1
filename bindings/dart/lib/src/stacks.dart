// Names for the frames of this isolate: the library walks the machine code of a stack, and asks for the names
// of one that it has not seen before.
//
// The VM is asked for its trace once for each such stack; that is turned into text when a report is made, when
// the event loop comes to rest, or at once where somebody outside reads the ledger.

import 'dart:async';
import 'dart:convert';
import 'dart:ffi';

import 'raw.dart';

final Map<int, StackTrace> _pending = {};
bool _scheduled = false;

/// A word for the library's answers: an isolate is in one call at a time.
final Pointer<Uint64> answer = scratch(64).cast();

Pointer<Uint8> _scratch = nullptr;
int _room = 0;

/// Memory of this isolate for the arguments of the next call. It is no block of the program's.
Pointer<Uint8> scratch(int bytes) {
  if (bytes > _room) {
    // What was there may be in use by a caller further out: it is left to the end of the process.
    _room = bytes < 4096 ? 4096 : bytes * 2;
    _scratch = freehold_alloc(_room, 16, FREEHOLD_UNCOUNTED, 0, nullptr).cast();
    if (_scratch == nullptr) throw OutOfMemoryError();
  }
  final place = _scratch;
  if (bytes <= 64) {
    // Small pieces are not reused, so that several may be in use.
    _scratch += 64;
    _room -= 64;
  }
  return place;
}

/// The library met a stack that has no names: this one.
void newStack(int stack) {
  _pending[stack] = StackTrace.current;
  if (freehold_tracking_is_shared()) {
    nameStacks();
  } else if (!_scheduled) {
    _scheduled = true;
    Zone.root.scheduleMicrotask(nameStacks);
  }
}

/// Remembers the stack of a release, or of a refusal, if it has no names.
void nameHere() {
  final stack = freehold_stack_last();
  if (stack != 0) newStack(stack);
}

/// Gives the names of all stacks that wait for them.
void nameStacks() {
  _scheduled = false;
  if (_pending.isEmpty) return;
  final waiting = Map.of(_pending);
  _pending.clear();
  for (final MapEntry(key: stack, value: trace) in waiting.entries) {
    _name(stack, parseTrace(trace.toString()));
  }
}

/// A frame of a trace of the VM.
final class TraceFrame {
  final String function;
  final String file;
  final int line;
  final int column;

  const TraceFrame(this.function, this.file, this.line, this.column);

  bool get _isOurs => file.startsWith('package:freehold/') || file.startsWith('dart:ffi');

  @override
  String toString() {
    if (file.isEmpty) return function;
    final place = line == 0 ? '' : ':$line${column == 0 ? '' : ':$column'}';
    return '$function ($file$place)';
  }
}

final RegExp _frame = RegExp(r'^#\d+\s+(.+) \((.+?)(?::(\d+))?(?::(\d+))?\)$');

/// The frames of a trace as the VM writes it, without those of this package at its inner end.
List<TraceFrame> parseTrace(String text) {
  final frames = <TraceFrame>[];
  for (final line in const LineSplitter().convert(text)) {
    final match = _frame.firstMatch(line);
    if (match != null) {
      final [function, file, row, column] = match.groups(const [1, 2, 3, 4]);
      frames.add(TraceFrame(function!, file!, int.parse(row ?? '0'), int.parse(column ?? '0')));
    } else if (line == '<asynchronous suspension>') {
      frames.add(TraceFrame(line, '', 0, 0));
    }
  }
  final own = frames.indexWhere((frame) => !frame._isOurs);
  return own <= 0 ? frames : frames.sublist(own);
}

void _name(int stack, List<TraceFrame> frames) {
  final count = frames.length < FREEHOLD_MAX_FRAMES ? frames.length : FREEHOLD_MAX_FRAMES + 1;
  final texts = <String, (List<int>, int)>{};
  var end = 0;
  for (final frame in frames.take(count)) {
    for (final text in [frame.function, frame.file]) {
      texts.putIfAbsent(text, () {
        final bytes = utf8.encode(text);
        final at = end;
        end += bytes.length + 1;
        return (bytes, at);
      });
    }
  }
  final size = sizeOf<freehold_frame>();
  final memory = scratch(count * size + end + 65);
  final base = memory + count * size;
  for (final (bytes, at) in texts.values) {
    final to = (base + at).asTypedList(bytes.length + 1);
    to.setAll(0, bytes);
    to[bytes.length] = 0;
  }
  final array = memory.cast<freehold_frame>();
  for (var i = 0; i < count && i < frames.length; i++) {
    final frame = frames[i];
    (array + i).ref
      ..function = (base + texts[frame.function]!.$2).cast()
      ..file = (base + texts[frame.file]!.$2).cast()
      ..line = frame.line
      ..column = frame.column
      ..language = FREEHOLD_DART;
  }
  // Another isolate may have been faster, or the ledger is another one by now: both are right.
  freehold_stack_name(stack, array, count < frames.length ? count : frames.length);
}
