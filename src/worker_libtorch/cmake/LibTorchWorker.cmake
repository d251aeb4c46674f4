# SPDX-License-Identifier: Apache-2.0
# goldseal_add_libtorch_worker(PREFIX) adds the target goldseal_worker_libtorch_VERSION, which builds
# ${CMAKE_BINARY_DIR}/workers/libtorch-VERSION/goldseal-worker-libtorch for the LibTorch under PREFIX: a wheel's
# site-packages/torch, an unpacked LibTorch archive, or /usr. It calls no find_package(Torch): PyTorch's own files demand the
# CUDA toolkit wherever the build has CUDA, and a worker needs nothing of it to compile. The targets that were added are listed
# in the global property GOLDSEAL_LIBTORCH_WORKERS.
include_guard(GLOBAL)
include(GNUInstallDirs)

set(GOLDSEAL_LIBTORCH_WORKER_DIR ${CMAKE_CURRENT_LIST_DIR}/..)

# What answers the protocol, whatever builds the network.
set(GOLDSEAL_LIBTORCH_SESSION_SOURCES
    facts/arch_list facts/build_config facts/facts facts/libraries
    networks/network networks/restriction
    numerics/float64_run numerics/float64_values numerics/gradients numerics/layer_part numerics/layer_recorder
    numerics/layer_sketch numerics/float64_answers numerics/operator_call numerics/operator_watch numerics/random_watch
    numerics/sha256 numerics/stand_in numerics/streaming numerics/tensor_digest numerics/tile numerics/transforms
    protocol/channel protocol/error protocol/fields protocol/mapped_tensors protocol/run_settings protocol/tensor_file
    forward_pass pass_request session ../darknet/files ../darknet/refusal)
list(TRANSFORM GOLDSEAL_LIBTORCH_SESSION_SOURCES PREPEND ${GOLDSEAL_LIBTORCH_WORKER_DIR}/)
list(TRANSFORM GOLDSEAL_LIBTORCH_SESSION_SOURCES APPEND .cpp)

# Reads MAJOR.MINOR.PATCH from the headers under PREFIX.
function(goldseal_libtorch_version prefix result)
  foreach(header torch/headeronly/version.h torch/csrc/api/include/torch/version.h torch/version.h)
    if(NOT EXISTS ${prefix}/include/${header})
      continue()
    endif()
    file(STRINGS ${prefix}/include/${header} lines REGEX "^#define TORCH_VERSION_(MAJOR|MINOR|PATCH) [0-9]+")
    if(lines)
      string(REGEX REPLACE "[^;]*(MAJOR|MINOR|PATCH) ([0-9]+)" "\\2" lines "${lines}")
      list(JOIN lines "." version)
      set(${result} ${version} PARENT_SCOPE)
      return()
    endif()
  endforeach()
  message(FATAL_ERROR "No PyTorch headers under ${prefix}/include (torch/version.h is missing). Give the directory that holds "
                      "include/ and lib/; Debian's package is libtorch-dev.")
endfunction()

# Finds lib<name>.so of the LibTorch under PREFIX, and nowhere else.
function(goldseal_libtorch_library prefix name result)
  foreach(dir lib/${CMAKE_LIBRARY_ARCHITECTURE} lib64 lib)
    if(EXISTS ${prefix}/${dir}/lib${name}.so)
      set(${result} ${prefix}/${dir}/lib${name}.so PARENT_SCOPE)
      return()
    endif()
  endforeach()
  message(FATAL_ERROR "lib${name}.so is not under ${prefix}/lib: this is no complete LibTorch.")
endfunction()

# 1 if the library was built with the C++11 ABI of libstdc++, 0 for the older one (PyTorch's wheels before 2.6).
function(goldseal_libtorch_abi library result)
  file(STRINGS ${library} symbols REGEX "_ZN3c105ErrorC[12]ENS_14SourceLocationENSt7__cxx1112basic_string" LIMIT_COUNT 1)
  if(symbols)
    set(${result} 1 PARENT_SCOPE)
  else()
    set(${result} 0 PARENT_SCOPE)
  endif()
endfunction()

function(goldseal_libtorch_target prefix version result)
  set(target goldseal_libtorch_${version})
  set(${result} ${target} PARENT_SCOPE)
  if(TARGET ${target})
    return()
  endif()
  goldseal_libtorch_library(${prefix} torch_cpu torch_cpu)
  goldseal_libtorch_library(${prefix} c10 c10)
  goldseal_libtorch_abi(${c10} abi)
  add_library(${target} INTERFACE IMPORTED)
  target_include_directories(${target} SYSTEM INTERFACE ${prefix}/include/torch/csrc/api/include)
  if(NOT prefix STREQUAL "/usr")
    target_include_directories(${target} SYSTEM INTERFACE ${prefix}/include)
  endif()
  target_compile_definitions(${target} INTERFACE _GLIBCXX_USE_CXX11_ABI=${abi})
  # What LibTorch's own libraries need (MKL, CUDA, OpenCV …) is theirs to find at run time.
  target_link_options(${target} INTERFACE LINKER:--allow-shlib-undefined)
  target_link_libraries(${target} INTERFACE ${torch_cpu} ${c10})
  message(STATUS "LibTorch ${version} (C++ ABI ${abi}): ${prefix}")
