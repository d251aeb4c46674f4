# SPDX-License-Identifier: Apache-2.0
# Compiles for glibc 2.28 on x86-64 or arm64 with zig, whose clang brings libc++ and the link stubs of every glibc; the
# other libraries come from GOLDSEAL_SYSROOT, a tree of Debian's packages of that processor. scripts/wheels.sh makes the
# tree and the compiler's wrappers in GOLDSEAL_ZIG_DIR, and says which processor by GOLDSEAL_PROCESSOR.
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES GOLDSEAL_PROCESSOR GOLDSEAL_SYSROOT GOLDSEAL_ZIG_DIR)
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR ${GOLDSEAL_PROCESSOR})
set(CMAKE_CXX_COMPILER ${GOLDSEAL_ZIG_DIR}/c++)
set(CMAKE_AR ${GOLDSEAL_ZIG_DIR}/ar)
set(CMAKE_RANLIB ${GOLDSEAL_ZIG_DIR}/ranlib)
set(CMAKE_CXX_LIBRARY_ARCHITECTURE ${GOLDSEAL_PROCESSOR}-linux-gnu)

set(CMAKE_FIND_ROOT_PATH ${GOLDSEAL_SYSROOT})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)

get_filename_component(goldseal_root ${CMAKE_CURRENT_LIST_DIR}/../.. REALPATH)
# Headers that differ by processor lie in a directory of their own. What the compiler writes down of paths is the same
# wherever the tree lies.
set(CMAKE_CXX_FLAGS_INIT
    "-include ${CMAKE_CURRENT_LIST_DIR}/compat.hpp -isystem ${GOLDSEAL_SYSROOT}/usr/include/${GOLDSEAL_PROCESSOR}-linux-gnu \
-ffile-prefix-map=${goldseal_root}=.")
set(CMAKE_EXE_LINKER_FLAGS_INIT "-s")
# The command is run while it is built: it writes its manual.
set(CMAKE_CROSSCOMPILING_EMULATOR env)
if(NOT GOLDSEAL_PROCESSOR STREQUAL CMAKE_HOST_SYSTEM_PROCESSOR)
  set(CMAKE_CROSSCOMPILING_EMULATOR qemu-${GOLDSEAL_PROCESSOR};-L;${GOLDSEAL_SYSROOT})
endif()
# zig's linker writes no dependency files, which CMake 3.27 and later ask a linker for.
set(CMAKE_LINK_DEPENDS_USE_LINKER OFF)
