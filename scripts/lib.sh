# shellcheck shell=bash
# What the scripts beside this file share: messages, a scratch folder, and the tools they need. To be sourced.

jj_minimum=0.44.0 # the oldest jj that is supported
jj_pinned=0.45.1  # the jj that is installed where there is none

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)

# One for each run of a script, and gone when the script ends.
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

say() { printf '%s\n' "$*" >&2; }
die() {
  say "Error: $1"
  exit 1
}

need_tools() {
  command -v git >/dev/null || die "Could not find git: it is at https://git-scm.com/downloads"
  command -v cargo >/dev/null || die "Could not find cargo: Rust is at https://rustup.rs"
  command -v cc >/dev/null || die "Could not find a C compiler (cc), which SQLite is built with: gcc or clang, from the \
package manager of your system"
}

cargo_bin() { printf '%s/bin\n' "${CARGO_INSTALL_ROOT:-${CARGO_HOME:-$HOME/.cargo}}"; }

# `jj 0.45.1-abcdef` gives 0.45.1; what is no jj gives nothing.
jj_version() {
  local line
  line=$("$1" --version 2>/dev/null) || return 0
  printf '%s\n' "$line" | sed -nE 's/^jj ([0-9]+\.[0-9]+\.[0-9]+).*/\1/p'
}

# Whether the version $1 is $2 or newer.
at_least() { [ -n "$1" ] && [ "$(printf '%s\n' "$1" "$2" | sort -V | sed -n 1p)" = "$2" ]; }

# jj-flow under the name jj, by whatever link or copy, knows `jj flow` without any config. The real jj does not.
is_shim() { (cd / && env -i PATH="$PATH" HOME=/ JJ_CONFIG=/dev/null "$1" flow --version) >/dev/null 2>&1; }

is_jj() { ! is_shim "$1" && at_least "$(jj_version "$1")" "$jj_minimum"; }

# Prints the path of a real jj that is new enough: the first on PATH, else one that is built now.
get_jj() {
  local candidate
  while IFS= read -r candidate; do
    if is_jj "$candidate"; then
      printf '%s\n' "$candidate"
      return
    fi
  done < <(type -aP jj)
  say "There is no jj $jj_minimum or newer on PATH: installing jj $jj_pinned with cargo, which takes some minutes."
  cargo install --locked --bin jj jj-cli --version "$jj_pinned" >&2 ||
    die "Could not install jj: another way to jj $jj_minimum or newer is at https://docs.jj-vcs.dev/latest/install-and-setup"
  candidate=$(cargo_bin)/jj
  is_jj "$candidate" || die "Could not use $candidate, which cargo has just installed."
  printf '%s\n' "$candidate"
}

# Makes $1 the first jj on PATH, and nothing else of its folder with it. Cargo's own folder goes last.
use_jj() {
  mkdir -p "$scratch/path"
  ln -s "$1" "$scratch/path/jj"
  PATH=$scratch/path:$PATH:$(cargo_bin)
}
