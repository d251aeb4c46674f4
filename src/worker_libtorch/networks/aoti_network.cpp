// SPDX-License-Identifier: Apache-2.0
// An AOTInductor package as a network. goldseal has read its metadata, held it against this machine and unpacked it;
// the constants that the package names are its state entries. What it has no constant for was compiled into the code,
// or is not used.
#include "darknet/files.hpp"
#include "networks/aoti_library.hpp"
#include "networks/export_pytree.hpp"
#include "networks/network.hpp"
#include "protocol/error.hpp"

#ifdef GOLDSEAL_HAS_AOTI
#include <ATen/Context.h>

#include <algorithm>
#include <set>
#include <utility>

namespace goldseal::worker {
namespace {

constexpr const char* k_frozen = "_frozen_param";  // torch/_inductor/freezing.py

std::string device_of(const BuildOptions& options) {
  const auto found = options.find("device");
  return found == options.end() ? "cpu" : found->second;
}

void refuse_unknown(const BuildOptions& options) {
  const std::set<std::string> known{"device", "inputs", "non_persistent"};
  for (const auto& [name, value] : options)
    if (known.count(name) == 0)
      throw Refusal(RefusalKind::usage,
                    "an AOTInductor package has no option `" + name + "`; it has `inputs` and `non_persistent`");
}

// Compiled code calls the kernels that it was compiled for, and lays tensors out as they give them: without oneDNN it
// would read what other kernels give as if oneDNN had.
class AsCompiled {
 public:
  explicit AsCompiled(bool onednn) : m_before(at::globalContext().userEnabledMkldnn()) {
    at::globalContext().setUserEnabledMkldnn(onednn);
  }
  ~AsCompiled() { at::globalContext().setUserEnabledMkldnn(m_before); }
  AsCompiled(const AsCompiled&) = delete;
  AsCompiled& operator=(const AsCompiled&) = delete;

 private:
  bool m_before;
};

class AotiNetwork final : public Network {
 public:
  AotiNetwork(const std::string& path, const BuildOptions& options)
      : m_device(device_of(options)),
        m_onednn(at::globalContext().userEnabledMkldnn()),
        m_library((require_file(path), path), m_device) {
    const auto names = names_of_option(options, "non_persistent");
    const std::set<std::string> non_persistent(names.begin(), names.end());
    for (const auto& constant : m_library.constants()) add_entry(constant, path, non_persistent);
    require_non_persistent(non_persistent, m_state_entries, "package");
    name_inputs(names_of_option(options, "inputs"));
    m_output_names = output_names(m_library.out_spec());
  }

  const std::vector<StateEntry>& state_entries() const override { return m_state_entries; }
  const std::vector<InputSpec>& inputs() const override { return m_inputs; }
  const std::map<std::string, std::string>& configuration() const override { return m_configuration; }

  void set(std::size_t index, const at::Tensor& tensor) override {
    m_tensors[index] = tensor;
    m_state_entries[index].persistent = true;  // a buffer that the checkpoint has after all
    m_stale = true;
  }

  // What the library holds, not what was handed to it.
  at::Tensor get(std::size_t index) const override {
    settle();
    return m_held[index];
  }

  NamedTensors run(NamedTensors inputs, const Transform& transform, const LayerTap& /*tap*/) override {
    settle();
    const auto ordered = in_order(std::move(inputs));
    const AsCompiled as_compiled(m_onednn);
    if (!transform) return named(m_library.run(ordered));
    auto other = m_held;
    for (std::size_t i = 0; i < other.size(); ++i) other[i] = transformed(i, transform);
    m_library.use(std::move(other));
    m_stale = true;
    return named(m_library.run(ordered));
  }

 private:
  void add_entry(const AotiConstant& constant, const std::string& path, const std::set<std::string>& non_persistent) {
    if (constant.name.rfind(k_frozen, 0) == 0)
      throw Refusal(RefusalKind::unsupported,
                    "the package was compiled with freezing: it computes with the weights as they were, reordered and "
                    "folded, and takes none of a checkpoint",
                    path, "compile it without torch._inductor.config.freezing");
    if (!constant.value.defined())
      throw Refusal(RefusalKind::unsupported,
                    "the package was compiled without its weights, so that nothing tells in which order of memory its "
                    "code reads them",
                    path, "compile it with aot_inductor.package_constants_in_so, which is the default");
    // A buffer that the checkpoint lacks must not silently be the package's own.
    const bool needed = constant.parameter || (constant.buffer && non_persistent.count(constant.name) == 0);
    m_state_entries.push_back({constant.name, constant.dtype, constant.shape, constant.parameter, needed});
    // The weights that were compiled in may differ from the checkpoint's.
    m_tensors.push_back(m_state_entries.back().persistent ? at::Tensor() : constant.value);
  }

