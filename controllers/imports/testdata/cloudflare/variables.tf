variable "office" {}

resource "cloudflare_zero_trust_access_application" "a" {
  name   = "Office"
  domain = "office.example.com"
  type   = "self_hosted"
}

resource "cloudflare_zero_trust_access_policy" "lists" {
  application_id = cloudflare_zero_trust_access_application.a.id
  name           = "Office and everybody who has a token"
  precedence     = 1
  decision       = "allow"
  include { ip = var.office }
  include { email = ["ann@example.com", var.mail] }
  dynamic "exclude" {
    for_each = var.former
    content { email = [exclude.value] }
  }
}

resource "cloudflare_zero_trust_access_policy" "some" {
  count          = var.enabled ? 1 : 0
  application_id = cloudflare_zero_trust_access_application.a.id
  name           = "Some day"
  precedence     = 2
  decision       = "allow"
  include { email_domain = [for d in ["a", "b"] : "${d}.example.com"] }
}

resource "cloudflare_zero_trust_access_application" "b" {
  for_each = toset(["x", "y"])
  name     = each.key
  domain   = "${each.key}.example.com"
  type     = "self_hosted"
}

module "more" {
  source = "./more"
}
