resource "cloudflare_access_application" "x" { name = "x"
