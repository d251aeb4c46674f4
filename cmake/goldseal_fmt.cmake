# SPDX-License-Identifier: Apache-2.0
# goldseal_fmt: fmt in static form. A distribution's own static library where there is one, else one made from the installed headers, else (with
# a version of fmt that fmt_library.cpp does not fit) the headers alone.
get_target_property(fmt_kind fmt::fmt TYPE)
if(fmt_kind STREQUAL STATIC_LIBRARY)
  add_library(goldseal_fmt INTERFACE)
  target_link_libraries(goldseal_fmt INTERFACE fmt::fmt)
  set_target_properties(goldseal_fmt PROPERTIES EXPORT_NAME fmt)
  return()
endif()

get_target_property(fmt_include fmt::fmt-header-only INTERFACE_INCLUDE_DIRECTORIES)
set(fmt_public_include ${fmt_include})
cmake_path(IS_PREFIX PROJECT_SOURCE_DIR "${fmt_include}" NORMALIZE fmt_is_in_tree)
if(fmt_is_in_tree)  # scripts/wheels.sh unpacks it there, for that build alone
  set(fmt_public_include $<BUILD_INTERFACE:${fmt_include}>)
endif()
try_compile(GOLDSEAL_FMT_COMPILES
  SOURCES ${CMAKE_CURRENT_LIST_DIR}/fmt/fmt_library.cpp ${CMAKE_CURRENT_LIST_DIR}/fmt/fmt_probe.cpp
  CMAKE_FLAGS "-DINCLUDE_DIRECTORIES=${fmt_include}"
  CXX_STANDARD 20 CXX_STANDARD_REQUIRED ON)
if(GOLDSEAL_FMT_COMPILES)
  add_library(goldseal_fmt STATIC ${CMAKE_CURRENT_LIST_DIR}/fmt/fmt_library.cpp)
  target_compile_features(goldseal_fmt PUBLIC cxx_std_20)
  target_include_directories(goldseal_fmt SYSTEM PUBLIC ${fmt_public_include})
else()
  message(STATUS "fmt ${fmt_VERSION} is used as headers alone: the build takes longer")
  add_library(goldseal_fmt INTERFACE)
  target_link_libraries(goldseal_fmt INTERFACE fmt::fmt-header-only)
endif()
set_target_properties(goldseal_fmt PROPERTIES EXPORT_NAME fmt)
