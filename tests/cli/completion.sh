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
[[ $(completed runtime build --tor) == --torch ]] || fail "a nested verb's option: $(completed runtime build --tor)"
[[ $(completed runtime some-) == "" ]] || fail "files where none is taken: $(completed runtime some-)"
[[ $(completed comple) == "" ]] || fail "hidden verbs are offered"

# What each shell has to make of words: the line, and what its last word becomes.
k_completed=(
  "goldseal ver" verify
  "goldseal capt" capture
  "goldseal --vers" --version
  "goldseal verify --checkp" --checkpoint
  "goldseal verify --depth q" quick
  "goldseal runtime bui" build
  "goldseal runtime build --tor" --torch
  "goldseal inspect some-" some-checkpoint.pth
  "goldseal verify x.seal --checkpoint some-" some-checkpoint.pth
  "goldseal runtime some-" ""
  "goldseal comple" ""
)
export HOME=$PWD XDG_CONFIG_HOME=$PWD/config XDG_DATA_HOME=$PWD/data ZDOTDIR=$PWD TERM=dumb

expect 0 "$GOLDSEAL" completion fish
says "complete -c goldseal -n '__fish_seen_subcommand_from verify' -l depth -x -a 'quick full'"
if command -v fish >/dev/null; then
  cp out.txt goldseal.fish
  for ((i = 0; i < ${#k_completed[@]}; i += 2)); do
    found=$(fish -c "source goldseal.fish; complete -C'${k_completed[i]}'" | cut -f 1)
    [[ $found == "${k_completed[i + 1]}" ]] || fail "fish: ${k_completed[i]} becomes $found"
  done
fi

expect 0 "$GOLDSEAL" completion zsh
says "#compdef goldseal"
says "--depth["
if command -v zsh >/dev/null; then
  mkdir functions
  cp out.txt functions/_goldseal
  # Completion needs a terminal: zsh in a pseudo-terminal of another's, with a tab behind the words.
  cat >complete.zsh <<'ZSH'
zmodload zsh/zpty
zpty inner zsh -f -i
zpty -w inner "PROMPT=; fpath=($PWD/functions \$fpath); autoload -Uz compinit; compinit -u -D; print rea''dy"
while zpty -r inner line; do [[ $line == *ready* ]] && break; done
zpty -w -n inner "$1"$'\t'
said=
while ((i++ < 100)); do
  zpty -r -t inner line && said+=$line && i=0 && continue
  [[ -n $said ]] && ((i > 10)) && break
  sleep 0.05
done
zpty -d inner
print -r -- $said
ZSH
  for ((i = 0; i < ${#k_completed[@]}; i += 2)); do
    line=${k_completed[i]} wanted=${k_completed[i + 1]}
    whole=${line% *}' '${wanted:-${line##* }}
    found=$(timeout 60 zsh -f complete.zsh "$line" | tr -d '\r\a\b')
    [[ $found == *"$whole"* ]] || fail "zsh: $line becomes $found"
    [[ -n $wanted || $found != *"$whole"[[:alnum:]-]* ]] || fail "zsh: $line becomes $found"
  done
fi
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
