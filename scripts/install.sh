#!/bin/sh
# Installs etcDHCP for systemd, or takes it away again. The lease book stays in any case.
#
#     scripts/install.sh [--binary FILE] [--root DIRECTORY]
#     scripts/install.sh --uninstall [--root DIRECTORY]
#
# The binary is made by `deno task compile`. Nothing is started or enabled: that is said at the end.
# With --root everything goes below that directory, as for an image of another machine.
set -eu

here=$(dirname "$0")
binary=$here/../dist/etcdhcp
root=
uninstall=

fail() {
  echo "install.sh: $1" >&2
  exit "${2:-1}"
}

while [ $# -gt 0 ]; do
  case $1 in
    --binary | --root)
      [ $# -gt 1 ] || fail "$1 needs a value" 2
      [ "$1" = --root ] && root=${2%/} || binary=$2
      shift
      ;;
    --uninstall) uninstall=yes ;;
    *) fail "unknown argument $1; see the head of this file" 2 ;;
  esac
  shift
done

# Whether there is a systemd to talk to, and it is this machine's.
running() {
  [ -z "$root" ] && [ -d /run/systemd/system ]
}

if [ -n "$uninstall" ]; then
  if running; then
    systemctl disable --now etcdhcp.service 2>/dev/null || true
  fi
  rm -f "$root/usr/local/bin/etcdhcp" "$root/etc/systemd/system/etcdhcp.service"
  if running; then systemctl daemon-reload; fi
  echo "etcDHCP is gone. Still there: $root/etc/etcdhcp (its configuration) and" \
    "$root/var/lib/etcdhcp (the lease book)."
  exit 0
fi

[ -f "$binary" ] || fail "there is no $binary; make it (deno task compile) or name it (--binary)" 2
if [ -z "$root" ] && [ "$(id -u)" != 0 ]; then fail "needs root: sudo $0"; fi

mkdir -p "$root/usr/local/bin" "$root/etc/systemd/system" "$root/etc/etcdhcp"
# In one step, so that a server that runs keeps its own and none ever sees half a file.
install -m 755 "$binary" "$root/usr/local/bin/.etcdhcp.new"
mv -f "$root/usr/local/bin/.etcdhcp.new" "$root/usr/local/bin/etcdhcp"
sed 's|^ExecStart=/usr/bin/|ExecStart=/usr/local/bin/|' "$here/etcdhcp.service" \
  > "$root/etc/systemd/system/etcdhcp.service"
chmod 644 "$root/etc/systemd/system/etcdhcp.service"
# What is there is somebody's work.
if [ ! -e "$root/etc/etcdhcp/etcdhcp.toml" ]; then
  install -m 644 "$here/starter.toml" "$root/etc/etcdhcp/etcdhcp.toml"
fi
if running; then systemctl daemon-reload; fi
cat <<DONE
Installed $root/usr/local/bin/etcdhcp. Next:
  edit $root/etc/etcdhcp/etcdhcp.toml
  systemctl enable --now etcdhcp
DONE
