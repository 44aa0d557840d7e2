#!/bin/sh
# Prints the path of a Chromium for the browser tests: one that is installed, else Playwright's own download, else
# Debian's package. What it does goes to standard error. Usage: find_browser.sh PYTHON
set -u
python=${1:-python3}

for name in chromium chromium-browser google-chrome google-chrome-stable chrome; do
    if found=$(command -v "$name"); then
        echo "Browser for the tests: $found" >&2
        echo "$found"
        exit 0
    fi
done

echo "No Chromium or Chrome here; trying Playwright's own" >&2
if "$python" -m playwright install --with-deps chromium >&2; then
    "$python" -c 'from playwright.sync_api import sync_playwright as p
with p() as playwright: print(playwright.chromium.executable_path)'
    exit 0
fi

echo "Playwright could not fetch one; trying Debian's package" >&2
if command -v apt-get >/dev/null; then
    sudo=""
    [ "$(id -u)" = 0 ] || sudo=sudo
    $sudo apt-get update >&2 && $sudo apt-get install -y chromium >&2 && command -v chromium && exit 0
fi

echo "Install Chromium or Chrome, then run make test again (make test-fast needs no browser)." >&2
exit 1
