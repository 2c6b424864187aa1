// The same as `pair.dart` for package:ffi and package:ffi_leak_tracker, whose sources are found by the package
// configuration that is given to the VM.

import 'dart:ffi';

import 'package:ffi/ffi.dart';
import 'package:ffi_leak_tracker/ffi_leak_tracker.dart';

@pragma('vm:never-inline')
void _calloc(int n) {
  for (var i = 0; i < n; i++) {
    calloc.free(calloc.allocate<Uint8>(64));
  }
}

@pragma('vm:never-inline')
void _malloc(int n) {
  for (var i = 0; i < n; i++) {
    malloc.free(malloc.allocate<Uint8>(64));
  }
}

@pragma('vm:never-inline')
void _adaptive(int n) {
  for (var i = 0; i < n; i++) {
    adaptiveCalloc.free(adaptiveCalloc.allocate<Uint8>(64));
  }
}

@pragma('vm:never-inline')
int _below(int depth, void Function(int) body, int n) {
  if (depth == 0) {
    body(n);
    return 0;
  }
  return _below(depth - 1, body, n) + 1;
}

void _measure(String name, void Function(int) body, int n, {int depth = 0}) {
  _below(depth, body, n ~/ 4);
  _below(depth, body, n ~/ 4);
  final runs = <double>[];
  for (var round = 0; round < 5; round++) {
    final watch = Stopwatch()..start();
    _below(depth, body, n);
    runs.add(watch.elapsedMicroseconds * 1000 / n);
  }
  runs.sort();
  print('$name\t${runs[2].toStringAsFixed(1)}');
}

void main() {
  _measure('calloc', _calloc, 500000);
  _measure('malloc', _malloc, 500000);
  _measure('adaptiveCalloc, off', _adaptive, 500000);
  LeakTracker.enable();
  _measure('adaptiveCalloc, on', _adaptive, 20000);
  _measure('adaptiveCalloc, on, depth 20', _adaptive, 5000, depth: 20);
  LeakTracker.runScoped(() => _measure('adaptiveCalloc, in a scope', _adaptive, 20000));
}
