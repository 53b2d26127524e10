#!/usr/bin/env bash
# Builds once and runs every test. Usage: ./test.sh [--all] [FILTER]
#   --all    the long fault and simulation runs complete; without it a seeded tenth of them
#   FILTER   only tests whose full name contains it, or an expression of `dotnet test --filter`
# Ends with one line "N passed, N failed"; exits with 1 if the build or a test failed, 2 if something needed is missing.
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")"

usage() { sed -n '2,5s/^# \{0,1\}//p' test.sh; }

filter=
for argument in "$@"; do
    case $argument in
        --all) export MAINSTAY_TESTS=all ;;
        -h | --help) usage; exit 0 ;;
        -*) echo "Unknown option $argument." >&2; usage >&2; exit 2 ;;
        *)
            if [ -n "$filter" ]; then echo "One filter at most; $argument is the second." >&2; exit 2; fi
            filter=$argument
            ;;
    esac
done

# Servers of the build must not outlive it.
export MSBUILDDISABLENODEREUSE=1 DOTNET_CLI_USE_MSBUILD_SERVER=0 DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
quiet=(-nodeReuse:false -p:UseSharedCompilation=false -p:UseRazorBuildServer=false)

check_sdk() {
    if ! command -v dotnet > /dev/null; then
        echo "The .NET SDK is missing: install version 10 from https://dotnet.microsoft.com/download/dotnet/10.0" >&2
        exit 2
    fi
    if ! dotnet --version > /dev/null 2>&1; then
        echo "No .NET SDK that global.json accepts (10.0.100 or a later 10.0): see https://dotnet.microsoft.com/download/dotnet/10.0" >&2
        dotnet --list-sdks >&2
        exit 2
    fi
}

# The browser tests drive the system's Chromium; scenarios compare with other proxies, drive the official clients of providers, and have Prometheus'
# own tool judge our metrics.
check_programs() {
    local missing=()
    command -v chromium > /dev/null || command -v chromium-browser > /dev/null || missing+=(chromium)
    command -v chromedriver > /dev/null || missing+=(chromium-driver)
    PATH=$PATH:/usr/sbin command -v haproxy > /dev/null || missing+=(haproxy)
    PATH=$PATH:/usr/sbin command -v nginx > /dev/null || missing+=(nginx)
    command -v node > /dev/null || missing+=(nodejs)
    command -v npm > /dev/null || missing+=(npm)
    if [ ${#missing[@]} -eq 0 ]; then return; fi
    if [ "$(id -u)" = 0 ] && command -v apt-get > /dev/null; then
        echo "Installing ${missing[*]} ..."
        if { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"; } \
            > /dev/null < /dev/null; then
            return
        fi
        echo "apt-get could not install ${missing[*]}." >&2
    fi
    echo "The tests need ${missing[*]}: sudo apt-get install ${missing[*]}" >&2
    exit 2
}

# Taken out of the package and not installed, so that no Prometheus is set up or started. Without it its test is skipped and says so.
install_promtool() {
    local folder=${XDG_CACHE_HOME:-$HOME/.cache}/mainstay-tests
    if [ ! -x "$folder/usr/bin/promtool" ] && command -v apt-get > /dev/null && command -v dpkg-deb > /dev/null; then
        echo "Fetching promtool ..."
        (
            mkdir -p "$folder" && cd "$folder" || exit
            apt-get download -qq prometheus || { [ "$(id -u)" = 0 ] && apt-get update -qq && apt-get download -qq prometheus; }
            dpkg-deb --fsys-tarfile prometheus_*.deb | tar --extract ./usr/bin/promtool
            rm -f prometheus_*.deb
        ) > /dev/null 2>&1 < /dev/null || true
    fi
    if [ -x "$folder/usr/bin/promtool" ]; then
        export PATH=$PATH:$folder/usr/bin
    else
        echo "promtool (Debian's package prometheus) is missing: its test is skipped." >&2
    fi
}

# The official clients, as package-lock.json pins them. Without them their tests are skipped and say so.
install_clients() {
    local folder=tests/Mainstay.Scenarios/Clients
    if [ "$folder/node_modules/.package-lock.json" -nt "$folder/package-lock.json" ]; then return; fi
    if ! (cd "$folder" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error) > /dev/null < /dev/null; then
        echo "npm could not install the official clients of providers: their tests are skipped." >&2
    fi
}

results=$(mktemp -d "${TMPDIR:-/tmp}/mainstay-tests.XXXXXX")
trap 'rm -rf "$results"' EXIT

# One project; its results as a file of their own. A project without tests, or without one that the filter names, leaves none.
run_project() {
    local project=$1 name arguments
    name=$(basename "$project" .csproj)
    arguments=(test "$project" --no-build -c Release --results-directory "$results" --logger "trx;LogFileName=$name.trx" --nologo)
    case $filter in
        "") ;;
        *[=~]*) arguments+=(--filter "$filter") ;;
        *) arguments+=(--filter "FullyQualifiedName~$filter") ;;
    esac
    echo "== $name"
    if dotnet "${arguments[@]}" "${quiet[@]}" < /dev/null; then return; fi
    # A failed test stands in the results; a run that died leaves none, or says that it did not complete.
    if [ ! -f "$results/$name.trx" ] || ! grep -q '<UnitTestResult[^>]* outcome="Failed"' "$results/$name.trx"; then
        broken+=("$name")
    fi
}

# Sum of one counter over all results, such as: count passed
count() {
    local sum=0 value
    for file in "$results"/*.trx; do
        [ -f "$file" ] || continue
        value=$(grep -o '<Counters [^>]*>' "$file" | grep -o " $1=\"[0-9]*\"" | tr -dc '0-9') || value=0
        sum=$((sum + ${value:-0}))
    done
    echo "$sum"
}

check_sdk
check_programs
install_clients
command -v promtool > /dev/null || install_promtool
if ! dotnet build Mainstay.slnx -c Release --nologo -v quiet -warnaserror "${quiet[@]}" < /dev/null; then
    echo "The build failed, so no test ran; that counts as one failure." >&2
    echo "0 passed, 1 failed"
    exit 1
fi

broken=()
for project in tests/*/*.csproj; do
    run_project "$project"
done

passed=$(count passed)
failed=$(($(count failed) + $(count error) + $(count timeout) + $(count aborted) + ${#broken[@]}))
skipped=$(($(count total) - $(count executed)))
if [ ${#broken[@]} -gt 0 ]; then
    echo "The run of ${broken[*]} did not end as it should; it counts as one failure each." >&2
fi
if [ $((passed + failed)) -eq 0 ]; then
    echo "No test ran${filter:+: none has \"$filter\" in its name}." >&2
    failed=1
fi
if [ "$skipped" -gt 0 ]; then
    echo "$passed passed, $failed failed, $skipped skipped"
else
    echo "$passed passed, $failed failed"
fi
[ "$failed" -eq 0 ]
