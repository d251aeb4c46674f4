// SPDX-License-Identifier: Apache-2.0
#include <goldseal/worker/worker.hpp>

#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>
#include <goldseal/checkpoint/tensors/chunks.hpp>
#include <goldseal/worker/channel.hpp>
#include <goldseal/worker/entry_json.hpp>
#include <goldseal/worker/reply_values.hpp>
#include <goldseal/worker/sandbox.hpp>

#include <fmt/format.h>

#include <utility>

namespace goldseal {
namespace {

using Json = nlohmann::json;

// A reply lacks what the protocol promises: nlohmann's own exceptions become ours here.
template <typename Function>
auto read_reply(const std::string& worker, std::string_view op, Function function) {
  try {
    return function();
  } catch (const Json::exception& error) {
    throw Error(ErrorKind::worker, worker,
                fmt::format("in step `{}`: the reply breaks the protocol: {}", op, error.what()));
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::malformed) throw;
    throw Error(ErrorKind::worker, worker,
                fmt::format("in step `{}`: the reply breaks the protocol: {}", op, error.message()));
  }
}

std::string_view protocol_name(ProgramForm form) {
  switch (form) {
    case ProgramForm::exported:
      return "export";
    case ProgramForm::script:
      return "script";
    case ProgramForm::trace:
      return "trace";
  }
  return {};
}

Json settings_of(const RunRequest& request, const std::optional<Device>& device) {
  Json settings = Json::object();
  if (request.threads) settings["threads"] = *request.threads;
  if (request.onednn) settings["onednn"] = *request.onednn;
  if (request.channels_last) settings["channels_last"] = *request.channels_last;
  if (request.tf32) settings["tf32"] = *request.tf32;
  if (request.compiled) settings["compiled"] = *request.compiled;
  if (const auto& chosen = request.device ? request.device : device) settings["device"] = chosen->text();
  return settings;
}

std::string run_directory_name(const std::filesystem::path& directory) {
  if (is_utf8(directory.string())) return directory.string();
  throw Error(ErrorKind::io, fmt::format("TMPDIR={}", directory.parent_path().string()),
              "expected a path in UTF-8, which alone a worker can be told, found other bytes",
              "set TMPDIR to a directory with another name");
}

ChildSpec child_spec(const Runtime& runtime, const std::filesystem::path& directory, const Sandbox* sandbox) {
  // What a model's code writes as temporary files is removed with the run.
  std::vector<std::pair<std::string, std::string>> changes{{"TMPDIR", directory.string()}};
  changes.insert(changes.end(), runtime.variables.begin(), runtime.variables.end());
  if (!runtime.library_directory.empty()) {
    const char* const before = std::getenv("LD_LIBRARY_PATH");
    changes.emplace_back("LD_LIBRARY_PATH", before == nullptr
                                                ? runtime.library_directory.string()
                                                : fmt::format("{}:{}", runtime.library_directory.string(), before));
  }
  // OpenMP's threads spin while they wait. On a machine that is busy with other work (12 processes on 2 cores) that
  // makes a run of YOLOv3 take 3 to 5 times as long. What is computed stays the same.
  if (std::getenv("OMP_WAIT_POLICY") == nullptr) changes.emplace_back("OMP_WAIT_POLICY", "passive");
  // Kernels that CUDA's driver compiles would be run by other programs too, were they kept in the user's own cache.
  if (sandbox != nullptr) changes.emplace_back("CUDA_CACHE_PATH", (directory / "cuda").string());
  return {runtime.worker, runtime.arguments, environment_with(changes), sandbox};
}

ChildProcess worker_process(const Runtime& runtime, const std::filesystem::path& directory, const Sandbox* sandbox) {
  return runtime.channel ? ChildProcess(*runtime.channel) : ChildProcess(child_spec(runtime, directory, sandbox));
}

// A worker of another goldseal says nothing of the model: an error of this installation, whoever asks.
Error of_another_goldseal(const std::string& runtime, const std::string& found) {
  return {ErrorKind::io, runtime, fmt::format("expected a worker of this goldseal, found one of another: {}", found),
          "build it again: goldseal runtime build --torch DIR; for Python, install this goldseal's package there"};
}

// The object is gone when its greeting fails; what became of the worker is not.
Json greet(Channel& channel, const std::string& runtime, Json hello, std::optional<WorkerFailure>* failed) {
  try {
    auto reply = channel.request("hello", std::move(hello));
    if (const auto spoken = reply.value("protocol", k_protocol_version); spoken != k_protocol_version)
      throw of_another_goldseal(runtime, fmt::format("it speaks protocol {}, not {}", spoken, k_protocol_version));
    return reply;
  } catch (const nlohmann::json::exception&) {
    throw of_another_goldseal(runtime, "its greeting has no number of a protocol");
  } catch (const Error& error) {
    if (failed != nullptr) *failed = channel.failure();
    const bool speaks_another = error.message().find("speaks protocol") != std::string::npos;
    if (error.kind() == ErrorKind::usage || (error.kind() == ErrorKind::unsupported && speaks_another))
      throw of_another_goldseal(runtime, error.message());
    // Its PyTorch cannot be imported, or is not the one that it was built for (PROTOCOL.md): not the model's fault.
    if (error.kind() == ErrorKind::unsupported) {
      if (failed != nullptr) *failed = WorkerFailure{WorkerFailure::Kind::raised, "hello", error.message(), {}};
      throw Error(ErrorKind::io, error.where().empty() ? runtime : error.where(), error.message(), error.remedy());
    }
    throw;
  }
}

}  // namespace

