// SPDX-License-Identifier: Apache-2.0
// What comes from elsewhere and is no checkpoint: texts, pictures, archives of programs, the replies of a worker. An
// Error is a good answer; anything else that stops is a fault.
// A program for one reader (reader.cpp) takes its inputs as they are; the replay knows the reader by the name of the
// directory that an input lies in.
#include <checks/policy.hpp>
#include <goldseal/base/bytes/byte_reader.hpp>
#include <goldseal/base/files/atomic_write.hpp>
#include <goldseal/base/files/mapped_file.hpp>
#include <goldseal/base/messages/error.hpp>
#include <goldseal/checkpoint/formats/compiled_package.hpp>
#include <goldseal/checkpoint/formats/export_archive.hpp>
#include <goldseal/checkpoint/formats/torchscript_code.hpp>
#include <goldseal/environment/libraries/elf.hpp>
#include <goldseal/fleet/reading/node_report.hpp>
#include <goldseal/fleet/reading/node_set.hpp>
#include <goldseal/golden/file/golden_file.hpp>
#include <goldseal/golden/images/jpeg.hpp>
#include <goldseal/golden/images/png.hpp>
#include <goldseal/golden/tensors/npy.hpp>
#include <goldseal/manifest/manifest.hpp>
#include <goldseal/manifest/toml_text.hpp>
#include <goldseal/report/renderer.hpp>
#include <goldseal/signing/bundle.hpp>
#include <goldseal/signing/model_statement.hpp>
#include <goldseal/signing/signers.hpp>
#include <goldseal/signing/test_result.hpp>
#include <goldseal/worker/worker.hpp>
#include <goldseal/workflow/answers/saved_results.hpp>

#include <sys/socket.h>
#include <tests/fuzz/foreign.hpp>
#include <tests/unit/checkpoint/archive_builder.hpp>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

