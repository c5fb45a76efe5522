#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Installs the browsers of hack/browser that no other test needs.
set -euo pipefail

missing=()
command -v chromium >/dev/null || [[ -n ${OSTIARY_CHROMIUM-} ]] || missing+=(chromium)
command -v firefox-esr >/dev/null || [[ -n ${OSTIARY_FIREFOX-} ]] || missing+=(firefox-esr)
command -v WebKitWebDriver >/dev/null || [[ -n ${OSTIARY_WEBKIT-} ]] || missing+=(webkit2gtk-driver)
command -v Xvfb >/dev/null || [[ -n ${OSTIARY_XVFB-} ]] || missing+=(xvfb)
if ((${#missing[@]} == 0)); then
	exit 0
fi
if ! command -v apt-get >/dev/null || ((EUID != 0)); then
	echo "browsers: install ${missing[*]} (Debian's names) first, as root" >&2
	exit 1
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -q
apt-get install -qy --no-install-recommends "${missing[@]}"