  void name_inputs(const std::vector<std::string>& given) {
    m_input_names = call_names(m_library.in_spec(), given);
    // What forward() calls its arguments is not in a package. A lone one is found without a name.
    m_any_name = given.empty() && m_input_names == std::vector<std::string>{"0"};
    if (m_any_name) return;
    for (const auto& name : m_input_names) m_inputs.push_back({name, std::nullopt, std::nullopt});
  }

  void settle() const {
    if (!m_stale) return;
    m_library.use(m_tensors);
    m_held = m_library.held();
    for (std::size_t i = 0; i < m_state_entries.size(); ++i)
      if (!m_tensors[i].defined()) m_held[i] = at::Tensor();
    m_stale = false;
  }

  at::Tensor transformed(std::size_t index, const Transform& transform) const {
    auto tensor = transform(m_state_entries[index].name, m_held[index]);
    if (tensor.requires_grad())
      throw Refusal(RefusalKind::unsupported, "compiled code gives no gradients", {},
                    "use the exported program instead");
    if (tensor.scalar_type() != m_state_entries[index].dtype)
      throw Refusal(RefusalKind::unsupported,
                    "an AOTInductor package computes in the types that it was compiled for, not in " +
                        name_of_dtype(tensor.scalar_type()),
                    {}, "for float64 name the exported program: --model export:FILE.pt2");
    require_device(tensor.device());
    return tensor;
  }

  std::vector<at::Tensor> in_order(NamedTensors inputs) const {
    if (m_any_name && inputs.size() == 1) return {fit(std::move(inputs.front().second))};
    std::map<std::string, at::Tensor> by_name;
    for (auto& [name, tensor] : inputs) {
      if (std::find(m_input_names.begin(), m_input_names.end(), name) == m_input_names.end()) refuse_name(name);
      by_name.emplace(name, std::move(tensor));
    }
    std::vector<at::Tensor> ordered;
    for (const auto& name : m_input_names) {
      const auto found = by_name.find(name);
      if (found == by_name.end()) throw Refusal(RefusalKind::usage, "input `" + name + "` is missing");
      ordered.push_back(fit(std::move(found->second)));
    }
    return ordered;
  }

  [[noreturn]] void refuse_name(const std::string& name) const {
    std::string known;
    for (const auto& input : m_input_names) known += (known.empty() ? "" : ",") + input;
    throw Refusal(RefusalKind::usage, "the package has no input `" + name + "`; its inputs are " + known, {},
                  "a package does not say what forward() calls its arguments: name them in their order, "
                  "--model aoti:FILE.pt2?inputs=image,mask");
  }

  // Compiled code takes one layout; float64 inputs come with float64 weights, and are refused with those.
  at::Tensor fit(at::Tensor tensor) const {
    require_device(tensor.device());
    return tensor.contiguous();
  }

  void require_device(c10::Device device) const {
    if (device.str().rfind(m_device, 0) == 0 && device.index() <= 0) return;
    throw Refusal(RefusalKind::unsupported,
                  "the package was compiled for " + m_device + " and is to run on " + device.str(), {},
                  "name its device, the first of its kind: --device " + m_device);
  }

  NamedTensors named(std::vector<at::Tensor> outputs) const {
    if (outputs.size() != m_output_names.size())
      throw Refusal(RefusalKind::malformed, "the package gives another number of outputs than it describes");
    NamedTensors result;
    for (std::size_t i = 0; i < outputs.size(); ++i)
      if (outputs[i].defined()) result.emplace_back(m_output_names[i], std::move(outputs[i]));
    return result;
  }

  std::string m_device;  // `cpu`, `cuda`
  bool m_onednn;         // as the process started
  mutable AotiLibrary m_library;
  std::vector<StateEntry> m_state_entries;
  std::vector<at::Tensor> m_tensors;  // that were loaded, by state entry; the package's own where none need be
  mutable std::vector<at::Tensor> m_held;
  mutable bool m_stale = true;  // the library computes with other tensors than m_tensors
  std::vector<InputSpec> m_inputs;
  std::vector<std::string> m_input_names;
  bool m_any_name = false;
  std::vector<std::string> m_output_names;
  std::map<std::string, std::string> m_configuration;
};

}  // namespace

std::unique_ptr<Network> build_aoti(const std::string& source, const BuildOptions& options) {
  refuse_unknown(options);
  return std::make_unique<AotiNetwork>(source, options);
}

}  // namespace goldseal::worker
#endif
