// SPDX-License-Identifier: Apache-2.0
// The fifth pass of a capture: the architecture without its weights becomes a file of the seal, where that was asked
// for and the network built from that file gives the sealed answers.
#include <goldseal/workflow/capture/stages.hpp>

#include <checks/catalogue.hpp>
#include <goldseal/base/messages/error.hpp>
#include <goldseal/workflow/capture/architecture_embedding.hpp>
#include <goldseal/workflow/capture/program_embedding.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <system_error>
#include <utility>

namespace goldseal {
namespace {

namespace fs = std::filesystem;

// What was written, and what is said of it.
struct Attempt {
  Finding finding;
  std::optional<FileRecord> file;
  std::optional<EmbeddedProgram> program;
  bool takes_batches = true;
};

// The LibTorch of this very PyTorch. Nothing where none is installed; a training machine often has none.
std::unique_ptr<Worker> libtorch_of_this_pytorch(const CaptureRequest& request) {
  std::error_code ignored;
  const auto here = fs::weakly_canonical(request.runtime.installation, ignored);
  for (const auto& installed : installed_workers()) {
    if (here.empty() || fs::weakly_canonical(installed.installation, ignored) != here) continue;
    return std::make_unique<Worker>(installed, request.limit, request.threads, request.confinement);
  }
  return nullptr;
}

// What the checkpoint has besides no program needs; what it lacks a program of code holds. A file of the network's own has
// no place for it.
void require_whole(const KeyMatch& match) {
  if (match.not_loaded.empty()) return;
  throw Error(ErrorKind::unsupported, "--embed",
              "expected a checkpoint that fits the network key by key, found one that lacks tensors, as was admitted",
              "seal it without --embed; or save a checkpoint that holds them: model.state_dict()");
}

std::string told_held(const KeyMatch& match) {
  const auto count = match.not_loaded.size();
  if (count == 0) return {};
  return fmt::format(" and holds the {} that the checkpoint lacks, as {} built here",
                     count == 1 ? "tensor" : fmt::format("{} tensors", count), count == 1 ? "it was" : "they were");
}

// A program is judged by the sealed answers.
void require_stable(const std::vector<golden::GoldenTensors>& sealed) {
  if (std::ranges::all_of(sealed, [](const auto& golden) { return golden.random.empty(); })) return;
  throw Error(ErrorKind::unsupported, "--embed", "its answers are random: nothing shows what a program has frozen",
              "seal it without --embed");
}

Attempt embed_program(const Measured& measured, const CaptureRequest& request, const fs::path& directory,
                      Worker& worker) {
  const auto& built = measured.loaded.built;
  auto code = embed_code(worker, measured.checkpoint(), built.network, built.match,
                         {measured.tensors, measured.records, measured.batch ? &*measured.batch : nullptr}, directory,
                         [&] { return libtorch_of_this_pytorch(request); });
  auto finding = passed(fmt::format("the network's code is embedded as {}, which gives the sealed answers{}", code.what,
                                    told_held(built.match)));
  if (!code.takes_batches) {
    finding.status = Status::warn;
    finding.message += "; it takes no batch of the sealed cases, so golden.batch is judged only where the code runs";
    finding.remedy = "verify with --runtime python --trust-code where batches matter";
  }
  return {std::move(finding), std::move(code.file), std::move(code.program), code.takes_batches};
}

Attempt embed_file(const Measured& measured, const fs::path& directory, Worker& worker) {
  const auto& built = measured.loaded.built;
  const auto& model = built.opened.model;
  if (measured.checkpoint().packed_weights) {
    throw Error(ErrorKind::unsupported, "--embed",
                fmt::format("expected an architecture that weights can be left out of, found quantized ones packed "
                            "into {}",
                            model.source),
                "seal it without --embed: the file is needed whole");
  }
  auto file = embed(model, built.network, directory);
  auto embedded = model;
  embedded.source = (directory / file.path).string();
  auto finding =
      judge_embedded(worker, embedded, measured.checkpoint(), built.network, built.match,
                     {measured.tensors, measured.records});
  return {std::move(finding), std::move(file), std::nullopt};
}

Attempt try_to_embed(const Measured& measured, const CaptureRequest& request, const fs::path& directory,
                     Worker& worker) {
  try {
    const bool is_code = measured.loaded.built.opened.model.builder == Builder::python;
    if (!is_code) require_whole(measured.loaded.built.match);
    require_stable(measured.tensors);
    return is_code ? embed_program(measured, request, directory, worker) : embed_file(measured, directory, worker);
  } catch (const Error& error) {
    if (request.embed == Embed::always || error.kind() != ErrorKind::unsupported) throw;
    Attempt failure;
    failure.finding.status = Status::fail;
    failure.finding.message = fmt::format("it cannot be written down without its code. {}", error.message());
    failure.finding.remedy = error.remedy();
    return failure;
  }
}

// The seal is made without.
void leave_out(Attempt& attempt, const fs::path& directory) {
  std::error_code ignored;
  if (attempt.file) fs::remove(directory / attempt.file->path, ignored);
  attempt.file.reset();
  attempt.program.reset();
  attempt.finding.status = Status::warn;
  attempt.finding.message = fmt::format("the seal does not embed the architecture: {}", attempt.finding.message);
}

}  // namespace

std::optional<Embedded> embed_network(Measured measured, const CaptureRequest& request, const fs::path& directory,
                                      Worker& worker, CaptureLog& log) {
  if (request.embed == Embed::never) return Embedded{std::move(measured), std::nullopt, std::nullopt};
  log.progress().step("embedding the architecture");
  auto attempt = try_to_embed(measured, request, directory, worker);
  const bool failed = attempt.finding.status == Status::fail;
  if (failed && request.embed == Embed::where_possible) leave_out(attempt, directory);
  attempt.finding.id = k_seal_architecture.id;
  const bool fits = log.add(std::move(attempt.finding));
  log.lap("embed");
  if (!fits) return std::nullopt;
  if (measured.batch && attempt.program) measured.batch->by_code = !attempt.takes_batches;
  return Embedded{std::move(measured), std::move(attempt.file), std::move(attempt.program)};
}

}  // namespace goldseal
