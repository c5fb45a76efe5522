// SPDX-License-Identifier: Apache-2.0

package cloudflare

import "github.com/ostiary/ostiary/controllers/imports/draft"

// A field is a setting that no translation reads: with an empty reason it means nothing here.
type field struct {
	effect draft.Effect
	reason string
}

var (
	plain = field{}

	itemFields = map[string]field{
		"id": plain, "uid": plain, "uuid": plain, "name": plain, "account_id": plain, "zone_id": plain, "created_at": plain, "updated_at": plain,
		"timeouts": plain, "lifecycle": plain, "depends_on": plain, "provider": plain,
		"\x00block": plain, "\x00type": plain, "\x00address": plain,
		"description": plain, "tags_all": plain,
	}
	groupFields = map[string]field{
		"is_default": {draft.Left, "new applications have no group of themselves: name it in their rules"},
	}
	tokenFields = map[string]field{
		"client_id": plain, "client_secret": plain, "expires_at": plain, "last_seen_at": plain, "client_secret_version": plain,
		"previous_client_secret_expires_at": plain, "min_days_for_renewal": plain,
	}
	listFields     = map[string]field{"list_count": plain, "count": plain}
	providerFields = map[string]field{
		"scim_config": {draft.Left, "groups and people come with each sign-in, and not by SCIM"},
		"read_only":   plain,
	}
	policyFields = map[string]field{
		"precedence": plain, "reusable": plain, "app_count": plain, "application_id": plain, "purpose_justification_prompt": plain,
		"approval_groups": plain, "approval_group": plain,
		"connection_rules": {draft.Noted, "they are about SSH and RDP, and mean nothing to HTTP"},
	}
	applicationFields = map[string]field{
		"aud": plain, "domain_type": plain, "auto_redirect_to_identity": plain, "service_auth_401_redirect": plain,
		"skip_interstitial": plain, "is_default": plain,
		"allow_authenticate_via_warp": {draft.Left, "there is no client on devices: people sign in at an identity provider"},
		"allow_iframe":                {draft.Noted, "the application's own headers say who may show it in a frame"},
		"app_launcher_logo_url":       {draft.Left, launcher},
		"bg_color":                    {draft.Left, launcher}, "header_bg_color": {draft.Left, launcher}, "footer_links": {draft.Left, launcher},
		"landing_page_design": {draft.Left, launcher}, "skip_app_launcher_login_page": {draft.Left, launcher},
		"custom_pages":                              {draft.Left, "pages have one design"},
		"custom_non_identity_deny_url":              {draft.Left, "who is refused before signing in gets 403 with the reason, and no redirect"},
		"enable_binding_cookie":                     {draft.Left, "there is no binding cookie but that of path-scoped sessions"},
		"oauth_configuration":                       {draft.Left, "managed OAuth: oauth in the policy lets programs act for people, once you write it"},
		"read_service_tokens_from_header":           {draft.Left, "service tokens are read from X-Access-Client-Secret, not from Authorization"},
		"saas_app":                                  {draft.Left, "SaaS applications are not behind a proxy of the cluster"},
		"scim_config":                               {draft.Left, "SCIM has no equivalent"},
		"target_criteria":                           {draft.Left, "it is about SSH"},
		"use_clientless_isolation_app_launcher_url": {draft.Left, "there is no remote browser"},
	}
)

const launcher = "the start page looks as the brand of the installation says"

// known notes what fields that no translation reads mean.
func known(t *translator, it *item, fields map[string]field) {
	for _, key := range it.Keys {
		f, ours := itemFields[key]
		if !ours {
			f, ours = fields[key]
		}
		n := it.Peek(key)
		if !ours {
			continue
		}
		set := !n.Empty() && n.Value != "false"
		if n.Known(); set && f.reason != "" {
			t.Say(f.effect, n, it.of, "%s", f.reason)
		}
	}
}
