// SPDX-License-Identifier: Apache-2.0
#include "session.hpp"

#include "darknet/files.hpp"
#include "facts/facts.hpp"
#include "forward_pass.hpp"
#include "networks/has_constants.hpp"
#include "networks/restriction.hpp"
#include "numerics/gradients.hpp"
#include "numerics/layer_recorder.hpp"
#include "numerics/layer_sketch.hpp"
#include "numerics/random_watch.hpp"
#include "numerics/tensor_digest.hpp"
#include "numerics/transforms.hpp"
#include "pass_request.hpp"
#include "protocol/error.hpp"
#include "protocol/fields.hpp"
#include "protocol/mapped_tensors.hpp"
#include "protocol/paths.hpp"
#include "protocol/tensor_file.hpp"

#include <ATen/Context.h>
#include <ATen/Functions.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <torch/version.h>

#include <chrono>
#include <cstring>
#include <set>
#include <utility>

namespace goldseal::worker {
namespace {

using nlohmann::json;

constexpr std::uint64_t k_protocol = 3;
constexpr std::size_t k_max_nonce = 256;

class Stopwatch {
 public:
  double seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - m_start).count(); }

 private:
  std::chrono::steady_clock::time_point m_start = std::chrono::steady_clock::now();
};

json error_reply(const Refusal& refusal) {
  json error{{"kind", to_string(refusal.kind)}, {"message", refusal.what()}};
  if (!refusal.where.empty()) error["where"] = refusal.where;
  if (!refusal.remedy.empty()) error["remedy"] = refusal.remedy;
  return {{"ok", false}, {"error", std::move(error)}};
}

json device_names() {
  auto names = json::array({"cpu"});
  for (std::size_t i = 0; i < at::getNumGPUs(); ++i) names.push_back("cuda:" + std::to_string(i));
  return names;
}

json names_of(const Builders& builders) {
  json names = json::array();
  for (const auto& [name, builder] : builders) names.push_back(name);
  return names;
}

json describe(const StateEntry& state_entry) {
  json entry{{"name", state_entry.name},
             {"dtype", name_of_dtype(state_entry.dtype)},
             {"shape", state_entry.shape},
             {"kind", state_entry.parameter ? "parameter" : "buffer"},
             {"persistent", state_entry.persistent}};
  if (!state_entry.alias_of.empty()) entry["alias_of"] = state_entry.alias_of;
  return entry;
}

json describe(const InputSpec& input) {
  json entry{{"name", input.name}};
  if (input.dtype) entry["dtype"] = name_of_dtype(*input.dtype);
  if (!input.shape) return entry;
  auto& shape = entry["shape"] = json::array();
  for (const auto& size : *input.shape) shape.push_back(size ? json(*size) : json(nullptr));
  return entry;
}

json describe(const std::string& name, const at::Tensor& tensor) {
  return {{"name", name}, {"dtype", name_of_dtype(tensor.scalar_type())}, {"shape", tensor.sizes().vec()}};
}

json read_json_file(const std::string& path) {
  auto document = json::parse(read_text_file(path, k_max_message_bytes), nullptr, /*allow_exceptions=*/false);
  if (!document.is_object()) throw Refusal(RefusalKind::malformed, "is not a JSON object", path);
  return document;
}

bool read_restriction(const json& request) {
  const auto* stated = optional_field(request, "restricted");
  if (stated && !stated->is_boolean()) throw Refusal(RefusalKind::usage, "`restricted` is true or false");
  return stated && stated->get<bool>();
}

BuildOptions read_options(const json& request) {
  BuildOptions options;
  const auto* stated = optional_field(request, "options");
  if (!stated) return options;
  if (!stated->is_object()) throw Refusal(RefusalKind::usage, "`options` is an object of strings");
  for (const auto& [name, value] : stated->items()) {
    if (!value.is_string()) throw Refusal(RefusalKind::usage, "`options` is an object of strings");
    options[name] = value.get<std::string>();
  }
  return options;
}

