# SPDX-License-Identifier: Apache-2.0
# With CMAKE_UNITY_BUILD, as tests/run.sh and the examples build, some files of a library are compiled as one: headers are read once and
# templates instantiated once, which takes a third of the time. What is shipped and developed with is built file by file.
if(NOT CMAKE_UNITY_BUILD)
  return()
endif()

# A file's own name may hide nothing in that file, and something in one that is compiled with it.
target_compile_options(goldseal_options INTERFACE $<BUILD_INTERFACE:-Wno-shadow>)

# Files that have a name of their own which another of their library has too.
# goldseal_compile_alone(TARGET FILE…): sources of the target, below the project's root
function(goldseal_compile_alone target)
  if(NOT TARGET ${target})
    return()
  endif()
  list(TRANSFORM ARGN PREPEND ${PROJECT_SOURCE_DIR}/ OUTPUT_VARIABLE files)
  set_source_files_properties(${files} TARGET_DIRECTORY ${target} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
endfunction()

goldseal_compile_alone(goldseal
  src/goldseal/cli/own_outputs.cpp
  src/goldseal/cli/settings/settings.cpp
  src/goldseal/cli/settings/settings_file.cpp
  src/goldseal/cli/settings/settings_variables.cpp
  src/goldseal/cli/welcome.cpp)
goldseal_compile_alone(goldseal_base_kinds
  src/goldseal/base/kinds/dtype.cpp)
goldseal_compile_alone(goldseal_checkpoint_formats
  src/goldseal/checkpoint/formats/pt2.cpp
  src/goldseal/checkpoint/formats/safetensors.cpp
  src/goldseal/checkpoint/formats/safetensors_metadata.cpp
  src/goldseal/checkpoint/formats/torch_legacy.cpp
  src/goldseal/checkpoint/formats/unsupported_content.cpp)
goldseal_compile_alone(goldseal_checkpoint_state_dict
  src/goldseal/checkpoint/state_dict/state_dict.cpp
  src/goldseal/checkpoint/state_dict/state_dict_search.cpp
  src/goldseal/checkpoint/state_dict/tensor_subclass.cpp)
goldseal_compile_alone(goldseal_checks
  checks/env/host/variables_preload.cpp
  checks/env/host/variables_workspace.cpp
  checks/env/torch/library_duplicates.cpp
  checks/model/state.cpp
  checks/tables.cpp
  checks/tensors/file.cpp
  checks/worker/device.cpp)
goldseal_compile_alone(goldseal_environment_gpu
  src/goldseal/environment/gpu/gpu_nvml.cpp)
goldseal_compile_alone(goldseal_fleet
  src/goldseal/fleet/rendering/text.cpp)
goldseal_compile_alone(goldseal_fleet_reading
  src/goldseal/fleet/reading/node_set.cpp
  src/goldseal/fleet/reading/report_texts.cpp)
goldseal_compile_alone(goldseal_golden_compare
  src/goldseal/golden/compare/error_distribution.cpp
  src/goldseal/golden/compare/noise_floor.cpp
  src/goldseal/golden/compare/weight_fingerprint.cpp)
goldseal_compile_alone(goldseal_golden_images
  src/goldseal/golden/images/jpeg_writer.cpp
  src/goldseal/golden/images/png.cpp
  src/goldseal/golden/images/preprocess_text.cpp
  src/goldseal/golden/images/thumbnail.cpp)
goldseal_compile_alone(goldseal_report
  src/goldseal/report/prometheus.cpp
  src/goldseal/report/sarif.cpp
  src/goldseal/report/text.cpp)
goldseal_compile_alone(goldseal_signing
  src/goldseal/signing/keys.cpp
  src/goldseal/signing/model_statement.cpp
  src/goldseal/signing/sign.cpp
  src/goldseal/signing/signers.cpp
  src/goldseal/signing/test_result.cpp)
goldseal_compile_alone(goldseal_worker
  src/goldseal/worker/child_process.cpp)
goldseal_compile_alone(goldseal_workflow_description
  src/goldseal/workflow/description/model_directory.cpp)
goldseal_compile_alone(goldseal_workflow_doctor
  src/goldseal/workflow/doctor/runtimes.cpp)
goldseal_compile_alone(goldseal_workflow_verify
  src/goldseal/workflow/verify/attestation.cpp
  src/goldseal/workflow/verify/model_run.cpp
  src/goldseal/workflow/verify/seal_difference.cpp)
goldseal_compile_alone(unit_manifest
  tests/unit/manifest/environment_test.cpp)
goldseal_compile_alone(unit_report
  tests/unit/report/several_test.cpp
  tests/unit/report/text_test.cpp)
goldseal_compile_alone(unit_signing
  tests/unit/signing/bundle_test.cpp
  tests/unit/signing/statement_test.cpp
  tests/unit/signing/vectors_test.cpp)
# Tests that call their helpers alike; and workers, whose headers are precompiled.
get_property(workers GLOBAL PROPERTY GOLDSEAL_LIBTORCH_WORKERS)
foreach(target IN ITEMS ${workers} unit_checkpoint unit_checks unit_golden)
  if(TARGET ${target})
    set_target_properties(${target} PROPERTIES UNITY_BUILD OFF)
  endif()
endforeach()