endfunction()

function(goldseal_worker_json target)
  if(NOT TARGET nlohmann_json::nlohmann_json)
    find_package(nlohmann_json CONFIG QUIET)
  endif()
  if(TARGET nlohmann_json::nlohmann_json)
    target_link_libraries(${target} PRIVATE nlohmann_json::nlohmann_json)
    return()
  endif()
  find_path(GOLDSEAL_JSON_INCLUDE_DIR nlohmann/json.hpp DOC "Where nlohmann/json.hpp lies")
  if(NOT GOLDSEAL_JSON_INCLUDE_DIR)
    message(FATAL_ERROR "nlohmann/json.hpp is missing: install nlohmann-json3-dev or set GOLDSEAL_JSON_INCLUDE_DIR.")
  endif()
  target_include_directories(${target} SYSTEM PRIVATE ${GOLDSEAL_JSON_INCLUDE_DIR})
endfunction()

# PyTorch's headers are most of what a file of the worker takes to compile: they are read once. A compiler cache finds what it
# has by each file's own headers, and a precompiled one would keep it from that.
function(goldseal_precompile_torch target)
  if(NOT CMAKE_CXX_COMPILER_LAUNCHER)
    target_precompile_headers(${target} PRIVATE <ATen/Context.h> <ATen/Functions.h> <ATen/Parallel.h> <ATen/core/grad_mode.h>
                                                <ATen/core/ivalue.h> <nlohmann/json.hpp>)
  endif()
endfunction()

function(goldseal_add_libtorch_worker prefix)
  get_filename_component(prefix ${prefix} REALPATH)
  goldseal_libtorch_version(${prefix} version)
  goldseal_libtorch_target(${prefix} ${version} torch)
  find_package(Threads REQUIRED)

  set(target goldseal_worker_libtorch_${version})
  set(sources main ../darknet/darknet_cfg ../darknet/darknet_sections
              networks/aoti_library networks/aoti_network networks/builders networks/darknet_network
              networks/export_call networks/export_decompositions networks/export_network networks/export_operand
              networks/export_program networks/export_pytree networks/export_symbols networks/plugin_network
              networks/script_archive networks/script_constants networks/script_inputs networks/script_outputs
              networks/script_place networks/torchscript_network)
  list(TRANSFORM sources PREPEND ${GOLDSEAL_LIBTORCH_WORKER_DIR}/)
  list(TRANSFORM sources APPEND .cpp)
  list(APPEND sources ${GOLDSEAL_LIBTORCH_SESSION_SOURCES})
  add_executable(${target} ${sources})
  # By version and C++ ABI, as goldseal looks for it.
  get_target_property(definitions ${torch} INTERFACE_COMPILE_DEFINITIONS)
  set(name libtorch-${version})
  if("_GLIBCXX_USE_CXX11_ABI=0" IN_LIST definitions)
    string(APPEND name -abi0)
  endif()
  set(directory ${CMAKE_BINARY_DIR}/workers/${name})
  # goldseal reads here which installation's libraries the worker is to find.
  file(CONFIGURE OUTPUT ${directory}/installation CONTENT "${prefix}\n")
  set_target_properties(${target} PROPERTIES
    OUTPUT_NAME goldseal-worker-libtorch
    RUNTIME_OUTPUT_DIRECTORY ${directory}
    CXX_STANDARD 20 CXX_STANDARD_REQUIRED ON CXX_EXTENSIONS OFF
    GOLDSEAL_TORCH_PREFIX ${prefix})
  # Fused multiply-add would change the perturbation's bits, which are the same on every machine.
  target_compile_options(${target} PRIVATE -O2 -ffp-contract=off -Wall -Wextra $<$<BOOL:${GOLDSEAL_WERROR}>:-Werror>)
  # PyTorch's headers put their own path and that of the file that uses them into error messages; an installed worker names
  # no directory of the machine it was built on.
  get_filename_component(sources ${GOLDSEAL_LIBTORCH_WORKER_DIR} ABSOLUTE)
  target_compile_options(${target} PRIVATE -fmacro-prefix-map=${prefix}/include=torch -fmacro-prefix-map=${sources}=worker)
  # LibTorch's classes have other members in a build that asserts: it is a release build itself, whatever this one is.
  target_compile_definitions(${target} PRIVATE NDEBUG)
  # Beside the worker's own sources lies src/darknet, which the command reads cfgs with too.
  target_include_directories(${target} PRIVATE ${GOLDSEAL_LIBTORCH_WORKER_DIR} ${GOLDSEAL_LIBTORCH_WORKER_DIR}/..
                                               ${GOLDSEAL_LIBTORCH_WORKER_DIR}/plugin)
  target_link_libraries(${target} PRIVATE ${torch} Threads::Threads ${CMAKE_DL_LIBS})
  goldseal_worker_json(${target})
  goldseal_precompile_torch(${target})
  set(installed ${CMAKE_INSTALL_LIBEXECDIR}/goldseal/workers/${name})
  install(TARGETS ${target} RUNTIME DESTINATION ${installed} COMPONENT workers)
  install(FILES ${directory}/installation DESTINATION ${installed} COMPONENT workers)
  set_property(GLOBAL APPEND PROPERTY GOLDSEAL_LIBTORCH_WORKERS ${target})
endfunction()
