# SPDX-License-Identifier: Apache-2.0
# The command is one file that depends on libc alone, so every library is taken in its static form.
set(OPENSSL_USE_STATIC_LIBS ON)
set(ZLIB_USE_STATIC_LIBS ON)
set(Boost_USE_STATIC_LIBS ON)
set(PNG_STATIC ON)

find_package(Threads REQUIRED)
find_package(OpenSSL 3.0 REQUIRED COMPONENTS Crypto)
find_package(fmt REQUIRED CONFIG)
find_package(nlohmann_json REQUIRED CONFIG)
find_package(CLI11 REQUIRED CONFIG)
find_package(tomlplusplus QUIET CONFIG)
find_path(TOMLPLUSPLUS_INCLUDE_DIR toml++/toml.h REQUIRED)
find_package(Boost 1.81 REQUIRED CONFIG)

find_path(PNG_INCLUDE_DIR png.h REQUIRED)
find_library(PNG_STATIC_LIBRARY NAMES libpng.a libpng16.a REQUIRED)
find_library(ZLIB_STATIC_LIBRARY NAMES libz.a REQUIRED)
find_path(JPEG_INCLUDE_DIR jpeglib.h REQUIRED)
find_library(JPEG_STATIC_LIBRARY NAMES libjpeg.a REQUIRED)

# Third-party headers are SYSTEM, so that our warnings speak of our code alone.
function(goldseal_external name)
  cmake_parse_arguments(arg "" "" "INCLUDE;LINK;DEFINE" ${ARGN})
  add_library(goldseal_external_${name} INTERFACE IMPORTED GLOBAL)
  target_include_directories(goldseal_external_${name} SYSTEM INTERFACE ${arg_INCLUDE})
  target_link_libraries(goldseal_external_${name} INTERFACE ${arg_LINK})
  target_compile_definitions(goldseal_external_${name} INTERFACE ${arg_DEFINE})
endfunction()

goldseal_external(toml INCLUDE ${TOMLPLUSPLUS_INCLUDE_DIR} DEFINE TOML_HEADER_ONLY=1)
goldseal_external(zlib INCLUDE ${PNG_INCLUDE_DIR} LINK ${ZLIB_STATIC_LIBRARY})
goldseal_external(png INCLUDE ${PNG_INCLUDE_DIR} LINK ${PNG_STATIC_LIBRARY} ${ZLIB_STATIC_LIBRARY} m)
goldseal_external(jpeg INCLUDE ${JPEG_INCLUDE_DIR} LINK ${JPEG_STATIC_LIBRARY})
# Boost.Process is headers alone where it takes its paths from the standard library.
goldseal_external(boost_process INCLUDE ${Boost_INCLUDE_DIRS} LINK Threads::Threads
                  DEFINE BOOST_ASIO_NO_DEPRECATED BOOST_PROCESS_USE_STD_FS)
