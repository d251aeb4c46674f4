# SPDX-License-Identifier: Apache-2.0
# goldseal_add_plugin(TARGET TORCH PREFIX SOURCES FILE…) builds lib<TARGET>.so, a network for `goldseal … --model plugin:FILE`, against
# the LibTorch under PREFIX (a wheel's site-packages/torch, an unpacked LibTorch, or /usr).
include_guard(GLOBAL)
include(${CMAKE_CURRENT_LIST_DIR}/LibTorchWorker.cmake)

function(goldseal_add_plugin target)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "TORCH" "SOURCES")
  if(NOT arg_TORCH OR NOT arg_SOURCES)
    message(FATAL_ERROR "goldseal_add_plugin(${target}): give TORCH, the LibTorch's directory, and SOURCES.")
  endif()
  get_filename_component(prefix ${arg_TORCH} REALPATH)
  goldseal_libtorch_version(${prefix} version)
  goldseal_libtorch_target(${prefix} ${version} torch)
  add_library(${target} MODULE ${arg_SOURCES})
  set_target_properties(${target} PROPERTIES CXX_STANDARD 20 CXX_STANDARD_REQUIRED ON)
  # LibTorch's classes have other members in a build that asserts: it is a release build itself, whatever this one is.
  target_compile_definitions(${target} PRIVATE NDEBUG)
  target_include_directories(${target} PRIVATE ${GOLDSEAL_LIBTORCH_WORKER_DIR}/plugin)
  target_link_libraries(${target} PRIVATE ${torch})
endfunction()
