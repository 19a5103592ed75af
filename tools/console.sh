# shellcheck shell=bash
# console: prints a link that signs in to the web console, once, within a minute; and opens it where there is a desktop.
need_home
[[ $# -eq 0 ]] || die "console: unknown option '$1'"
healthy console || die "the console does not run; './openbatch status' says more"

# The link is in a file that only this user can read: other users see the arguments of programs.
open_page() { # URL
    local page=$OPENBATCH_RUN_DIR/console.html
    (umask 077 && printf '<!doctype html><meta http-equiv="refresh" content="0; url=%s">\n' "$1" >"$page.new")
    mv "$page.new" "$page"
    xdg-open "$page" >/dev/null 2>&1 </dev/null &
}

link=$(console_link) || die "no link could be made"
url=$(console_endpoint)/#link=$link
say "$url"
note "this signs in once, within a minute, with the rights of the root key; or sign in at $(console_endpoint) with an access key"
if ((EUID != 0)) && [[ -n ${DISPLAY:-}${WAYLAND_DISPLAY:-} ]] && have xdg-open; then open_page "$url"; fi
