# SPDX-License-Identifier: Apache-2.0
# goldseal::hook, a static library that seals and verifies live modules of LibTorch programs (goldseal/hook.hpp). It is
# compiled in the project that uses it, against that project's LibTorch: the target `torch` of find_package(Torch), or the
# one under GOLDSEAL_TORCH_DIR, whose compile and link settings then come with goldseal::hook.
# GOLDSEAL_HOOK_COMMAND is the goldseal command that it looks for first.
include_guard(GLOBAL)
include(${CMAKE_CURRENT_LIST_DIR}/LibTorchWorker.cmake)

function(goldseal_add_hook result)
  if(TARGET goldseal_hook)
    set(${result} TRUE PARENT_SCOPE)
    return()
  endif()
  set(${result} FALSE PARENT_SCOPE)
  if(GOLDSEAL_TORCH_DIR)
    get_filename_component(prefix ${GOLDSEAL_TORCH_DIR} REALPATH)
    goldseal_libtorch_version(${prefix} version)
    goldseal_libtorch_target(${prefix} ${version} torch)
  elseif(TARGET torch)
    set(torch torch)
  else()
    return()
  endif()
  find_package(Threads REQUIRED)
  set(sources command hook module_network)
  list(TRANSFORM sources PREPEND ${GOLDSEAL_LIBTORCH_WORKER_DIR}/hook/)
  list(TRANSFORM sources APPEND .cpp)
  add_library(goldseal_hook STATIC EXCLUDE_FROM_ALL ${sources} ${GOLDSEAL_LIBTORCH_SESSION_SOURCES})
  add_library(goldseal::hook ALIAS goldseal_hook)
  set_target_properties(goldseal_hook PROPERTIES CXX_STANDARD 20 CXX_STANDARD_REQUIRED ON POSITION_INDEPENDENT_CODE ON)
  # Fused multiply-add would change the perturbation's bits, which are the same on every machine.
  target_compile_options(goldseal_hook PRIVATE -O2 -ffp-contract=off)
  target_compile_features(goldseal_hook INTERFACE cxx_std_17)
  # LibTorch's classes have other members in a build that asserts: it is a release build itself, whatever this one is.
  target_compile_definitions(goldseal_hook PRIVATE NDEBUG GOLDSEAL_HOOK_COMMAND="${GOLDSEAL_HOOK_COMMAND}")
  target_include_directories(goldseal_hook PUBLIC ${GOLDSEAL_LIBTORCH_WORKER_DIR}/hook
                                           PRIVATE ${GOLDSEAL_LIBTORCH_WORKER_DIR} ${GOLDSEAL_LIBTORCH_WORKER_DIR}/..)
  target_link_libraries(goldseal_hook PUBLIC ${torch} PRIVATE Threads::Threads ${CMAKE_DL_LIBS})
  goldseal_worker_json(goldseal_hook)
  goldseal_precompile_torch(goldseal_hook)
  set(${result} TRUE PARENT_SCOPE)
endfunction()
