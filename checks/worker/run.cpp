// SPDX-License-Identifier: Apache-2.0
#include <checks/catalogue.hpp>
#include <checks/model/own_code.hpp>

#include <goldseal/base/messages/text.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace goldseal {
namespace {

constexpr std::size_t k_output_lines = 12;

Table output_table(const std::string& output) {
  Table table{"the end of what it printed", {"standard error"}, {}};
  auto lines = split(output, '\n');
  std::erase_if(lines, [](std::string_view line) { return line.empty(); });
  table.total = lines.size();
  const auto begin = lines.size() - std::min(k_output_lines, lines.size());
  for (auto i = begin; i < lines.size(); ++i) table.rows.push_back({escape_unprintable(lines[i])});
  return table;
}

std::string advice(const WorkerFailure& failure) {
  switch (failure.kind) {
    case WorkerFailure::Kind::hung:
      return "give more time with --timeout SECONDS, or look for what it waits for";
    case WorkerFailure::Kind::memory:
      return "free memory, or run on a machine with more";
    case WorkerFailure::Kind::raised:
      return "PyTorch, or the model's own code, raised; its words are above";
    case WorkerFailure::Kind::crashed:
      return failure.summary.find("SIGILL") != std::string::npos
                 ? "this processor, or its virtual machine, lacks an instruction that this PyTorch build uses: install "
                   "a build for it"
                 : "run it again; if it stays, try another PyTorch build or report it with the lines above";
    case WorkerFailure::Kind::flooded:
    case WorkerFailure::Kind::violated:
      return "rebuild the worker for this PyTorch: `goldseal runtime build --torch DIR`";
  }
  return {};
}

// A function, a kernel for a type or a module that another version of PyTorch has.
bool lacks_part_of_pytorch(const WorkerFailure& failure) {
  const auto says = [&](std::string_view words) { return failure.summary.find(words) != std::string::npos; };
  const bool attribute = says("has no attribute") && (says("module 'torch") || says("package 'torch"));
  const bool import = says("No module named 'torch.") || (says("cannot import name") && says("from 'torch"));
  return failure.kind == WorkerFailure::Kind::raised && (attribute || import || says("not implemented for '"));
}

std::string advice(const WorkerFailure& failure, const Observation& observed) {
  const auto sealed = observed.sealed.environment.text("torch.version");
  const auto here = observed.machine.environment.text("torch.version");
  if (!lacks_part_of_pytorch(failure) || !sealed || !here || *sealed == *here) return advice(failure);
  return fmt::format("PyTorch {} lacks what the model calls, which was sealed with {}: run it with that version", escape_unprintable(*here),
                     escape_unprintable(*sealed));
}

Finding judge_failure(const WorkerFailure& failure, const Observation& observed) {
  const bool raised = failure.kind == WorkerFailure::Kind::raised;
  const auto message = fmt::format("the model did not run: in step {} {}{}", failure.stage,
                                   raised ? "an error was raised: " : "the worker ", failure.summary);
  auto finding = failure.kind == WorkerFailure::Kind::hung
                     ? undecided(message, advice(failure))
                     : failed(message, "an answer", fmt::format("{}", to_string(failure.kind)), advice(failure, observed));
  finding.origin = observed.run.worker->runtime;
  if (!failure.last_output.empty()) finding.tables.push_back(output_table(failure.last_output));
  return finding;
}

Finding judge_untold(const Observation& observed) {
  return undecided(
      fmt::format("the code that the seal names was not run: {}", escape_unprintable(observed.run.untold_code)),
      how_to_run(observed.sealed.model));
}

// A run that is withheld until the user trusts the program, or that the code's own Python can make, is not the model's
// fault.
bool waits_for_trust(const WorkerObservation& worker) {
  return worker.refusal_remedy.find("--trust-code") != std::string::npos;
}

Finding judge_withheld(const WorkerObservation& worker) {
  auto finding = undecided(fmt::format("the program was not run: {}", worker.refusal), worker.refusal_remedy);
  finding.origin = worker.refusal_where;
  return finding;
}

Finding judge_run(const Observation& observed, const CheckSettings&) {
  if (!observed.run.untold_code.empty()) return judge_untold(observed);
  if (!observed.run.worker)
    return skipped(observed.run.depth != RunDepth::none ? "the model was not run: what is known before already decides"
                                                        : "the model was not to be run");
  const auto& worker = *observed.run.worker;
  if (worker.done) return passed(fmt::format("the model ran on {}", worker.runtime));
  if (worker.failure) return judge_failure(*worker.failure, observed);
  if (observed.run.device && observed.run.device->refused)
    return undecided("the model was not run: worker.device says why", "mend what it names");
  if (worker.refusal.empty()) return skipped("the model was not run: the network does not take the checkpoint");
  if (waits_for_trust(worker)) return judge_withheld(worker);
  auto finding = failed(fmt::format("the worker declined: {}", worker.refusal),
                        "a network that this runtime can build and run", worker.refusal, worker.refusal_remedy);
  finding.origin = worker.refusal_where;
  return finding;
}

}  // namespace

const Check k_worker_run{
    .id = "worker.run",
    .title = "The model runs",
    .explanation =
        "The model is built, loaded and run in a process of its own. A crash, a hang, an illegal instruction or an "
        "exception there is this finding, with the "
        "last lines that the process printed. A hang leaves the verdict open (exit code 3). "
        "A seal is data: code that it names (python:, plugin:, aoti:) is run only where the user says so, by "
        "--trust-code, by `code = true` under [trust] in goldseal.toml, or by --model; without that word the verdict "
        "is open too, unless the seal embeds a program to run in its place. The network of a C++ program (program:) is "
        "run by that program alone: goldseal::verify(SEAL, module).",
    .severity = Severity::required,
    .judge = judge_run,
};

}  // namespace goldseal
