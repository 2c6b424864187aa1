// The same as `pair.dart` for package:ffi and package:ffi_leak_tracker, whose sources are found by the package
// configuration that is given to the VM.

import 'dart:ffi';

import 'package:ffi/ffi.dart';
import 'package:ffi_leak_tracker/ffi_leak_tracker.dart';

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
  measure('adaptiveCalloc, on', _adaptive, 20000);
  measure('adaptiveCalloc, on, depth 20', _adaptive, 5000, depth: 20);
  LeakTracker.runScoped(() => measure('adaptiveCalloc, in a scope', _adaptive, 20000));
}