std::string_view to_string(WorkerFailure::Kind kind) {
  switch (kind) {
    case WorkerFailure::Kind::crashed:
      return "crashed";
    case WorkerFailure::Kind::hung:
      return "hung";
    case WorkerFailure::Kind::flooded:
      return "flooded";
    case WorkerFailure::Kind::violated:
      return "violated";
    case WorkerFailure::Kind::raised:
      return "raised";
    case WorkerFailure::Kind::memory:
      return "memory";
  }
  return "?";
}

struct Worker::State {
  State(const Runtime& runtime, Deadline deadline, Confinement confinement)
      : child(worker_process(runtime, directory.path(), confine(runtime.channel ? Confinement::none : confinement))),
        channel(child, runtime.describe(), deadline),
        name(runtime.describe()) {}

  const Sandbox* confine(Confinement confinement) {
    return confinement == Confinement::none ? nullptr : &sandbox.emplace(directory.path());
  }

  TemporaryDirectory directory;
  std::optional<Sandbox> sandbox;
  ChildProcess child;
  Channel channel;
  std::string name;
  std::optional<Device> device;  ///< of the runs; nothing: the worker's own choice
  std::optional<std::uint64_t> seed;  ///< of builds with values of their own
  std::set<std::filesystem::path> files_read;  ///< by runs
  Hello hello;
};

Worker::Worker(const Runtime& runtime, std::chrono::milliseconds limit, std::optional<int> threads,
               Confinement confinement, std::optional<WorkerFailure>* failed)
    : m_state(std::make_unique<State>(runtime, std::chrono::steady_clock::now() + limit, confinement)) {
  Json members{{"nonce", m_state->channel.nonce()},
               {"protocol", k_protocol_version},
               {"run_directory", run_directory_name(m_state->directory.path())}};
  if (threads) members["threads"] = *threads;
  const auto reply = greet(m_state->channel, m_state->name, std::move(members), failed);
  m_state->hello = read_reply(m_state->name, "hello", [&] {
    return Hello{.runtime = reply.at("runtime").get<std::string>(),
                 .version = reply.at("version").get<std::string>(),
                 .devices = devices_of(reply),
                 .builders = builders_of(reply),
                 .restricts = reply.value("restricts", false)};
  });
}

Worker::~Worker() = default;

const Hello& Worker::hello() const { return m_state->hello; }
const std::filesystem::path& Worker::run_directory() const { return m_state->directory.path(); }
std::string Worker::sandbox() const { return m_state->sandbox ? m_state->sandbox->level() : "none"; }
const std::set<std::filesystem::path>& Worker::files_read() const { return m_state->files_read; }
const std::optional<WorkerFailure>& Worker::failure() const { return m_state->channel.failure(); }

bool Worker::is_well() const {
  return !failure() || failure()->kind == WorkerFailure::Kind::raised || failure()->kind == WorkerFailure::Kind::memory;
}

void Worker::use_device(Device device) { m_state->device = std::move(device); }

Environment Worker::environment() {
  const auto reply = m_state->channel.request("environment", Json::object());
  return read_reply(m_state->name, "environment", [&] {
    Environment environment;
    for (const auto& [name, fact] : reply.at("facts").items()) {
      environment.set(name, fact_value(fact.at("value")), fact.value("origin", ""));
    }
    return environment;
  });
}