std::set<std::string> read_kept(const json& request) {
  const auto* stated = optional_field(request, "keep");
  if (!stated) return {};
  if (!stated->is_array()) throw Refusal(RefusalKind::usage, "`keep` is a list of names");
  std::set<std::string> names;
  for (const auto& name : *stated) {
    if (!name.is_string()) throw Refusal(RefusalKind::usage, "`keep` is a list of names");
    names.insert(name.get<std::string>());
  }
  return names;
}

std::vector<double> numbers_of(const LayerSketch& sketch) {
  std::vector<double> numbers(sketch.projections.begin(), sketch.projections.end());
  numbers.push_back(sketch.rms);
  numbers.push_back(static_cast<double>(sketch.non_finite));
  return numbers;
}

// Also where the pass or its backward pass throws.
struct Release {
  Network& network;
  ~Release() { network.release(); }
};

void fetch(NamedTensors& outputs) {
  for (auto& [name, tensor] : outputs) tensor = tensor.to(at::kCPU);
}

}  // namespace

const Session::Operation Session::k_operations[] = {
    {"hello", &Session::hello},         {"environment", &Session::environment},
    {"build", &Session::build},         {"load", &Session::load},
    {"digest", &Session::digest},       {"run", &Session::run},
    {"gradients", &Session::gradients}, {"bye", &Session::bye},
};

Session::Session(Channel& channel, std::string gpu_library_error, Builders builders)
    : m_channel(channel), m_gpu_library_error(std::move(gpu_library_error)), m_builders(std::move(builders)) {}

void Session::serve() {
  while (const auto request = m_channel.receive()) {
    const auto id = natural_field(*request, "id");
    if (id <= m_last_id) throw Refusal(RefusalKind::usage, "`id` does not rise");
    m_last_id = id;
    auto reply = answer(*request);
    reply["id"] = id;
    if (!m_channel.send(std::move(reply)) || m_finished) return;
  }
}

Session::Reply Session::answer(const json& request) {
  try {
    auto reply = dispatch(request);
    reply["ok"] = true;
    return reply;
  } catch (...) {
    return error_reply(refusal_from_current_exception());
  }
}

Session::Reply Session::dispatch(const json& request) {
  const auto name = text_field(request, "op");
  if (!m_greeted && name != "hello") throw Refusal(RefusalKind::usage, "the first request is hello");
  for (const auto& operation : k_operations)
    if (name == operation.name) return (this->*operation.handler)(request);
  throw Refusal(RefusalKind::usage, "op `" + name + "` is not known");
}

Session::Reply Session::hello(const json& request) {
  if (m_greeted) throw Refusal(RefusalKind::usage, "hello comes once");
  auto nonce = text_field(request, "nonce");
  if (nonce.empty() || nonce.size() > k_max_nonce) throw Refusal(RefusalKind::usage, "`nonce` has 1 to 256 characters");
  m_channel.set_nonce(std::move(nonce));
  if (natural_field(request, "protocol") != k_protocol)
    throw Refusal(RefusalKind::unsupported, "this worker speaks protocol 3", {},
                  "build the worker again: goldseal runtime build");
  m_directory = text_field(request, "run_directory");

  const auto version = loaded_torch_version();
  if (version != TORCH_VERSION)
    throw Refusal(RefusalKind::unsupported,
                  "this worker was built for LibTorch " TORCH_VERSION ", but LibTorch " + version + " is loaded", {},
                  "build a worker for it: goldseal runtime build --torch DIR");
  RunSettings settings = read_settings({{"threads", request.value("threads", json())}});
  if (settings.threads) at::set_num_threads(*settings.threads);
  m_greeted = true;
  return {{"protocol", k_protocol},     {"runtime", "libtorch"},     {"version", version},
          {"built_for", TORCH_VERSION}, {"devices", device_names()}, {"builders", names_of(m_builders)},
          {"restricts", true}};
}

Session::Reply Session::environment(const json&) { return {{"facts", environment_facts(m_gpu_library_error)}}; }

