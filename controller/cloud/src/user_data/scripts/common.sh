# shellcheck shell=bash
# What the scripts of this machine share. It is sourced.

# Takes KEY=VALUE lines as they stand: nothing is quoted, nothing expanded.
load() {
  local line
  while IFS= read -r line || [ -n "$line" ]; do
    case $line in
      [A-Za-z_]*=*) export "${line?}" ;;
    esac
  done <"$1"
}

# A text field of flat JSON on standard input.
field() { tr -d '\n\r' | sed -n "s/.*\"$1\" *: *\"\([^\"]*\)\".*/\1/p"; }

# The same where the text may hold anything; cloud-init itself needs python3.
json_text() { python3 -c 'import json, sys; sys.stdout.write(json.load(sys.stdin)[sys.argv[1]])' "$1"; }

# curl that fails on HTTP errors and waits for nobody for ever.
ask() { curl --silent --show-error --fail --max-time 30 "$@"; }

download() { curl --silent --show-error --fail --location --retry 3 --connect-timeout 10 "$@"; }
