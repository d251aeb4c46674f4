# SPDX-License-Identifier: Apache-2.0
# Debian packages, with `cpack` in the build tree: goldseal (the command, which needs libc alone, and the workers' sources) and
# goldseal-dev (the library behind it). Workers are not packed: each fits one LibTorch, and `goldseal runtime build` makes it.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_VENDOR "goldseal")
set(CPACK_PACKAGE_CONTACT "The goldseal authors")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "${PROJECT_DESCRIPTION}")
set(CPACK_RESOURCE_FILE_LICENSE ${PROJECT_SOURCE_DIR}/LICENSE)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_ALL command library)
set(CPACK_COMPONENTS_GROUPING IGNORE)

set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_COMMAND_PACKAGE_NAME goldseal)
set(CPACK_DEBIAN_COMMAND_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_COMMAND_PACKAGE_SUGGESTS "libtorch-dev, g++, cmake, make, nlohmann-json3-dev")
set(CPACK_COMPONENT_COMMAND_DESCRIPTION
    "Seals a PyTorch checkpoint when it is saved and verifies, on another machine, that the\nmodel gives the same answers there: its files, the machine, and the model run on golden inputs.")
set(CPACK_DEBIAN_LIBRARY_PACKAGE_NAME goldseal-dev)
set(CPACK_DEBIAN_LIBRARY_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_LIBRARY_PACKAGE_DEPENDS
    "libboost1.81-dev | libboost-dev (>= 1.81), libtomlplusplus-dev, libfmt-dev, libcli11-dev, nlohmann-json3-dev, libssl-dev, libpng-dev, libjpeg-dev, zlib1g-dev")
set(CPACK_COMPONENT_LIBRARY_DESCRIPTION
    "The library behind goldseal, for programs that seal and verify PyTorch checkpoints themselves:\nheaders, static libraries and find_package(goldseal).")
include(CPack)
