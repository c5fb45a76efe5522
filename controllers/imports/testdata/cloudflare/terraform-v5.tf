resource "cloudflare_zero_trust_access_group" "admins" {
  account_id = "023e105f4ecef8ad9ca31a8372d0c353"
  name       = "Admins"
  include    = [{ azure_ad = { id = "aa5b1c1e-0000-4000-8000-000000000000", identity_provider_id = cloudflare_zero_trust_access_identity_provider.entra.id } }]
}

resource "cloudflare_zero_trust_access_identity_provider" "entra" {
  account_id = "023e105f4ecef8ad9ca31a8372d0c353"
  name       = "Entra ID"
  type       = "azureAD"
  config = {
    client_id      = "6a1b"
    client_secret  = var.secret
    directory_id   = "8b2c1d00-0000-4000-8000-000000000000"
    support_groups = true
  }
}

resource "cloudflare_zero_trust_access_policy" "admins" {
  account_id       = "023e105f4ecef8ad9ca31a8372d0c353"
  name             = "Admins"
  decision         = "allow"
  session_duration = "24h"
  include = [
    { group = { id = cloudflare_zero_trust_access_group.admins.id } },
    { common_name = { common_name = "admin.example.com" } },
  ]
}

resource "cloudflare_zero_trust_access_policy" "justified" {
  account_id                     = "023e105f4ecef8ad9ca31a8372d0c353"
  name                           = "On call"
  decision                       = "allow"
  include                        = [{ email_domain = { domain = "example.com" } }]
  purpose_justification_required = true
  purpose_justification_prompt   = "Why do you come?"
  approval_required              = true
  approval_groups                = [{ approvals_needed = 1, email_addresses = ["lead@example.com"] }]
}

resource "cloudflare_zero_trust_access_application" "admin" {
  account_id = "023e105f4ecef8ad9ca31a8372d0c353"
  type       = "self_hosted"
  name       = "Admin"
  destinations = [
    { type = "public", uri = "admin.example.com" },
    { type = "public", uri = "shop.example.com/admin*" },
    { type = "private", cidr = "10.5.0.0/24" },
  ]
  allowed_idps = [cloudflare_zero_trust_access_identity_provider.entra.id]
  policies = [
    { id = cloudflare_zero_trust_access_policy.admins.id, precedence = 1 },
    { id = cloudflare_zero_trust_access_policy.justified.id, precedence = 2 },
  ]
  enable_binding_cookie = true
  logo_url              = "https://cdn.example.com/admin.svg"
  tags                  = ["ops", "internal", "ops", "a tag that is longer than the start page has room for"]
  app_launcher_visible  = false
}

resource "cloudflare_zero_trust_access_application" "shop" {
  account_id   = "023e105f4ecef8ad9ca31a8372d0c353"
  type         = "self_hosted"
  name         = "Shop"
  domain       = "shop.example.com"
  policies = [{
    name       = "Customers"
    decision   = "allow"
    precedence = 1
    include    = [{ everyone = {} }]
  }]
}

resource "cloudflare_dns_record" "shop" {
  zone_id = var.zone
  name    = "shop"
  type    = "CNAME"
  content = "lb.example.com"
}
