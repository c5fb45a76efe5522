// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// Host is a DNS name, or "*." and a DNS name: the star is exactly one label; or "**." and
// a DNS name: one label or more.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=253
// +kubebuilder:validation:XValidation:rule=`self.matches(r'^[\x00-\x7F]*$')`,message=`write the ASCII form of the name, which begins with xn-- : that is what browsers send`
// +kubebuilder:validation:XValidation:rule=`self == self.lowerAscii()`,message=`a host is written in lower case`,messageExpression=`'a host is written in lower case: ' + self.lowerAscii()`
// +kubebuilder:validation:XValidation:rule=`!self.contains('://')`,message=`a host has no scheme: write app.example.com, not https://app.example.com`
// +kubebuilder:validation:XValidation:rule=`self.contains('://') || !self.contains('/')`,message=`a host has no path: put the path into spec.paths`
// +kubebuilder:validation:XValidation:rule=`!self.contains(':') || self.contains('://') || isIP(self.replace('[', "").replace(']', ""))`,message=`a host has no port: write app.example.com, not app.example.com:8443`
// +kubebuilder:validation:XValidation:rule=`!isIP(self.replace('[', "").replace(']', "")) && !self.matches(r'(^|[.])([0-9]+|0x[0-9a-f]*)$')`,message=`a host is a DNS name, not an IP address: no name ends in a number`
// +kubebuilder:validation:XValidation:rule=`self != '*'`,message=`a bare "*" would claim every host: list the hosts, or write "*.example.com" for one label below example.com`
// +kubebuilder:validation:XValidation:rule=`self == '*' || self.contains('://') || !self.contains('*') || self.matches(r'^[*][*]?[.][^*]*$')`,message=`a "*" stands only for the whole first label, as in "*.example.com", or "**.example.com" for several`
// +kubebuilder:validation:XValidation:rule=`self.matches(r'^[*][*]?[.]localhost$') || !self.matches(r'^[*][*]?[.][^.*]+$')`,message=`"*." must be followed by at least two labels, as in "*.example.com"`
// +kubebuilder:validation:XValidation:rule=`self.contains(':') || self.matches(r'^[A-Za-z0-9.*/\x{80}-\x{10FFFF}-]*$')`,message=`a host holds letters, digits, hyphens and dots only`
// +kubebuilder:validation:XValidation:rule=`!self.endsWith('.')`,message=`a host has no trailing dot`
// +kubebuilder:validation:XValidation:rule=`!self.matches(r'^[.]|[.][.]')`,message=`a host has no empty label: remove the dot at its beginning, or one of two in a row`
// +kubebuilder:validation:XValidation:rule=`!self.matches(r'(^|[.])-|-([.]|$)')`,message=`no label of a host begins or ends with a hyphen`
// +kubebuilder:validation:XValidation:rule=`!self.matches(r'[^.]{64}')`,message=`each label of a host (what stands between two dots) has at most 63 characters`
type Host string

// PathType says how a path is matched.
type PathType string

const (
	// PathExact matches that very path.
	PathExact PathType = "Exact"
	// PathPrefix matches whole segments: /api matches /api and /api/x, never /apix.
	PathPrefix PathType = "Prefix"
)

// Path is a canonical URL path, decoded: no "//", no dot segment, no "%".
//
// +kubebuilder:validation:MaxLength=1024
// +kubebuilder:validation:XValidation:rule=`self.startsWith('/')`,message=`a path begins with "/"`
// +kubebuilder:validation:XValidation:rule=`!self.contains('//')`,message=`a path holds no "//": write a single "/"`
// +kubebuilder:validation:XValidation:rule=`!self.matches(r'/[.][.]?(/|$)')`,message=`a path holds no "." or ".." segment: write the path that it leads to`
// +kubebuilder:validation:XValidation:rule=`!self.contains('%')`,message=`a path is written decoded, without "%": the character itself in place of its percent-escape`
// +kubebuilder:validation:XValidation:rule=`!self.matches(r'[?#;\\]')`,message=`a path holds no "?", "#", ";" or backslash: queries and parameters take no part in matching`
// +kubebuilder:validation:XValidation:rule=`!self.contains('*')`,message=`a path has no wildcard: in spec.paths, type Prefix covers everything below the path already`
// +kubebuilder:validation:XValidation:rule=`!self.matches(r'[\x00-\x20\x7F\pC\pZ]')`,message=`a path holds no space and no control or invisible character`
// +kubebuilder:validation:XValidation:rule=`!self.matches(r'[<>^{|}\x22\x60]|[$][(]')`,message=`a path holds no quotes, backticks, braces, angle brackets, "^", "|" or "$("`
type Path string

// PathMatch is a part of a host.
type PathMatch struct {
	// path is a canonical URL path, decoded: no "//", no dot segment, no "%".
	// +required
	Path Path `json:"path"`
	// type is how path is matched. Default Prefix.
	// +optional
	// +kubebuilder:validation:Enum=Exact;Prefix
	// +kubebuilder:default=Prefix
	Type PathType `json:"type,omitempty"`
}
