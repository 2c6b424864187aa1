// What a block of 64 bytes costs, allocated and released: nanoseconds, median of five. Run it by
// `benches/dart.py`, which runs the same for package:ffi and ffi_leak_tracker where their sources are at hand.

import 'dart:ffi';

import 'package:freehold/freehold.dart';

import 'measure.dart';

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

void main() {
  measure('calloc', _calloc, 500000);
  measure('malloc', _malloc, 500000);
  measure('adaptiveCalloc, off', _adaptive, 500000);
  LeakTracker.enable();
  measure('adaptiveCalloc, on', _adaptive, 200000);
  measure('adaptiveCalloc, on, depth 20', _adaptive, 200000, depth: 20);
  LeakTracker.runScoped(() => measure('adaptiveCalloc, in a scope', _adaptive, 100000));
}
