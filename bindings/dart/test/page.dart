// The page that this package began with, line by line: what it prints is compared by `own_cases.dart`.

import 'dart:ffi';

import 'package:freehold/freehold.dart';

void free(Pointer<NativeType> pointer) => adaptiveCalloc.free(pointer);

void main(List<String> arguments) {
  LeakTracker.enable();
  final pBuffer = adaptiveCalloc<Uint8>(256);
  for (var i = 0; i < 256; i++) {
    pBuffer[i] = i % 8;
  }
  var sum = 0;
  for (var i = 0; i < 256; i++) {
    sum += pBuffer[i];
  }
  print('sum $sum');
  if (!arguments.contains('forget')) free(pBuffer);
  LeakTracker.emit();
}
