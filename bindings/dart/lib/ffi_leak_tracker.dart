/// Leaks of native memory, under the names of `package:ffi_leak_tracker`: change the import and nothing else.
library;

export 'src/allocation.dart';
export 'src/allocators.dart'
    show
        AllocatorExtensions,
        DiagnosticCallocAllocator,
        DiagnosticMallocAllocator,
        TrackingAllocator,
        adaptiveCalloc,
        adaptiveMalloc,
        diagnosticCalloc,
        diagnosticMalloc,
        isReleaseMode;
export 'src/emitter.dart' show JsonEmitter, LeaksEmitter, PrintEmitter;
export 'src/exception.dart';
export 'src/filter.dart';
export 'src/tracker.dart';