BuiltNetwork Worker::build(Builder builder, std::string_view source, const std::map<std::string, std::string>& options,
                           const std::filesystem::path& constants, Trust trust,
                           const std::vector<std::string>& names) {
  Json members{{"builder", to_string(builder)}, {"source", source}, {"options", options}};
  if (!constants.empty()) members["constants"] = constants.string();
  if (trust == Trust::computing) {
    if (!hello().restricts)
      throw of_another_goldseal(m_state->name, "it cannot keep a network from files and processes");
    members["restricted"] = true;
  }
  if (m_state->seed) members["seed"] = *m_state->seed;
  if (!names.empty()) members["names"] = names;
  const auto reply = m_state->channel.request("build", std::move(members));
  return read_reply(m_state->name, "build", [&] {
    BuiltNetwork network;
    for (const auto& entry : reply.at("state_entries")) network.state_entries.push_back(read_entry(entry));
    for (const auto& input : reply.value("inputs", Json::array())) network.inputs.push_back(declared_input(input));
    network.configuration = reply.value("configuration", std::map<std::string, std::string>{});
    network.choices = reply.value("choices", std::map<std::string, std::string>{});
    network.of_process = reply.value("of_process", std::vector<std::string>{});
    for (const auto& file : reply.value("sources", Json::array()))
      network.sources.push_back(
          {file.at("module").get<std::string>(), file.at("path").get<std::string>(), file.value("imported", false)});
    network.training = reply.value("training", false);
    for (const auto& name : reply.value("extra_state", std::vector<std::string>{})) {
      Key key{name, DType::uint8, {}};
      key.value = true;
      network.state_entries.push_back(std::move(key));
    }
    network.renames = reply.value("renames", std::map<std::string, std::string>{});
    for (const auto& step : reply.value("load_steps", Json::array()))
      network.load_steps.push_back({step.at("module").get<std::string>(), step.at("what").get<std::string>()});
    return network;
  });
}

void Worker::build_with_values(std::uint64_t seed) { m_state->seed = seed; }

std::vector<std::string> Worker::load(const Checkpoint& checkpoint, std::span<const Assignment> assignments,
                                      std::span<const std::string> kept,
                                      std::span<const ExtraStateAssignment> extra_states) {
  const auto table = run_directory() / "tensors.json";
  // A worker takes tensors that lie in one place.
  const auto joined = join_chunks(checkpoint, run_directory() / "joined.bin");
  write_file_atomically(table, write_placements(joined ? *joined : checkpoint, assignments, extra_states));
  Json members{{"tensors", table.string()}};
  if (!kept.empty()) members["keep"] = std::vector<std::string>(kept.begin(), kept.end());
  const auto reply = m_state->channel.request("load", std::move(members));
  return read_reply(m_state->name, "load",
                    [&] { return reply.value("changed", std::vector<std::string>{}); });
}

NetworkState Worker::digest() {
  const auto reply = m_state->channel.request("digest", Json::object());
  return read_reply(m_state->name, "digest", [&] {
    NetworkState state;
    for (const auto& tensor : reply.at("tensors")) state.tensors.push_back(read_loaded(tensor));
    for (const auto& entry : reply.value("extra_state", Json::array())) state.extra_states.push_back(extra_state(entry));
    for (const auto& tensor : reply.value("outside", Json::array())) state.outside.push_back(outside_tensor(tensor));
    return state;
  });
}

std::vector<OutsideRecord> Worker::outside() {
  const auto reply = m_state->channel.request("outside", Json::object());
  return read_reply(m_state->name, "outside", [&] {
    std::vector<OutsideRecord> tensors;
    for (const auto& tensor : reply.at("outside")) tensors.push_back(outside_tensor(tensor));
    return tensors;
  });
}

std::optional<std::vector<OutsideRecord>> Worker::settled(std::span<const OutsideRecord> sealed) {
  if (hello().runtime != "python") return std::nullopt;
  auto shapes = Json::object();
  for (const auto& tensor : sealed) shapes[tensor.name] = tensor.shape;
  const auto reply = m_state->channel.request("outside", {{"settled", true}, {"shapes", std::move(shapes)}});
  return read_reply(m_state->name, "outside", [&]() -> std::optional<std::vector<OutsideRecord>> {
    if (reply.at("outside").is_null()) return std::nullopt;
    std::vector<OutsideRecord> tensors;
    for (const auto& tensor : reply.at("outside")) tensors.push_back(outside_tensor(tensor));
    return tensors;
  });
}

