#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Completions are made from the tables of options: bash completes verbs, options, choices and files; zsh and fish read theirs;
# each verb has a manual page.
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

expect 0 "$GOLDSEAL" completion bash
# shellcheck disable=SC1091
source out.txt

# completed WORD...: what bash offers for the last word.
completed() {
  COMP_WORDS=(goldseal "$@")
  COMP_CWORD=$#
  COMPREPLY=()
  _goldseal 2>/dev/null
  printf '%s\n' "${COMPREPLY[@]}"
}

[[ $(completed ver) == verify ]] || fail "ver: $(completed ver)"
[[ $(completed capt) == capture ]] || fail "capt: $(completed capt)"
[[ $(completed verify --checkp) == --checkpoint ]] || fail "an option: $(completed verify --checkp)"
[[ $(completed verify --depth q) == quick ]] || fail "a choice: $(completed verify --depth q)"
[[ $(completed runtime bui) == build ]] || fail "a nested verb: $(completed runtime bui)"
touch some-checkpoint.pth
[[ $(completed inspect some-) == some-checkpoint.pth ]] || fail "a file: $(completed inspect some-)"
[[ $(completed verify x.seal --checkpoint some-) == some-checkpoint.pth ]] || fail "an option's file"
[[ $(completed comple) == "" ]] || fail "hidden verbs are offered"

expect 0 "$GOLDSEAL" completion zsh
says "#compdef goldseal"
says "--depth["
! command -v zsh >/dev/null || zsh -n out.txt || fail "zsh cannot read its completions"
expect 0 "$GOLDSEAL" completion fish
says "complete -c goldseal -n '__fish_seen_subcommand_from verify' -l depth -x -a 'quick full'"
! command -v fish >/dev/null || fish -n out.txt || fail "fish cannot read its completions"
expect 2 "$GOLDSEAL" completion csh

expect 0 "$GOLDSEAL" manual pages
expect 0 "$GOLDSEAL" --help
for verb in $(awk '/^Subcommands/ { listed = 1; next } listed && NF { print $1 } listed && !NF { listed = 0 }' out.txt); do
  [[ -s pages/goldseal-$verb.1 ]] || fail "no manual page for $verb"
done
grep -q '\\-\\-checkpoint' pages/goldseal-verify.1 || fail "an option is not in the manual"
if command -v man >/dev/null; then
  man --warnings -l pages/goldseal-verify.1 >/dev/null 2>warnings.txt
  [[ ! -s warnings.txt ]] || fail "$(<warnings.txt)"
fi
