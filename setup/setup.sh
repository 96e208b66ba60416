#!/bin/sh
# setup.sh venv PYTHON STAMP   makes .venv: the locked dependencies, those of the tests too, and this package, editable
# setup.sh tools PYTHON STAMP  the outside judges of the tests
# STAMP is the file that says that it is done.
#
# As root, Debian packages that are missing are installed. Without root, user-mode-linux and libusrsctp2 are unpacked
# into the cache folder (see sctpinspect/kernels/debian.py), and what has to be installed is named. Python packages
# come from the index, and through the proxy, that pip is configured for.
set -eu
PATH=$PATH:/usr/sbin:/sbin

fail() {
    echo "sctpinspect: $*" >&2
    exit 3
}

# missing PROGRAM=PACKAGE...: prints the packages whose program is not there
missing() {
    for pair; do
        command -v "${pair%=*}" >/dev/null || echo "${pair#*=}"
    done
}

# has_usrsctp PYTHON: whether the library with FreeBSD's stack can be loaded
has_usrsctp() {
    "$1" -c 'import ctypes; ctypes.CDLL("libusrsctp.so.2")' 2>/dev/null
}

# apt_install PACKAGE...: fails without root or apt-get
apt_install() {
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || return 1
    echo "Installing Debian packages: $*" >&2
    export DEBIAN_FRONTEND=noninteractive
    set -- apt-get install --quiet --quiet --yes --no-install-recommends "$@"
    "$@" >/dev/null 2>&1 || { apt-get update --quiet --quiet && "$@" >/dev/null; } # no package lists, or old ones
}

make_venv() {
    python=$1
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
        fail "$python is not Python 3.11 or newer: install one and name it (make PYTHON=python3.12 ...)."
    version=$("$python" -c 'import sys; print("python%d.%d" % sys.version_info[:2])')
    "$python" -c 'import ensurepip, venv' 2>/dev/null || apt_install "$version-venv" ||
        fail "$python cannot make virtual environments: sudo apt-get install $version-venv"
    has_usrsctp "$python" || apt_install libusrsctp2 || true # fetched below
    if [ "$(uname -m)" = x86_64 ]; then
        # shellcheck disable=SC2046
        set -- $(missing linux.uml=user-mode-linux nft=nftables)
        [ $# = 0 ] || apt_install "$@" || true # fetched without root below, or not needed for most scenarios
    else # no user-mode Linux, and pysctp comes as source
        echo '#include <netinet/sctp.h>' | gcc -E - >/dev/null 2>&1 ||
            apt_install gcc libc6-dev libsctp-dev "$version-dev" nftables ||
            fail "pysctp has to be compiled: sudo apt-get install gcc libc6-dev libsctp-dev $version-dev"
    fi

    echo "Making .venv (once, about a minute)" >&2
    "$python" -m venv .venv
    pip="env PIP_DISABLE_PIP_VERSION_CHECK=1 .venv/bin/pip install --quiet --quiet --no-build-isolation" # errors only
    $pip --require-hashes -r requirements-build.txt
    $pip --require-hashes -r requirements-dev.txt
    # compat: a plain path; the default is a finder that every start of Python imports
    $pip --no-deps --config-settings editable_mode=compat --editable .
    .venv/bin/python -m compileall -q sctpinspect # so that a run under sudo leaves nothing of root's here
    .venv/bin/python -m sctpinspect.tables.prepare

    if [ "$(uname -m)" = x86_64 ] && [ "$(missing linux.uml=user-mode-linux)" ]; then
        .venv/bin/python sctpinspect/kernels/debian.py user-mode-linux >/dev/null ||
            echo "Without user-mode-linux, only a kernel that has SCTP itself can be used." >&2
    fi
    has_usrsctp .venv/bin/python || .venv/bin/python sctpinspect/kernels/debian.py libusrsctp2 >/dev/null ||
        echo "Without libusrsctp2, scenarios with FreeBSD's stack cannot be recorded." >&2
}

find_tools() {
    # shellcheck disable=SC2046
    set -- $(missing tshark=tshark tcpdump=tcpdump iperf3=iperf3 ethtool=ethtool nft=nftables)
    [ $# = 0 ] || apt_install "$@" || echo "Tests that need these are skipped: sudo apt-get install $*" >&2
}

# hand_over: under sudo, what was made in a folder of the user who called it becomes that user's
hand_over() {
    { [ "${SUDO_UID:-}" ] && [ "$(stat -c %u .)" = "$SUDO_UID" ]; } || return 0
    find . -user root -exec chown -h "$SUDO_UID:$SUDO_GID" {} +
}

case $1 in
venv) make_venv "$2" ;;
tools) find_tools ;;
esac
touch "$3" # the stamp
hand_over
