// SPDX-License-Identifier: Apache-2.0
#include <goldseal/fleet/rendering/renderer.hpp>

namespace goldseal::fleet {

std::string_view fleet_schema() {
  static constexpr std::string_view k_schema = R"json({
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "goldseal.fleet/1",
  "description": "What goldseal merge decides for many machines. Members may be added under the same number; readers ignore those that they do not know.",
  "type": "object",
  "required": ["schema", "verdict", "exit_code", "counts", "actions", "cohorts", "nodes", "seals", "rare", "rare_left_out", "notes", "files", "first", "last", "merged", "seconds", "version"],
  "properties": {
    "schema": {"const": "goldseal.fleet/1"},
    "verdict": {"enum": ["PASS", "FAIL", "INCONCLUSIVE", "DAMAGED"]},
    "exit_code": {"description": "0 every node conforms, 1 one fails, 3 one is missing or undecided, 4 one is damaged", "enum": [0, 1, 3, 4]},
    "counts": {
      "description": "nodes, reports, those that conform, those expected (where that was said), and the nodes of each kind of trouble",
      "type": "object",
      "required": ["nodes", "reports", "conforms"],
      "additionalProperties": {"$ref": "#/$defs/count"}
    },
    "files": {"$ref": "#/$defs/count", "description": "That were looked at"},
    "first": {"type": "string", "description": "When the earliest report of this batch began, UTC, RFC 3339; empty without one"},
    "last": {"type": "string"},
    "merged": {"type": "string", "description": "When the verdict was reached"},
    "seconds": {"type": "number", "minimum": 0},
    "version": {"type": "string", "description": "Of the goldseal that merged"},
    "notes": {"type": "array", "description": "What the verdict leaves out, in sentences", "items": {"type": "string"}},
    "actions": {
      "type": "array",
      "items": {
        "type": "object",
        "required": ["action", "command", "hosts", "reason"],
        "properties": {
          "action": {"type": "string"},
          "command": {"type": "string", "description": "To paste, never run by goldseal; may be empty"},
          "hosts": {"type": "string", "description": "Folded: gpu[0-3,7]"},
          "reason": {"type": "string"}
        }
      }
    },
    "nodes": {
      "type": "array",
      "items": {
        "type": "object",
        "required": ["node", "state", "exit_code", "expected", "action", "problems", "reports"],
        "properties": {
          "node": {"type": "string"},
          "state": {"type": "string", "description": "conforms, or the gravest kind of trouble"},
          "exit_code": {"enum": [0, 1, 2, 3, 4]},
          "expected": {"type": "boolean"},
          "action": {"type": "string"},
          "problems": {"type": "array", "items": {"$ref": "#/$defs/problem"}},
          "reports": {"type": "array", "description": "The files", "items": {"type": "string"}}
        }
      }
    },
    "cohorts": {
      "description": "Devices of one kind, whose outputs should be the same bits",
      "type": "array",
      "items": {
        "type": "object",
        "required": ["label", "seal", "subject", "runtime", "outcome", "kind", "configuration", "members", "differing", "undecided", "seal_votes", "baseline_votes"],
        "properties": {
          "label": {"type": "string"},
          "seal": {"type": "string"},
          "subject": {"type": "string"},
          "runtime": {"type": "string"},
          "outcome": {"type": "string"},
          "kind": {"$ref": "#/$defs/texts", "description": "NAME=VALUE of the facts that decide bits"},
          "configuration": {"$ref": "#/$defs/texts"},
          "members": {
            "type": "array",
            "items": {
              "type": "object",
              "required": ["node", "device", "gpu"],
              "properties": {"node": {"type": "string"}, "device": {"type": "string"}, "gpu": {"type": "string", "description": "Its UUID; empty for a CPU"}}
            }
          },
          "differing": {"$ref": "#/$defs/count"},
          "undecided": {"type": "boolean"},
          "seal_votes": {"type": "boolean"},
          "baseline_votes": {"$ref": "#/$defs/count"}
        }
      }
    },
    "rare": {
      "description": "Facts that few nodes have, rarest first",
      "type": "array",
      "items": {
        "type": "object",
        "required": ["name", "value", "count", "of", "usual", "usual_count", "in_trouble", "decides_bits", "nodes"],
        "properties": {
          "name": {"type": "string"},
          "value": {"type": "string"},
          "count": {"$ref": "#/$defs/count"},
          "of": {"$ref": "#/$defs/count"},
          "usual": {"type": "string"},
          "usual_count": {"$ref": "#/$defs/count"},
          "in_trouble": {"$ref": "#/$defs/count"},
          "decides_bits": {"type": "boolean"},
          "nodes": {"$ref": "#/$defs/texts"}
        }
      }
    },
    "rare_left_out": {"$ref": "#/$defs/count"},
    "seals": {
      "type": "array",
      "items": {
        "type": "object",
        "required": ["subject", "digest", "policy", "conforms", "fails", "inconclusive", "damaged", "absent"],
        "properties": {
          "subject": {"type": "string"},
          "digest": {"type": "string"},
          "policy": {"type": "string"},
          "conforms": {"$ref": "#/$defs/count"},
          "fails": {"$ref": "#/$defs/count"},
          "inconclusive": {"$ref": "#/$defs/count"},
          "damaged": {"$ref": "#/$defs/count"},
          "absent": {"$ref": "#/$defs/count"}
        }
      }
    }
  },
  "$defs": {
    "count": {"type": "integer", "minimum": 0},
    "texts": {"type": "array", "items": {"type": "string"}},
    "problem": {
      "type": "object",
      "required": ["kind", "severity", "action", "subject", "part", "message", "remedy"],
      "properties": {
        "kind": {"type": "string"},
        "severity": {"enum": ["warn", "fail"]},
        "action": {"type": "string"},
        "subject": {"type": "string", "description": "The seal, where there are several"},
        "part": {"type": "string", "description": "A device or rank, where the trouble is its own"},
        "message": {"type": "string"},
        "remedy": {"type": "string"}
      }
    }
  }
}
)json";
  return k_schema;
}

}  // namespace goldseal::fleet
