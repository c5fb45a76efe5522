// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// Launcher is how an application stands on the team host's start page, where people see
// the applications that they may open.
type Launcher struct {
	// visible puts the application on the start page of whoever may open it. Default true.
	// Policies without an exact host, and those that let everybody in without a
	// session and have no title, are not there.
	// +optional
	Visible *bool `json:"visible,omitempty"`
	// title is what the application is called. Default: its address.
	// +optional
	// +kubebuilder:validation:MaxLength=80
	// +kubebuilder:validation:Pattern=`^[^\p{Cc}\p{Zl}\p{Zp}\x{202A}-\x{202E}\x{2066}-\x{2069}]*$`
	Title string `json:"title,omitempty"`
	// logoURL is a picture for it: an https address. Browsers of people who see the start
	// page load it from there. Default: the first letter of the title.
	// +optional
	// +kubebuilder:validation:MaxLength=2048
	// +kubebuilder:validation:Pattern=`^https://[A-Za-z0-9.:\[\]-]+(/[!#-&(-+\--:<-\[\]-~]*)?$`
	LogoURL string `json:"logoURL,omitempty"`
	// tags are what people find it by.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=8
	Tags []LauncherTag `json:"tags,omitempty"`
}

// LauncherTag is a word that applications are found by.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=40
// +kubebuilder:validation:Pattern=`^[^\p{Cc}\p{Zl}\p{Zp}\x{202A}-\x{202E}\x{2066}-\x{2069}]*$`
type LauncherTag string
