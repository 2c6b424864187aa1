# The targets freehold::freehold (shared) and freehold::static, for
# find_package(freehold). Found by its own place, so that the prefix may move.
get_filename_component(_freehold_prefix "${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)

if(NOT TARGET freehold::freehold)
  add_library(freehold::freehold SHARED IMPORTED)
  set_target_properties(freehold::freehold PROPERTIES
    IMPORTED_LOCATION "${_freehold_prefix}/lib/libfreehold.so"
    IMPORTED_SONAME "libfreehold.so.0"
    INTERFACE_INCLUDE_DIRECTORIES "${_freehold_prefix}/include")
endif()

if(NOT TARGET freehold::static)
  add_library(freehold::static STATIC IMPORTED)
  set_target_properties(freehold::static PROPERTIES
    IMPORTED_LOCATION "${_freehold_prefix}/lib/libfreehold.a"
    INTERFACE_INCLUDE_DIRECTORIES "${_freehold_prefix}/include"
    INTERFACE_LINK_LIBRARIES "gcc_s;m;dl;pthread")
endif()

unset(_freehold_prefix)
set(freehold_FOUND TRUE)
