// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// cloudflareNames are the settings of a self-hosted application and of the organization, the
// parts of a policy and the selectors of Cloudflare Access: the schemas of
// terraform-provider-cloudflare v5 (zero_trust_access_application, _policy, _group,
// zero_trust_organization), and what its documentation names besides.
const cloudflareNames = `
id name type aud domain destinations uri cidr hostname l4_protocol port_range vnet_id mcp_server_id worker_id self_hosted_domains
domain_type tags
session_duration allowed_idps auto_redirect_to_identity allow_authenticate_via_warp mfa_config skip_interstitial oauth_configuration
cors_headers allow_all_origins allowed_origins allow_all_methods allowed_methods allow_all_headers allowed_headers allow_credentials
max_age
options_preflight_bypass http_only_cookie_attribute same_site_cookie_attribute enable_binding_cookie path_cookie_attribute
service_auth_401_redirect read_service_tokens_from_header custom_deny_message custom_deny_url custom_non_identity_deny_url custom_pages
allow_iframe
app_launcher_visible logo_url use_clientless_isolation_app_launcher_url policies precedence scim_config saas_app target_criteria
auth_domain warp_auth_session_duration login_design deny_unmatched_requests deny_unmatched_requests_exempted_zone_names
mfa_required_for_all_apps
user_seat_expiration_inactive_time is_ui_read_only strict_service_token_auth service_token_inactivity key_rotation_interval_days
decision include exclude require purpose_justification_required purpose_justification_prompt approval_required approval_groups
isolation_required
connection_rules is_default
email email_domain email_list everyone ip ip_list geo common_name certificate service_token any_valid_service_token linked_app_token
device_posture
user_risk_score external_evaluation login_method auth_method auth_context azure_ad okta gsuite github_organization saml oidc group
cloudflare_account_member`

// tableRow is a row of the comparison: theirs, ours, what proves it.
var tableRow = regexp.MustCompile(`(?m)^\| (.*) \| (.*) \| (.*) ?\|$`)

// TestCloudflareTable: every name has a row; a row without a proof says why, or that it is to
// come.
func TestCloudflareTable(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "docs", "guides", "cloudflare.md"))
	if err != nil {
		t.Fatal(err)
	}
	named := map[string]bool{}
	rows := tableRow.FindAllStringSubmatch(string(text), -1)
	for _, row := range rows {
		for _, m := range inlineCode.FindAllStringSubmatch(row[1], -1) {
			for name := range strings.FieldsSeq(m[1]) {
				named[name] = true
			}
		}
		proved := strings.TrimSpace(row[3]) != "" && row[3] != "---"
		says := strings.Contains(row[2], "none") || strings.Contains(row[2], "not yet") || strings.Contains(row[2], "the object's name")
		if strings.HasPrefix(row[1], "---") || proved || says && len(row[2]) > len("none") {
			continue
		}
		if row[2] != "not yet" {
			t.Errorf("%s: no test, and no reason: %s", row[1], row[2])
		}
	}
	for name := range strings.FieldsSeq(cloudflareNames) {
		if !named[name] {
			t.Errorf("%s has no row", name)
		}
	}
	if len(rows) < 70 {
		t.Errorf("%d rows", len(rows))
	}
}
