// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// GitHub is GitHub, or GitHub Enterprise, with an OAuth app or a GitHub App there. Somebody's
// address is their primary one, if it is verified. Their groups are their organizations
// ("example") and teams ("example/ops"). Claims of rules are the fields of the REST API's
// answer about the user. GitHub cannot be made to ask for a password again.
type GitHub struct {
	// url is where it is. Its REST API is asked at the host api.github.com, api.NAME.ghe.com,
	// or, of GitHub Enterprise Server, below /api/v3. Default: https://github.com.
	// +optional
	// +kubebuilder:validation:MaxLength=255
	// +kubebuilder:validation:Pattern=`^(https://[^/?#@:\x00-\x20\x7F]+|http://(localhost|127[.][0-9.]+|\[::1\]))(:[0-9]+)?/?$`
	URL string `json:"url,omitempty"`
	// clientID is what GitHub calls this client.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=255
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9._-]+$`
	ClientID string `json:"clientID"`
	// clientSecretRef is where the client's secret is: key clientSecret unless another is
	// named.
	// +required
	ClientSecretRef SecretKey `json:"clientSecretRef"`
	// organizations are those of which somebody must be a member to sign in, and the only
	// ones whose names and teams are groups. Default: anybody who has an account is taken,
	// and rules alone say who gets in.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=64
	Organizations []Organization `json:"organizations,omitempty"`
	// user is what applications are told of somebody (X-Access-User). ID: the number of
	// the account. Login: the name, which its owner can change, and somebody else take
	// then. Sessions and revocations go by the number in any case. Default: ID.
	// +optional
	// +kubebuilder:validation:Enum=ID;Login
	User GitHubUser `json:"user,omitempty"`
	// caBundle are the certificates that those of GitHub Enterprise Server must descend
	// from, in PEM form. Default: the system's.
	// +optional
	// +kubebuilder:validation:MaxLength=262144
	CABundle string `json:"caBundle,omitempty"`
}

// Organization is the login of an organization at GitHub.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=100
// +kubebuilder:validation:Pattern=`^[A-Za-z0-9_-]+$`
type Organization string

// GitHubUser is what applications are told of somebody.
type GitHubUser string

const (
	// GitHubUserID tells the number of the account.
	GitHubUserID GitHubUser = "ID"
	// GitHubUserLogin tells its name.
	GitHubUserLogin GitHubUser = "Login"
)
