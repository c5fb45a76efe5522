terraform {
  required_providers {
    cloudflare = { source = "cloudflare/cloudflare", version = "~> 4.0" }
  }
}

variable "zone_id" {}
variable "domain" { default = "example.com" }

locals {
  staff_domains = ["example.com", "example.org"]
  wiki          = "wiki.${var.domain}"
}

resource "cloudflare_access_group" "staff" {
  account_id = "f037e56e89293a057740de681ac9abbe"
  name       = "Staff"

  include {
    email_domain = local.staff_domains
    github {
      name                 = "example"
      teams                = ["ops", "dev"]
      identity_provider_id = cloudflare_access_identity_provider.github.id
    }
  }
  exclude {
    email = ["former@example.com"]
  }
}

resource "cloudflare_access_identity_provider" "github" {
  account_id = "f037e56e89293a057740de681ac9abbe"
  name       = "GitHub"
  type       = "github"
  config {
    client_id     = "Iv1.0"
    client_secret = "kept elsewhere"
  }
}

resource "cloudflare_access_service_token" "ci" {
  account_id = "f037e56e89293a057740de681ac9abbe"
  name       = "CI/CD app"
  duration   = "forever"
}

resource "cloudflare_access_application" "wiki" {
  zone_id                   = var.zone_id
  name                      = "Wiki"
  domain                    = local.wiki
  type                      = "self_hosted"
  session_duration          = "30m"
  auto_redirect_to_identity = false
  http_only_cookie_attribute = false
  skip_interstitial         = true

  cors_headers {
    allowed_methods   = ["GET", "POST", "OPTIONS"]
    allowed_origins   = ["https://${var.domain}"]
    allow_credentials = true
    max_age           = 10
  }
}

# ------------------------------------------------------------------------------

resource "cloudflare_access_policy" "wiki_ci" {
  application_id = cloudflare_access_application.wiki.id
  zone_id        = var.zone_id
  name           = "CI"
  precedence     = "1"
  decision       = "non_identity"
  include {
    service_token = [cloudflare_access_service_token.ci.id]
  }
}

resource "cloudflare_access_policy" "wiki_staff" {
  application_id = cloudflare_access_application.wiki.id
  zone_id        = var.zone_id
  name           = "Staff"
  precedence     = "2"
  decision       = "allow"

  include {
    group = [cloudflare_access_group.staff.id]
    email = ["guest@example.net"]
  }
  require {
    auth_method = "mfa"
  }
}

resource "cloudflare_access_policy" "wiki_posture" {
  application_id = cloudflare_access_application.wiki.id
  zone_id        = var.zone_id
  name           = "Laptops"
  precedence     = "3"
  decision       = "allow"
  include {
    everyone = true
  }
  require {
    device_posture = ["0a1b"]
  }
}
