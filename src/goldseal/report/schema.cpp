// SPDX-License-Identifier: Apache-2.0
#include <goldseal/report/renderer.hpp>

namespace goldseal {

std::string_view report_schema() {
  static constexpr std::string_view k_schema = R"json({
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "goldseal.report/1",
  "description": "What a run of goldseal found. Members may be added under the same number; readers ignore those that they do not know.",
  "type": "object",
  "required": ["schema", "verdict", "exit_code", "counts", "verb", "subject", "subjects", "target", "policy", "version", "started", "judged", "next", "facts", "stages", "findings", "evidence"],
  "properties": {
    "schema": {"const": "goldseal.report/1"},
    "verdict": {"enum": ["PASS", "FAIL", "INCONCLUSIVE", "DAMAGED"]},
    "exit_code": {"description": "0 conforms, 1 fails, 3 inconclusive, 4 damaged", "enum": [0, 1, 3, 4]},
    "counts": {
      "description": "Findings by their status",
      "type": "object",
      "required": ["pass", "warn", "fail", "unknown", "skipped"],
      "additionalProperties": {"type": "integer", "minimum": 0}
    },
    "verb": {"type": "string", "description": "verify, check, capture"},
    "subject": {"type": "string", "description": "The seal or checkpoint, as the user named it"},
    "target": {"type": "string", "description": "The machine that was judged: a host name, or the file of an environment"},
    "policy": {"type": "string"},
    "report_sha256": {"type": "string", "pattern": "^[0-9a-f]{64}$", "description": "Of this very text with 64 zeros in its place; in what --report-dir leaves"},
    "version": {"type": "string", "description": "Of the goldseal that ran"},
    "started": {"type": "string", "description": "UTC, RFC 3339"},
    "judged": {
      "description": "What a PASS holds for",
      "type": "object",
      "required": ["scope", "parts"],
      "properties": {
        "scope": {"type": "string", "description": "Where that is not all: for the sealed program; your code was not run"},
        "parts": {"description": "weights, numerics, program, code, configuration: yes, no, not at hand, none", "type": "object", "additionalProperties": {"type": "string"}}
      }
    },
    "next": {"type": "string", "description": "A command worth running next; may be empty"},
    "facts": {
      "type": "array",
      "items": {"type": "object", "required": ["name", "value"], "properties": {"name": {"type": "string"}, "value": {"type": "string"}}}
    },
    "subjects": {
      "type": "array",
      "description": "What the verdict is about, by content; `goldseal attest` signs it",
      "items": {"type": "object", "required": ["role", "name", "sha256"], "properties": {"role": {"type": "string"}, "name": {"type": "string"}, "sha256": {"type": "string"}}}
    },
    "stages": {
      "type": "array",
      "items": {"type": "object", "required": ["name", "seconds"], "properties": {"name": {"type": "string"}, "seconds": {"$ref": "#/$defs/number"}}}
    },
    "identity": {
      "description": "Who reports, and by what it judged; members that say nothing are left out",
      "type": "object",
      "properties": {
        "node": {"type": "string"},
        "seal_sha256": {"type": "string", "description": "Of manifest.toml"},
        "policy_sha256": {"type": "string"},
        "device": {"type": "string", "description": "--device as it was given"},
        "settings": {"type": "string", "description": "--set and --threads as they were given"},
        "job": {"type": "string", "description": "Of a launcher: slurm 17.0"},
        "rank": {"type": "integer", "minimum": 0},
        "ranks": {"type": "integer", "minimum": 1},
        "boot": {"type": "string", "description": "Tells two machines of one name apart"},
        "results": {"type": "string", "description": "Where the outputs were kept"}
      }
    },
    "findings": {"type": "array", "items": {"$ref": "#/$defs/finding"}},
    "evidence": {
      "type": "object",
      "required": ["environment", "tensors", "outputs", "layers", "pictures"],
      "properties": {
        "environment": {"type": "array", "items": {"$ref": "#/$defs/environment_row"}},
        "tensors": {"type": "array", "items": {"$ref": "#/$defs/tensor_row"}},
        "outputs": {"type": "array", "items": {"$ref": "#/$defs/output_error"}},
        "layers": {"type": "array", "items": {"$ref": "#/$defs/layer_error"}},
        "pictures": {"type": "array", "items": {"$ref": "#/$defs/picture"}},
        "runs": {"type": "array", "items": {"$ref": "#/$defs/run"}}
      }
    }
  },
  "$defs": {
    "number": {"description": "JSON has no infinity and no NaN: they are text", "anyOf": [{"type": "number"}, {"enum": ["inf", "-inf", "nan"]}]},
    "status": {"enum": ["pass", "warn", "fail", "unknown", "skipped"]},
    "finding": {
      "type": "object",
      "required": ["id", "status", "severity", "message", "expected", "actual", "remedy", "origin", "measurements", "tables", "seconds"],
      "properties": {
        "id": {"type": "string", "description": "Of the check; goldseal explain knows it"},
        "status": {"$ref": "#/$defs/status"},
        "severity": {"enum": ["info", "warn", "fail", "required", "integrity"]},
        "message": {"type": "string"},
        "expected": {"type": "string", "description": "What the seal or the rule says"},
        "actual": {"type": "string", "description": "What was found"},
        "remedy": {"type": "string", "description": "What to do; empty on a pass"},
        "origin": {"type": "string", "description": "Where the facts come from; FILE:LINE where that is known"},
        "measurements": {"type": "array", "items": {"$ref": "#/$defs/measurement"}},
        "tables": {"type": "array", "items": {"$ref": "#/$defs/table"}},
        "target": {"type": "string", "description": "In a report on several machines, the one that the finding is of"},
        "seconds": {"$ref": "#/$defs/number"}
      }
    },
    "run": {
      "description": "One run of a golden case on one device, as SHA-256 of the outputs' types, shapes and bytes",
      "type": "object",
      "required": ["golden", "device", "gpu", "run", "inputs", "outputs"],
      "properties": {
        "golden": {"type": "string"},
        "device": {"type": "string", "description": "cpu, cuda:3"},
        "gpu": {"type": "string", "description": "Its UUID; may be empty"},
        "run": {"enum": ["native", "native again", "float64"]},
        "inputs": {"type": "string", "description": "Of the golden inputs"},
        "outputs": {
          "type": "array",
          "items": {
            "type": "object",
            "required": ["name", "sealed", "sha256"],
            "properties": {
              "name": {"type": "string"},
              "sealed": {"type": "string", "description": "Of the seal's own native output; empty of other runs"},
              "sha256": {"type": "string"}
            }
          }
        }
      }
    },
    "measurement": {
      "type": "object",
      "required": ["name", "value", "limit", "unit"],
      "properties": {
        "name": {"type": "string"},
        "value": {"$ref": "#/$defs/number"},
        "limit": {"anyOf": [{"$ref": "#/$defs/number"}, {"type": "null"}]},
        "unit": {"type": "string", "description": "Empty for a ratio or a count"}
      }
    },
    "table": {
      "type": "object",
      "required": ["title", "columns", "rows", "total"],
      "properties": {
        "title": {"type": "string"},
        "columns": {"type": "array", "items": {"type": "string"}},
        "rows": {"description": "Each as long as columns", "type": "array", "items": {"type": "array", "items": {"type": "string"}}},
        "total": {"type": "integer", "minimum": 0, "description": "The rows that there are; rows holds some of them where there are many"}
      }
    },
    "environment_row": {
      "type": "object",
      "required": ["name", "sealed", "found", "status"],
      "properties": {
        "name": {"type": "string"},
        "sealed": {"type": "string", "description": "Empty where the seal does not say"},
        "found": {"type": "string", "description": "Empty where it is not known"},
        "status": {"$ref": "#/$defs/status"}
      }
    },
    "tensor_row": {
      "type": "object",
      "required": ["name", "dtype", "shape", "state", "note"],
      "properties": {
        "name": {"type": "string"},
        "dtype": {"type": "string"},
        "shape": {"type": "array", "items": {"type": "integer"}},
        "state": {"enum": ["verified", "loaded", "changed", "mismatched", "missing", "unexpected"]},
        "note": {"type": "string"}
      }
    },
    "output_error": {
      "type": "object",
      "required": ["golden", "output", "run", "ratio", "limit", "remark", "distribution", "worst", "worst_limit"],
      "properties": {
        "golden": {"type": "string"},
        "output": {"type": "string"},
        "run": {"type": "string", "description": "How it was computed"},
        "ratio": {"$ref": "#/$defs/number", "description": "Error over noise floor"},
        "limit": {"$ref": "#/$defs/number"},
        "remark": {"type": "string"},
        "distribution": {
          "description": "Elements whose error is 10^decade to 10^(decade+1) times their noise; -12 counts smaller errors and none, 12 greater ones",
          "type": "array",
          "items": {"type": "object", "required": ["decade", "count"], "properties": {"decade": {"type": "integer"}, "count": {"type": "integer", "minimum": 0}}}
        },
        "worst": {"$ref": "#/$defs/number", "description": "Error over noise of the worst element; inf where NaN or infinities stand at other places"},
        "worst_limit": {"$ref": "#/$defs/number"}
      }
    },
    "layer_error": {
      "type": "object",
      "required": ["golden", "name", "ratio", "limit", "op", "run"],
      "properties": {
        "golden": {"type": "string"},
        "name": {"type": "string"},
        "ratio": {"$ref": "#/$defs/number", "description": "Error over noise; inf where one side has no such layer"},
        "limit": {"$ref": "#/$defs/number"},
        "op": {"type": "string", "description": "The operator"},
        "run": {"type": "string", "description": "float64 or native"}
      }
    },
    "picture": {
      "type": "object",
      "required": ["title", "media_type", "base64"],
      "properties": {
        "title": {"type": "string"},
        "media_type": {"type": "string"},
        "base64": {"type": "string"}
      }
    }
  }
}
)json";
  return k_schema;
}

}  // namespace goldseal
