#!/bin/sh
# Makes sure that the browser tests have a Chromium: one that is installed, Debian's
# package where we may install it, or Playwright's own download. Says so where none is.
command -v chromium chromium-browser google-chrome >/dev/null 2>&1 && exit 0
ls "${HOME:-/root}"/.cache/ms-playwright/chromium-* >/dev/null 2>&1 && exit 0
echo "No Chromium found: installing one for the browser tests"
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
  apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core \
    >/dev/null && exit 0
fi
.venv/bin/python -m playwright install chromium && exit 0
echo "The browser tests will be SKIPPED: install Chromium to run them"
echo "(Debian and Ubuntu: sudo apt install chromium)."
exit 0