Session::Reply Session::build(const json& request) {
  const auto name = text_field(request, "builder");
  const auto builder = m_builders.find(name);
  if (builder == m_builders.end()) throw Refusal(RefusalKind::unsupported, "this worker cannot build `" + name + "`");
  m_network.reset();
  m_streaming = {};
  m_float64 = Float64Runs();
  const bool restricted = read_restriction(request);
  if (restricted && (name == "plugin" || name == "aoti"))
    throw Refusal(RefusalKind::unsupported, "a `" + name + "` is native code, which is not run for a stranger");
  const RestrictedBuild building(restricted);
  // What a module of C++ draws is the same in each build of one seed.
  if (optional_field(request, "seed")) at::manual_seed(natural_field(request, "seed"));
  m_network = builder->second(resolved(text_field(request, "source"), m_directory), read_options(request));
  if (const auto table = optional_text(request, "constants")) {
    const auto constants = map_tensors(read_json_file(resolved(*table, m_directory)), m_directory);
    // Those of a program have places of their own.
    if (auto* const code = dynamic_cast<HasConstants*>(m_network.get()))
      code->adopt_constants(constants);
    else
      fill_constants(*m_network, constants);
  }

  json state_entries = json::array();
  for (const auto& state_entry : m_network->state_entries()) state_entries.push_back(describe(state_entry));
  json inputs = json::array();
  for (const auto& input : m_network->inputs()) inputs.push_back(describe(input));
  return {{"state_entries", std::move(state_entries)},
          {"inputs", std::move(inputs)},
          {"configuration", m_network->configuration()}};
}

Session::Reply Session::load(const json& request) {
  const Stopwatch watch;
  const auto path = resolved(text_field(request, "tensors"), m_directory);
  const auto tensors = map_tensors(read_json_file(path), m_directory);
  fill_slots(network(), tensors, read_kept(request));
  return {{"loaded", tensors.size()}, {"seconds", watch.seconds()}};
}

Session::Reply Session::digest(const json&) {
  require_filled();
  const auto& state_entries = network().state_entries();
  std::vector<std::size_t> indexes;
  std::vector<at::Tensor> tensors;
  for (std::size_t i = 0; i < state_entries.size(); ++i) {
    if (!state_entries[i].persistent) continue;
    indexes.push_back(i);
    tensors.push_back(network().get(i));
  }
  const auto digests = digest_tensors(tensors);
  json entries = json::array();
  for (std::size_t k = 0; k < tensors.size(); ++k) {
    auto entry = describe(state_entries[indexes[k]].name, tensors[k]);
    entry["sha256"] = digests[k];
    entries.push_back(std::move(entry));
  }
  return {{"tensors", std::move(entries)}, {"outside", outside()}};
}

// What the network holds and no state dict does.
json Session::outside() const {
  const auto& state_entries = network().state_entries();
  std::vector<std::size_t> indexes;
  std::vector<at::Tensor> tensors;
  for (std::size_t i = 0; i < state_entries.size(); ++i) {
    if (state_entries[i].persistent || !state_entries[i].alias_of.empty()) continue;
    const auto tensor = network().get(i);
    if (tensor.layout() != at::kStrided || tensor.is_quantized() || !tensor.device().is_cpu()) continue;
    indexes.push_back(i);
    tensors.push_back(tensor);
  }
  const auto digests = digest_tensors(tensors);
  json entries = json::array();
  for (std::size_t k = 0; k < tensors.size(); ++k) {
    auto entry = describe(state_entries[indexes[k]].name, tensors[k]);
    entry["kind"] = "buffer";
    entry["sha256"] = digests[k];
    const auto values = tensors[k].is_complex() ? at::view_as_real(tensors[k].resolve_conj()) : tensors[k];
    if (at::isFloatingType(values.scalar_type()) && values.numel() > 0) entry["sketch"] = numbers_of(sketch_of(values));
    entries.push_back(std::move(entry));
  }
  return entries;
}

