// Allocates memory in three places, and forgets one.

import 'dart:ffi';

import 'package:freehold/freehold.dart';

Pointer<Int32> squares(int count) {
  final numbers = adaptiveCalloc<Int32>(count);
  for (var i = 0; i < count; i++) {
    numbers[i] = i * i;
  }
  return numbers;
}

void main() {
  LeakTracker.enable();
  adaptiveCalloc.free(squares(10));
  using((arena) => 'gone with the arena'.toNativeUtf8(allocator: arena));
  squares(20);
  LeakTracker.emit();
}
