// SPDX-License-Identifier: Apache-2.0
#include <goldseal/checkpoint/state_dict/object_kinds.hpp>

#include <algorithm>
#include <array>

namespace goldseal::pickle {
namespace {

constexpr std::array k_kinds{
    ObjectKind{"torch.optim.lr_scheduler.", "", "a learning-rate scheduler", "its state_dict()"},
    ObjectKind{"torch.optim.", "", "an optimizer", "its state_dict()"},
    ObjectKind{"torch.", "grad_scaler", "a gradient scaler", "its state_dict()"},
    ObjectKind{"torch.distributed.", "ShardedTensor", "one rank's part of a ShardedTensor (FSDP, SHARDED_STATE_DICT)",
               "the whole state dict: StateDictType.FULL_STATE_DICT; or torch.distributed.checkpoint's directories"},
    ObjectKind{"torch.distributed._shard.", "", "one rank's part of a sharded tensor",
               "the whole state dict: StateDictType.FULL_STATE_DICT; or torch.distributed.checkpoint's directories"},
    ObjectKind{"torch.fx.", "", "a traced graph module", "its state_dict()"},
    ObjectKind{"torch.ao.", "", "a quantization configuration or module of torch.ao", ""},
    ObjectKind{"torch.nn.", "", "a module, or a function of torch.nn", ""},
    ObjectKind{"torch.utils.data.", "", "a data set, sampler or loader", ""},
    ObjectKind{"torch.", "", "an object of PyTorch", ""},
    ObjectKind{"omegaconf.", "", "an OmegaConf configuration", "OmegaConf.to_container(cfg)"},
    ObjectKind{"hydra.", "", "a Hydra configuration", "OmegaConf.to_container(cfg)"},
    ObjectKind{"ml_collections.", "", "a configuration of ml_collections", "cfg.to_dict()"},
    ObjectKind{"yacs.", "", "a yacs configuration", "yaml.safe_load(cfg.dump())"},
    ObjectKind{"easydict.", "", "an EasyDict", "dict(cfg)"},
    ObjectKind{"addict.", "", "an addict dict", "cfg.to_dict()"},
    ObjectKind{"box.", "", "a Box", "cfg.to_dict()"},
    ObjectKind{"mmcv.", "Config", "a configuration of mmcv", "its text"},
    ObjectKind{"mmengine.", "Config", "a configuration of mmengine", "its text"},
    ObjectKind{"mmengine.", "", "a record of mmengine", ""},
    ObjectKind{"argparse.", "", "options of the training script", "vars(args)"},
    ObjectKind{"functools.", "partial", "a function with arguments", "its name and arguments"},
    ObjectKind{"dill.", "", "a Python function pickled by dill: its code is in the file", ""},
    ObjectKind{"cloudpickle.", "", "a Python function pickled by cloudpickle: its code is in the file", ""},
    ObjectKind{"types.", "FunctionType", "a Python function: its code is in the file", ""},
    ObjectKind{"types.", "CodeType", "a Python function: its code is in the file", ""},
    ObjectKind{"enum.", "", "a member of an enum", "its value"},
    ObjectKind{"deepspeed.", "", "a record of DeepSpeed", ""},
    ObjectKind{"megatron.", "", "a record of Megatron", ""},
    ObjectKind{"nemo.", "", "a record of NeMo", ""},
    ObjectKind{"pytorch_lightning.", "", "a record of Lightning (hyperparameters, callbacks)", "dict(hparams)"},
    ObjectKind{"lightning.", "", "a record of Lightning (hyperparameters, callbacks)", "dict(hparams)"},
    ObjectKind{"lightning_fabric.", "", "a record of Lightning", "dict(hparams)"},
    ObjectKind{"transformers.", "Config", "a model's configuration of transformers", "config.to_dict()"},
    ObjectKind{"transformers.", "", "an object of transformers (TrainingArguments, tokenizer)", ""},
    ObjectKind{"peft.", "", "a configuration of PEFT", "config.to_dict()"},
    ObjectKind{"tokenizers.", "", "a tokenizer", ""},
    ObjectKind{"accelerate.", "", "a record of Accelerate", ""},
    ObjectKind{"numpy.", "", "a numpy object", "an array, or a plain number"},
    ObjectKind{"pandas.", "", "a pandas table", "its values as an array"},
    ObjectKind{"scipy.", "", "a scipy object", "its values as an array"},
    ObjectKind{"sklearn.", "", "an estimator of scikit-learn", ""},
    ObjectKind{"PIL.", "", "a picture", ""},
    ObjectKind{"torchvision.", "", "a transform or module of torchvision", ""},
    ObjectKind{"albumentations.", "", "a transform of albumentations", ""},
    ObjectKind{"wandb.", "", "a record of Weights & Biases", "dict(config)"},
    ObjectKind{"re.", "", "a regular expression", "its pattern"},
    ObjectKind{"logging.", "", "a logger", ""},
    ObjectKind{"io.", "", "a stream in memory", "its bytes"},
    ObjectKind{"_io.", "", "a stream in memory", "its bytes"},
    ObjectKind{"builtins.", "", "a built-in of Python", "its name"},
    ObjectKind{"__builtin__.", "", "a built-in of Python", "its name"},
    ObjectKind{"__main__.", "", "an object of the training script's own class", "a dict of plain values"},
};

}  // namespace

const ObjectKind* object_kind(std::string_view type) {
  const auto suits = [&](const ObjectKind& kind) {
    return type.starts_with(kind.prefix) && type.find(kind.part) != std::string_view::npos;
  };
  const auto* const found = std::ranges::find_if(k_kinds, suits);
  return found == k_kinds.end() ? nullptr : found;
}

}  // namespace goldseal::pickle