namespace {

using namespace goldseal;

std::filesystem::path written(std::string_view name, std::string_view bytes) {
  static const TemporaryDirectory k_directory;
  const auto path = k_directory.path() / name;
  std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  return path;
}

// The parts of an input that says several things, with `###` between.
std::pair<std::string, std::string> cut(std::string_view bytes) {
  const auto at = std::min(bytes.find("###"), bytes.size());
  return {std::string(bytes.substr(0, at)), std::string(bytes.substr(std::min(at + 3, bytes.size())))};
}

// What is read is written again, as a capture would: a manifest that cannot be written is a fault too.
void manifest(std::string_view bytes) {
  const auto read = read_manifest(bytes, "fuzz");
  static_cast<void>(read_manifest(write_manifest(read), "again"));
}
void environment(std::string_view bytes) {
  const auto read = read_environment(bytes, "fuzz");
  static_cast<void>(read_environment(write_environment(read), "again"));
}
void policy(std::string_view bytes) { static_cast<void>(read_policy(bytes, "fuzz")); }
// goldseal.toml: the parser, and a walk over all that it gives.
void settings(std::string_view bytes) {
  const auto document = parse_toml(bytes, "goldseal.toml");
  TomlReader reader(document, "", "goldseal.toml");
  for (const auto& [key, node] : document) {
    if (node.is_string()) static_cast<void>(reader.text(key.str()));
    if (node.is_table()) static_cast<void>(reader.table(key.str()));
  }
  reader.refuse_unknown();
}
// As a merge reads it: a bad one is told, never thrown; and a list of nodes, which comes from a variable or a file.
void node_report(std::string_view bytes) {
  fleet::Names names;
  fleet::ReportReader reader(names);
  fleet::NodeReport read;
  if (const auto bad = reader.read(bytes, "R/gpu0/fuzz.json", "gpu0", read); bad && bad->message.empty()) std::abort();
  for (const auto& node : fleet::expand_nodes(bytes, "fuzz"))
    if (!fleet::is_node_name(node)) std::abort();
}

void report(std::string_view bytes) {
  const auto read = parse_report(bytes, "fuzz");
  for (const auto& renderer : renderers()) static_cast<void>(renderer.render(read, {}));
}

void results(std::string_view bytes) {
  static const TemporaryDirectory k_directory;
  const auto [run, environment] = cut(bytes);
  std::ofstream(k_directory.path() / "run.json", std::ios::binary) << run;
  std::ofstream(k_directory.path() / "environment.toml", std::ios::binary) << environment;
  std::ofstream(k_directory.path() / "outputs.safetensors", std::ios::binary) << std::string("\2\0\0\0\0\0\0\0{}", 10);
  static_cast<void>(load_results(k_directory.path()));
}

GoldenCase sealed_case() {
  GoldenCase golden;
  golden.name = "c";
  golden.inputs = {{"x", DType::float32, {1, 3, 2, 2}, "", ""}};
  golden.outputs = {{"y", DType::float32, {4}, "", ""}};
  golden.probes = 8;
  golden.seeds = {1};
  golden.noise = {{"y", 1e-7, 4, 4, 1, true, false, 24}};
  golden.layers = 1;
  return golden;
}

// A header, then the data.
void golden_file(std::string_view bytes) {
  const auto [header, data] = cut(bytes);
  std::string file(8, '\0');
  for (std::size_t i = 0; i < 8; ++i) file[i] = static_cast<char>(header.size() >> (8 * i) & 0xFFU);
  const auto path = written("golden.safetensors", file + header + data);
  static_cast<void>(golden::read_fingerprints(std::make_shared<const MappedFile>(path)));
  static_cast<void>(golden::read_golden(path, std::array{sealed_case()}));
}

void npy(std::string_view bytes) { static_cast<void>(golden::read_npy("fuzz", as_bytes(bytes), nullptr)); }
void png(std::string_view bytes) { static_cast<void>(golden::decode_png("fuzz", as_bytes(bytes))); }
void jpeg(std::string_view bytes) { static_cast<void>(golden::decode_jpeg("fuzz", as_bytes(bytes))); }

// The program, then the description of its constants: what a checksum guards in the archive.
void program(std::string_view bytes) {
  const auto [text, constants] = cut(bytes);
  const auto path = written("program.pt2", test::zip({{"m/archive_format", "pt2"},
                                                      {"m/models/model.json", text},
                                                      {"m/data/weights/model_weights_config.json", constants},
                                                      {"m/data/weights/weight_0", std::string(64, '\1')},
                                                      {"m/data/constants/model_constants_config.json", constants},
                                                      {"m/data/constants/tensor_0", std::string(64, '\1')},
                                                      {"m/byteorder", "little"},
                                                      {"m/version", "3\n"}}));
  static_cast<void>(read_export_archive(path));
}

void package(std::string_view bytes) {
  const auto path = written("package.pt2", test::zip({{"m/archive_format", "pt2"},
                                                      {"m/data/aotinductor/model/x.so", "\x7f" "ELF"},
                                                      {"m/data/aotinductor/model/x_metadata.json", std::string(bytes)},
                                                      {"m/version", "3\n"}}));
  static_cast<void>(read_compiled_package(path));
}

// Code, then a pickle.
void script(std::string_view bytes) {
  const auto [code, pickle] = cut(bytes);
  refuse_code_at_load(written("script.pt", test::zip({{"m/data.pkl", pickle}, {"m/code/__torch__.py", code}, {"m/version", "3\n"}})));
}

// A bundle, and what it says as if its signature were good. What is read is written again.
void bundle(std::string_view bytes) {
  const auto read = signing::read_bundle(bytes, "fuzz");
  static_cast<void>(signing::looks_like_old_statement(read.envelope.payload));
  for (const auto& certificate : read.chain) {
    static_cast<void>(certificate.identities());
    static_cast<void>(certificate.subject() + certificate.missing_usage());
  }
  const signing::Signers trusted{.keys = {}, .certificates = read.chain, .identities = {"*"}};
  try {
    static_cast<void>(signing::require_signer(read, trusted, "fuzz"));
  } catch (const Error& error) {
    if (error.message().empty()) std::abort();
  }
  const auto again = signing::read_bundle(signing::write_bundle(read), "again");
  if (again.envelope.payload != read.envelope.payload) std::abort();
}
void statement(std::string_view bytes) {
  const auto read = signing::read_model_statement(bytes, "fuzz");
  if (read.resources.front().shard) return;  // goldseal writes none
  static_cast<void>(signing::read_model_statement(signing::write_model_statement(read), "again"));
}
void attestation(std::string_view bytes) {
  const auto read = signing::read_test_result(bytes, "fuzz");
  static_cast<void>(signing::read_test_result(signing::write_test_result(read), "again"));
}

void elf(std::string_view bytes) { static_cast<void>(read_elf(written("library.so", bytes))); }

// Answers each request with the next line of the input, in a frame that fits.
void answer(int channel, std::string_view lines) {
  std::string received;
  std::array<char, 4096> buffer{};
  for (;;) {
    const auto count = ::recv(channel, buffer.data(), buffer.size(), 0);
    if (count <= 0) return;
    received.append(buffer.data(), static_cast<std::size_t>(count));
    for (auto end = received.find('\n'); end != std::string::npos; end = received.find('\n')) {
      const auto line = received.substr(0, end);
      received.erase(0, end + 1);
      static thread_local std::string nonce;
      const auto member = [&](std::string_view key, std::string_view stop) {
        const auto at = line.find(key);
        return at == std::string::npos ? std::string() : line.substr(at + key.size(), line.find_first_of(stop, at + key.size()) - at - key.size());
      };
      if (const auto given = member("\"nonce\":\"", "\""); !given.empty()) nonce = given;
      const auto newline = std::min(lines.find('\n'), lines.size());
      const auto reply = "{\"id\":" + member("\"id\":", ",}") + ",\"nonce\":\"" + nonce + "\",\"ok\":true" + std::string(lines.substr(0, newline)) + "}\n";
      lines.remove_prefix(std::min(newline + 1, lines.size()));
      if (::send(channel, reply.data(), reply.size(), MSG_NOSIGNAL) < 0) return;
    }
  }
}

void replies(std::string_view bytes) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()) != 0) std::abort();
  std::thread worker([&] { answer(ends[1], bytes); });
  const auto ask = [&] {
    Runtime runtime{.kind = RuntimeKind::python, .channel = ends[0]};
    Worker asked(runtime, std::chrono::seconds(2), {}, Confinement::none);
    const auto each = [](auto request) {
      try {
        request();
      } catch (const Error& error) {
        if (error.message().empty()) std::abort();
      }
    };
    each([&] { static_cast<void>(asked.environment()); });
    each([&] { static_cast<void>(asked.build(Builder::darknet, "x", {})); });
    each([&] { static_cast<void>(asked.digest()); });
    each([&] { static_cast<void>(asked.run({})); });
    each([&] { static_cast<void>(asked.gradients("x", {})); });
    each([&] { static_cast<void>(asked.write_program({})); });
  };
  try {
    ask();
  } catch (...) {
    ::shutdown(ends[1], SHUT_RDWR);
    worker.join();
    ::close(ends[1]);
    throw;
  }
  ::shutdown(ends[1], SHUT_RDWR);
  worker.join();
  ::close(ends[1]);
}

constexpr std::array k_readers{
    ForeignReader{"manifest", manifest}, ForeignReader{"environment", environment}, ForeignReader{"policy", policy},
    ForeignReader{"settings", settings}, ForeignReader{"report", report},           ForeignReader{"results", results},
    ForeignReader{"golden", golden_file}, ForeignReader{"npy", npy},                ForeignReader{"png", png},
    ForeignReader{"jpeg", jpeg},         ForeignReader{"program", program},         ForeignReader{"package", package},
    ForeignReader{"script", script},     ForeignReader{"elf", elf},                 ForeignReader{"replies", replies},
    ForeignReader{"node_report", node_report},
    ForeignReader{"bundle", bundle},     ForeignReader{"statement", statement},     ForeignReader{"attestation", attestation}};

}  // namespace

std::span<const ForeignReader> foreign_readers() { return k_readers; }

void read_foreign(const ForeignReader& reader, std::string_view bytes) {
  try {
    reader.read(bytes);
  } catch (const Error& error) {
    if (error.message().empty()) std::abort();
  }
}
