#!/usr/bin/env bash
# Fetches the newest etcd and etcdctl of Debian (suite sid) for the tests, beside whatever is
# installed, and prints the directory that they are in. Nothing is installed: the packages are only
# unpacked. They come from the archive that apt uses on this machine.
set -euo pipefail

directory=${XDG_CACHE_HOME:-$HOME/.cache}/etcdhcp-newer-etcd
if [[ ! -x $directory/usr/bin/etcd || ! -x $directory/usr/bin/etcdctl ]]; then
  sources=(/etc/apt/sources.list /etc/apt/sources.list.d/*)
  archive=$(grep -hoE 'https?://[^ ]+/debian/?( |$)' "${sources[@]}" 2>/dev/null | head -n 1 | tr -d ' ' || true)
  if [[ -z $archive ]]; then
    echo "newer_etcd: no archive of Debian in /etc/apt" >&2
    exit 1
  fi
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  mkdir -p "$work/lists/partial" "$work/archives/partial"
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $archive sid main" >"$work/sources.list"
  options=(
    -o "Dir::Etc::SourceList=$work/sources.list" -o Dir::Etc::SourceParts=/dev/null
    -o "Dir::State::Lists=$work/lists" -o "Dir::Cache=$work" -o "Dir::Cache::Archives=$work/archives"
    -o APT::Sandbox::User=root
  )
  if ! { apt-get "${options[@]}" update -q &&
    (cd "$work" && apt-get "${options[@]}" download -q etcd-server/sid etcd-client/sid); } >&2; then
    echo "newer_etcd: etcd-server and etcd-client could not be fetched from $archive (sid)" >&2
    exit 1
  fi
  mkdir -p "$directory"
  for package in "$work"/*.deb; do dpkg-deb -x "$package" "$directory"; done
fi
echo "$directory/usr/bin"
