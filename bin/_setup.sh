# Shared by the commands beside it: finds Python, makes .venv, installs the pinned requirements.
# POSIX sh, sourced. Every failure is one sentence with its cure.

say() { printf '%s\n' "$*" >&2; }
fail() { say "backoffice: $*"; exit 1; }

ROOT=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
cd "$ROOT" || exit 1
VENV=$ROOT/.venv

# The newest supported Python that really starts; version managers leave shims that do not.
find_python() {
    for name in ${PYTHON:-python3.13 python3.12 python3.11 python3 python}; do
        command -v "$name" >/dev/null 2>&1 || continue
        if "$name" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then
            printf '%s\n' "$name"
            return 0
        fi
    done
    return 1
}

make_venv() {
    [ -x "$VENV/bin/python" ] && "$VENV/bin/python" -m pip --version >/dev/null 2>&1 && return 0
    python=$(find_python) || fail "Python 3.11, 3.12 or 3.13 is needed and none was found;" \
        "install one (Debian and Ubuntu: apt-get install python3 python3-venv; macOS: brew install python@3.13)."
    "$python" -c 'import ensurepip, venv' 2>/dev/null || fail "$python lacks the venv and ensurepip modules;" \
        "install them (Debian and Ubuntu: apt-get install python3-venv)."
    say "Creating .venv with $("$python" --version 2>&1) …"
    rm -rf "$VENV"
    "$python" -m venv "$VENV" || fail "the virtual environment could not be created in $VENV; check that the folder is writable."
}

# install_pinned FILE [COVERED …]: install FILE unless this exact text already is; COVERED files are parts of FILE.
install_pinned() {
    file=$1
    wanted=$(fingerprint "$file")
    [ "$(cat "$VENV/.$file.stamp" 2>/dev/null)" = "$wanted" ] && return 0
    mkdir -p var
    log=$ROOT/var/install.log
    started=$(date +%s)
    say "Installing $(grep -c '==' "$file") packages from $file (once; a minute or two) …"
    "$VENV/bin/python" -m pip install --quiet --no-input --disable-pip-version-check \
        --only-binary :all: --requirement "$file" >"$log" 2>&1 || explain_pip_failure "$log"
    check_openmp "$log"
    for done_file in "$@"; do fingerprint "$done_file" >"$VENV/.$done_file.stamp"; done
    say "Installed in $(($(date +%s) - started)) s."
}

fingerprint() { cksum <"$1"; }

explain_pip_failure() {
    if grep -qiE 'from versions: none|connection (broken|refused)|name resolution|network is unreachable|timed out|max retries|ProxyError' "$1"; then
        fail "no package index could be reached; check the network or proxy, or point PIP_INDEX_URL at an index that can be reached (details: $1)."
    fi
    fail "the pinned packages could not be installed: $(grep -i '^error' "$1" | tail -n 1) (details: $1)"
}

check_openmp() {
    "$VENV/bin/python" -c 'import lightgbm' >>"$1" 2>&1 && return 0
    if grep -qE 'lib(gomp|omp)' "$1"; then
        fail "LightGBM needs the OpenMP library; install it (Debian and Ubuntu: apt-get install libgomp1; macOS: brew install libomp)."
    fi
    fail "LightGBM does not load; see the end of $1."
}
