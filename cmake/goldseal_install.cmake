# SPDX-License-Identifier: Apache-2.0
# What `cmake --install` lays down, relocatable as a whole: the command finds its workers from where it lies itself.
#   bin/goldseal, libexec/goldseal/workers/libtorch-VERSION/   the command and the workers that were built
#   share/goldseal/worker_libtorch/, share/goldseal/darknet/   the workers' sources, for `goldseal runtime build`
#   share/goldseal/python/                                     the Python worker and package, for `--runtime python`
#   share/goldseal/policies/, share/doc/goldseal/              the policies that are built in, to read and to copy; documents
#   share/man/man1/, share/bash-completion/ and the like      manual pages and completions
#   include/goldseal/, lib/libgoldseal_*.a, lib/cmake/goldseal the library behind the command, for find_package(goldseal)
# Components: `command`, the default, needs libc alone; `workers` fit the LibTorch that they were built for; `library` is what a
# program that links goldseal needs.
include(CMakePackageConfigHelpers)

install(TARGETS goldseal)
install(DIRECTORY src/worker_libtorch src/darknet DESTINATION ${CMAKE_INSTALL_DATADIR}/goldseal
        PATTERN CMakeLists.txt EXCLUDE)
install(FILES src/worker_libtorch/CMakeLists.txt DESTINATION ${CMAKE_INSTALL_DATADIR}/goldseal/worker_libtorch)
install(DIRECTORY src/python/ DESTINATION ${CMAKE_INSTALL_DATADIR}/goldseal/python
        FILES_MATCHING PATTERN "*.py" PATTERN "py.typed" PATTERN "__pycache__" EXCLUDE)
install(DIRECTORY checks/policies/ DESTINATION ${CMAKE_INSTALL_DATADIR}/goldseal/policies)
foreach(document README.md ARCHITECTURE.md CHANGELOG.md LICENSE manifests/FORMAT.md)
  if(EXISTS ${PROJECT_SOURCE_DIR}/${document})
    install(FILES ${document} DESTINATION ${CMAKE_INSTALL_DOCDIR})
  endif()
endforeach()

install(DIRECTORY ${PROJECT_BINARY_DIR}/documents/man1 DESTINATION ${CMAKE_INSTALL_MANDIR})
install(FILES ${PROJECT_BINARY_DIR}/documents/completions/goldseal DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
install(FILES ${PROJECT_BINARY_DIR}/documents/completions/_goldseal DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
install(FILES ${PROJECT_BINARY_DIR}/documents/completions/goldseal.fish
        DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)

get_property(libraries GLOBAL PROPERTY GOLDSEAL_LIBRARIES)
add_library(goldseal_library INTERFACE)
set_target_properties(goldseal_library PROPERTIES EXPORT_NAME goldseal)
target_link_libraries(goldseal_library INTERFACE ${libraries})
install(TARGETS goldseal_library goldseal_options goldseal_fmt ${libraries} EXPORT goldseal COMPONENT library)
install(DIRECTORY src/goldseal/ ${PROJECT_BINARY_DIR}/generated/goldseal/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/goldseal COMPONENT library
        FILES_MATCHING PATTERN "*.hpp" PATTERN cli EXCLUDE)
install(DIRECTORY src/darknet DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT library FILES_MATCHING PATTERN "*.hpp")
install(DIRECTORY checks/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/checks COMPONENT library
        FILES_MATCHING PATTERN "*.hpp" PATTERN policies EXCLUDE)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/goldseal)
install(EXPORT goldseal NAMESPACE goldseal:: FILE goldsealTargets.cmake DESTINATION ${package_dir} COMPONENT library)
configure_package_config_file(cmake/goldsealConfig.cmake.in goldsealConfig.cmake INSTALL_DESTINATION ${package_dir}
                              PATH_VARS CMAKE_INSTALL_BINDIR CMAKE_INSTALL_DATADIR)
write_basic_package_version_file(goldsealConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/goldsealConfig.cmake ${PROJECT_BINARY_DIR}/goldsealConfigVersion.cmake
              cmake/goldseal_dependencies.cmake
        DESTINATION ${package_dir} COMPONENT library)

include(goldseal_package)
