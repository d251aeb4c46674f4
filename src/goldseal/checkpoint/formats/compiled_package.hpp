// SPDX-License-Identifier: Apache-2.0
// LibTorch's own loader of AOTInductor packages writes outside the sandbox. The command therefore
// reads and unpacks such a package itself. Whether the machine fits it is decided in
// workflow/loading/compiled_fit.hpp.
#pragma once

#include <goldseal/base/files/mapped_file.hpp>
#include <goldseal/checkpoint/zip/zip.hpp>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace goldseal {

/// A package that AOTInductor compiled for one kind of machine (`aoti_compile_and_package`), as its metadata tell; what
/// they leave out is empty. Nothing in it is executed.
struct CompiledPackage {
  std::string path;
  std::string device;              ///< `cpu`, `cuda`
  std::string platform;            ///< Python's sys.platform: `linux`
  std::string machine;             ///< as uname calls it: `x86_64`
  std::string cpu_isa;             ///< words of torch/_inductor/cpu_vec_isa.py: `AVX512 AVX512_VNNI`
  std::string compute_capability;  ///< of the GPU: `90`
  bool portable_kernels = false;   ///< kernels for newer GPUs are there too (PTX in fat binaries)

  std::shared_ptr<const MappedFile> file;
  ZipArchive archive;
  std::string folder;   ///< of the archive, in which the model lies
  std::string library;  ///< the name of its native library in there
};

/// Throws Error{unsupported} for an archive with no package or several, or one that would have to be compiled first,
/// and as the zip reader does.
[[nodiscard]] CompiledPackage read_compiled_package(const std::filesystem::path& path);

/// Writes what running it needs into `directory`, which must exist, each record checked by its checksum, and returns
/// the path of the library.
[[nodiscard]] std::filesystem::path unpack(const CompiledPackage& package, const std::filesystem::path& directory);

}  // namespace goldseal