namespace {

Json part_of(const RowPart& part) {
  auto layers = Json::array();
  for (const auto& layer : part.layers)
    layers.push_back({{"module", layer.module}, {"op", layer.op}, {"shape", layer.shape}});
  return {{"rows", part.rows}, {"row", part.row}, {"interleaved", part.interleaved}, {"left", part.left}, {"layers", std::move(layers)}};
}

}  // namespace

RunReply Worker::run(const RunRequest& request) {
  Json members{{"inputs", request.inputs.string()},
               {"outputs", request.outputs.string()},
               {"compute", request.in_float32 ? "float32" : to_string(request.compute)},
               {"settings", settings_of(request, m_state->device)}};
  if (request.perturb) members["perturb"] = {{"seed", request.perturb->seed}, {"relative", request.perturb->relative}};
  if (request.perturb && request.perturb->zero != 0) members["perturb"]["zero"] = request.perturb->zero;
  if (request.perturb && !request.perturb->only.empty()) members["perturb"]["only"] = request.perturb->only;
  if (request.perturb && request.perturb->tile) members["perturb"]["tile"] = true;
  if (request.draws) members["draws"] = {{"seed", request.draws->seed}, {"anew", request.draws->anew}};
  if (!request.layers.empty()) members["layers"] = request.layers.string();
  if (!request.layers.empty() && request.layer_elements > 0) members["layer_elements"] = request.layer_elements;
  if (request.part) members["part"] = part_of(*request.part);
  const auto reply = m_state->channel.request("run", std::move(members));
  return read_reply(m_state->name, "run", [&] {
    RunReply result;
    result.seconds = reply.value("seconds", 0.0);
    result.witness = witness_of(reply);
    for (const auto& output : reply.at("outputs")) {
      result.outputs.push_back({output.at("name").get<std::string>(), read_dtype(output.at("dtype")),
                                output.at("shape").get<std::vector<std::int64_t>>()});
    }
    for (const auto& layer : reply.value("layers", Json::array())) {
      result.layers.push_back({layer.at("module").get<std::string>(), layer.at("op").get<std::string>(),
                               dtype_if_told(layer), layer.at("shape").get<std::vector<std::int64_t>>()});
    }
    for (const auto& file : reply.value("files", std::vector<std::string>{})) m_state->files_read.insert(file);
    if (reply.contains("narrowest")) result.narrowest = read_dtype(reply.at("narrowest"));
    return result;
  });
}

std::vector<TensorCoverage> Worker::gradients(const std::filesystem::path& inputs, Compute compute,
                                              bool in_float32) {
  Json members{{"inputs", inputs.string()}, {"compute", in_float32 ? "float32" : to_string(compute)}};
  if (m_state->device) members["settings"] = {{"device", m_state->device->text()}};
  const auto reply = m_state->channel.request("gradients", std::move(members));
  return read_reply(m_state->name, "gradients", [&] {
    std::vector<TensorCoverage> reach;
    for (const auto& tensor : reply.at("tensors"))
      reach.push_back({tensor.at("name").get<std::string>(), tensor.at("elements").get<std::int64_t>(),
                       tensor.at("reached").get<std::int64_t>()});
    return reach;
  });
}

WrittenProgram Worker::write_program(const ProgramRequest& request) {
  const auto reply = m_state->channel.request("program", {{"form", protocol_name(request.form)},
                                                          {"inputs", request.inputs.string()},
                                                          {"file", request.file.string()},
                                                          {"seconds", request.limit.count()},
                                                          {"bytes", request.most_bytes},
                                                          {"anew", request.anew}});
  return read_reply(m_state->name, "program", [&] {
    WrittenProgram program{builder_of(reply.at("builder")),
                           reply.value("options", std::map<std::string, std::string>{}),
                           reply.at("file").get<std::string>(),
                           {},
                           reply.value("kept", false)};
    for (const auto& entry : reply.at("state_entries")) program.network.state_entries.push_back(read_entry(entry));
    return program;
  });
}

void Worker::finish() { m_state->channel.request("bye", Json::object()); }

}  // namespace goldseal