Session::Reply Session::run(const json& request) {
  require_filled();
  auto pass = read_pass(request, m_directory);
  const auto outputs_path = resolved(text_field(request, "outputs"), m_directory);
  const auto layers_path = optional_text(request, "layers");
  const bool capped = optional_field(request, "layer_elements") != nullptr;
  const auto elements = capped ? static_cast<std::int64_t>(natural_field(request, "layer_elements")) : 0;
  const auto part = read_part(request);
  LayerRecorder recorder;
  LayerTap tap;
  if (layers_path)
    tap = [&](const std::string& module, const std::string& op, const at::Tensor& result) {
      const bool wide = computed_in_float64();
      const OutsideFloat64Run outside;
      recorder.add(module, op, result, wide);
    };

  const SettingsGuard guard(pass.settings);
  const at::NoGradGuard no_grad;
  const auto draws = read_draws(request);
  std::optional<RandomWatch> random;
  const Stopwatch watch;
  auto outputs = m_streaming.attempt(network(), pass.conversion, [&](const Transform& transform) {
    const auto begin = [&] {
      recorder = LayerRecorder(elements, part);
      random.reset();
      if (draws) random.emplace(draws->anew ? std::optional(draws->seed) : std::nullopt);
      if (draws) at::manual_seed(draws->seed);
    };
    auto computed = pass.settings.plain ? run_float64(network(), m_float64, pass, transform, tap, begin)
                                        : run_native(network(), pass, transform, tap, begin);
    fetch(computed);
    return computed;
  });
  const auto seconds = watch.seconds();
  json drawing = json::array();
  if (random)
    for (const auto& op : random->operators()) drawing.push_back({{"module", ""}, {"op", op}});
  random.reset();

  write_tensor_file(outputs_path, outputs);
  json entries = json::array();
  for (const auto& [name, tensor] : outputs) entries.push_back(describe(name, tensor));
  json reply{{"outputs", std::move(entries)}, {"seconds", seconds}};
  if (draws) reply["random"] = std::move(drawing);
  if (!layers_path) return reply;
  write_tensor_file(resolved(*layers_path, m_directory), {{"sketch", recorder.table()}});
  auto& layers = reply["layers"] = json::array();
  for (const auto& layer : recorder.layers())
    layers.push_back(
        {{"module", layer.module}, {"op", layer.op}, {"dtype", name_of_dtype(layer.dtype)}, {"shape", layer.shape}});
  if (recorder.narrowest()) reply["narrowest"] = name_of_dtype(*recorder.narrowest());
  return reply;
}

Session::Reply Session::gradients(const json& request) {
  require_filled();
  auto pass = read_pass(request, m_directory);
  NamedTensors leaves;
  const SettingsGuard guard(pass.settings);
  const at::AutoGradMode with_gradients(true);
  const auto transform = make_transform(pass.conversion);
  pass.inputs = prepare_inputs(std::move(pass.inputs), transform, /*channels_last=*/false);
  // Buffers have no gradient in some operators (the running mean of a normalisation), so only parameters are asked.
  std::set<std::string> parameters;
  for (const auto& state_entry : network().state_entries())
    if (state_entry.parameter) parameters.insert(state_entry.name);
  const auto leaf = make_leaves(transform, leaves);
  const Release release{network()};
  const auto outputs = network().run(std::move(pass.inputs),
                                     [&](const std::string& name, const at::Tensor& tensor) {
                                       if (parameters.count(name) != 0) return leaf(name, tensor);
                                       return transform ? transform(name, tensor) : tensor;
                                     },
                                     {});
  const auto reached = reached_elements(outputs, leaves);
  json entries = json::array();
  for (std::size_t i = 0; i < leaves.size(); ++i)
    entries.push_back({{"name", leaves[i].first}, {"elements", leaves[i].second.numel()}, {"reached", reached[i]}});
  return {{"tensors", std::move(entries)}};
}

Session::Reply Session::bye(const json&) {
  m_finished = true;
  return json::object();
}

Network& Session::network() const {
  if (!m_network) throw Refusal(RefusalKind::usage, "no network has been built");
  return *m_network;
}

void Session::require_filled() const {
  const auto& state_entries = network().state_entries();
  for (std::size_t i = 0; i < state_entries.size(); ++i) {
    const auto tensor = network().get(i);
    if (tensor.defined() && !tensor.is_meta()) continue;
    throw Refusal(RefusalKind::usage, "state entry " + state_entries[i].name + " holds no tensor", {},
                  state_entries[i].persistent
                      ? "load every state entry before a run"
                      : "no state dict holds this one, and the archive was saved on the meta device: "
                        "export the module with its weights");
  }
}

}  // namespace goldseal::worker
