// SPDX-License-Identifier: Apache-2.0

package browser

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

const denialsURL = teamURL + "/.access/console/denials"

// operator is root, who signed in at the team host, at a page of the console.
func operator(t *testing.T, url string) *tab {
	t.Helper()
	tab := newPerson(t, blocked).tab().open(url)
	tab.wants("Sign-in required")
	tab.after(chromedp.Click(`a.button`, chromedp.ByQuery))
	tab.after(chromedp.Click(`//a[contains(., "People")]`, chromedp.BySearch))
	tab.signInAs("root")
	tab.at(url, 200)
	return tab
}

// TestConsole: who is denied reads why in plain words; an operator sees the denial come in,
// and all of it. To anybody else the console says nothing.
func TestConsole(t *testing.T) {
	root := operator(t, denialsURL)
	root.until(`document.getElementById("live").textContent.startsWith("Live")`)

	ann := newPerson(t, blocked)
	tab := ann.tab().enter(app1 + "/")
	row := `[...document.querySelectorAll("#denials li")].some(li => li.innerText.includes("app3.site.test/payroll") && ` +
		`li.innerText.includes("` + ann.email + `"))`
	for seen := false; !seen; seen = root.eval1(row) { // the replica that root watches has to be asked
		tab.open(app3 + "/payroll")
		if tab.status != 403 {
			t.Fatalf("%d at %s", tab.status, tab.url())
		}
	}

	tab.after(chromedp.Click(`//a[contains(., "Why was I denied?")]`, chromedp.BySearch))
	why := tab.url()
	if !strings.HasPrefix(why, teamURL+"/.access/why?") || tab.status != 200 {
		t.Fatalf("%d at %s", tab.status, why)
	}
	tab.wants("Why you were denied")
	tab.wants("app3.site.test")
	for _, secret := range []string{"shop/app3", "root@example.com", "spec.rules", "/payroll"} {
		if strings.Contains(tab.text(), secret) {
			t.Errorf("who is denied reads %q", secret)
		}
	}
	tab.open(denialsURL)
	if tab.status != 403 || strings.Contains(tab.text(), "app3") {
		t.Errorf("%d: %s", tab.status, tab.text())
	}
	other := newPerson(t, blocked).tab().enter(app1 + "/")
	other.open(why)
	if other.status != 403 || strings.Contains(other.text(), "app3") {
		t.Errorf("somebody else, %d: %s", other.status, other.text())
	}

	root.after(chromedp.Click(`//li[contains(., "`+ann.email+`")]/a`, chromedp.BySearch))
	for _, want := range []string{"/payroll", ann.email, "shop/app3", "email root@example.com", "DENIED"} {
		root.wants(want)
	}
}

// TestTester: an operator asks what would be decided, of a request and of a change.
func TestTester(t *testing.T) {
	root := operator(t, teamURL+"/.access/console/test")
	root.run(chromedp.SetValue(`#url`, app3+"/", chromedp.ByQuery), chromedp.SetValue(`#as`, personName(0)+"@example.com",
		chromedp.ByQuery))
	root.after(chromedp.Click(`//button[.="Test"]`, chromedp.BySearch))
	root.wants("DENIED")
	root.wants("email root@example.com")

	manifest := `apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: app3, namespace: shop}
spec:
  hosts: [app3.site.test]
  identityProviders: [people]
  rules: [{action: Allow, include: [{emailDomain: example.com}]}]
`
	root.run(chromedp.SetValue(`#yaml`, manifest, chromedp.ByQuery))
	root.after(chromedp.Click(`//button[.="Compare"]`, chromedp.BySearch))
	root.wants("OPENS")
	root.wants("can now reach app3.site.test")

	root.open(teamURL + "/.access/console/policies?host=app3")
	root.wants("shop/app3")
	if strings.Contains(root.text(), "app2.hostname.test") {
		t.Error("the filter lets other hosts through")
	}
}
