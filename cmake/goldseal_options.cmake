# SPDX-License-Identifier: Apache-2.0
# Compiler options that every goldseal target shares, as one INTERFACE target.
add_library(goldseal_options INTERFACE)
target_compile_features(goldseal_options INTERFACE cxx_std_20)
target_include_directories(goldseal_options INTERFACE $<BUILD_INTERFACE:${CMAKE_CURRENT_SOURCE_DIR}/src>
                                                      $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
set_target_properties(goldseal_options PROPERTIES EXPORT_NAME options)

# Warnings are for this project's own code, not for programs that link an installed goldseal.
set(goldseal_warnings
  -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wnon-virtual-dtor -Wold-style-cast
  -Woverloaded-virtual -Wformat=2 -Wimplicit-fallthrough)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  list(APPEND goldseal_warnings -Wno-restrict)  # GCC bug 105651: it sees overlap where a literal is assigned to a string
endif()

option(GOLDSEAL_WERROR "Treat warnings as errors (the presets do)" OFF)
if(GOLDSEAL_WERROR)
  list(APPEND goldseal_warnings -Werror)
endif()
target_compile_options(goldseal_options INTERFACE "$<BUILD_INTERFACE:${goldseal_warnings}>")

set(GOLDSEAL_SANITIZE "" CACHE STRING "Sanitizers, as -fsanitize takes them")
if(GOLDSEAL_SANITIZE)
  target_compile_options(goldseal_options INTERFACE -fsanitize=${GOLDSEAL_SANITIZE} -fno-sanitize-recover=all
                                                    -fno-omit-frame-pointer)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # GCC bug 105562: with a sanitizer it takes the members of <regex>'s automaton for uninitialised.
    target_compile_options(goldseal_options INTERFACE -Wno-maybe-uninitialized)
  endif()
  target_link_options(goldseal_options INTERFACE -fsanitize=${GOLDSEAL_SANITIZE})
endif()

set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_INSTALL_DEFAULT_COMPONENT_NAME command)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

# One static library a folder, so that the direction of dependencies is what the linker sees.
# goldseal_add_library(NAME SOURCES … DEPENDS …) makes goldseal_NAME with the alias goldseal::NAME.
function(goldseal_add_library name)
  cmake_parse_arguments(arg "" "" "SOURCES;DEPENDS;PRIVATE" ${ARGN})
  add_library(goldseal_${name} STATIC ${arg_SOURCES})
  add_library(goldseal::${name} ALIAS goldseal_${name})
  set_target_properties(goldseal_${name} PROPERTIES EXPORT_NAME ${name})
  set_property(GLOBAL APPEND PROPERTY GOLDSEAL_LIBRARIES goldseal_${name})
  target_link_libraries(goldseal_${name} PUBLIC goldseal_options ${arg_DEPENDS} PRIVATE ${arg_PRIVATE})
endfunction()

# goldseal_add_facade(NAME LIBRARY …) makes goldseal::NAME, which links all of a room's libraries.
function(goldseal_add_facade name)
  add_library(goldseal_${name} INTERFACE)
  add_library(goldseal::${name} ALIAS goldseal_${name})
  set_target_properties(goldseal_${name} PROPERTIES EXPORT_NAME ${name})
  set_property(GLOBAL APPEND PROPERTY GOLDSEAL_LIBRARIES goldseal_${name})
  target_link_libraries(goldseal_${name} INTERFACE ${ARGN})
endfunction()
