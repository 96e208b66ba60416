#!/bin/sh
# setup.sh venv PYTHON   makes .venv: the locked dependencies, those of the tests too, and this package, editable
# setup.sh tools         the outside judges of the tests
#
# As root, Debian packages that are missing are installed. Without root, what can be unpacked goes to the cache
# folder (see sctpinspect/kernels/debian.py) and what cannot is named. Python packages come from the index, through
# the proxy, that pip is configured for.
set -eu
PATH=$PATH:/usr/sbin:/sbin

fail() {
    echo "sctpinspect: $*" >&2
    exit 3
}

# apt_install PACKAGE...: fails without root or apt-get
apt_install() {
    command -v apt-get >/dev/null && [ "$(id -u)" = 0 ] || return 1
    echo "Installing Debian packages: $*" >&2
    export DEBIAN_FRONTEND=noninteractive
    set -- apt-get install --quiet --quiet --yes --no-install-recommends "$@"
    "$@" >/dev/null 2>&1 || { apt-get update --quiet --quiet && "$@" >/dev/null; }  # lists missing, or too old
}

make_venv() {
    python=$1
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
        fail "$python is not Python 3.11 or newer: install one and name it (make PYTHON=python3.12 ...)."
    version=$("$python" -c 'import sys; print("python%d.%d" % sys.version_info[:2])')
    "$python" -c 'import ensurepip, venv' 2>/dev/null || apt_install "$version-venv" ||
        fail "$python cannot make virtual environments: sudo apt-get install $version-venv"

    uml=
    if [ "$(uname -m)" = x86_64 ]; then
        command -v linux.uml >/dev/null || uml=user-mode-linux
    else
        # only here pysctp comes as source
        echo '#include <netinet/sctp.h>' | ${CC:-gcc} -E - >/dev/null 2>&1 ||
            apt_install gcc libc6-dev libsctp-dev "$version-dev" ||
            fail "pysctp has to be compiled: sudo apt-get install gcc libc6-dev libsctp-dev $version-dev"
    fi
    [ -z "$uml" ] || ! apt_install "$uml" || uml=

    echo "Making .venv (a minute or so, once)" >&2
    "$python" -m venv .venv
    pip="env PIP_DISABLE_PIP_VERSION_CHECK=1 .venv/bin/pip install --quiet --no-build-isolation"
    $pip --require-hashes -r requirements-build.txt
    $pip --require-hashes -r requirements-dev.txt
    # compat: a plain path, where the default would import a finder at each start of Python
    $pip --no-deps --config-settings editable_mode=compat --editable .
    .venv/bin/python -m compileall -q sctpinspect || true  # a booted kernel sees these files read-only

    [ -z "$uml" ] || .venv/bin/python sctpinspect/kernels/debian.py "$uml" >/dev/null ||
        echo "sctpinspect: without user-mode-linux only a kernel that has SCTP itself can be used." >&2
}

find_tools() {
    missing=
    for pair in tshark=tshark tcpdump=tcpdump iperf3=iperf3 ethtool=ethtool nft=nftables; do
        command -v "${pair%=*}" >/dev/null || missing="$missing ${pair#*=}"
    done
    # shellcheck disable=SC2086
    [ -z "$missing" ] || apt_install $missing ||
        echo "Tests that need one of these are skipped: sudo apt-get install$missing" >&2
}

case $1 in
venv) make_venv "$2" ;;
tools) find_tools ;;
esac
