// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/ostiary/ostiary/hack/lab/fixture"
)

// accountToken is one of a service account, as far as we read it.
func accountToken(uid string) string {
	return "e30." + base64.RawURLEncoding.EncodeToString([]byte(`{"kubernetes.io":{"serviceaccount":{"name":"ostiary","uid":"`+uid+`"}}}`)) + ".c2ln"
}

func TestAccountOf(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(accountToken("of-a-file")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		config rest.Config
		want   string
	}{
		{rest.Config{BearerToken: accountToken("u-1")}, "u-1"},
		{rest.Config{BearerToken: accountToken("stale"), BearerTokenFile: file}, "of-a-file"},
		{rest.Config{}, ""}, {rest.Config{BearerToken: "opaque"}, ""}, {rest.Config{BearerToken: "a.b.c"}, ""}, {rest.Config{BearerToken: "a.e30.c"}, ""},
	} {
		if got := accountOf(&c.config); got != c.want {
			t.Errorf("%v: %q, want %q", c.config.BearerToken, got, c.want)
		}
	}
}

// TestLeaseOfEarlier: a lease that a replica of an earlier installation held when its
// rights were taken is taken at once; any other is waited for.
func TestLeaseOfEarlier(t *testing.T) {
	c := emptied(t)
	for before, mine := range map[string]bool{
		"ostiary-old-1-2_" + "account-of-before": true,
		"ostiary-old-1-2_" + "account-of-now":    false, // a replica of ours
		"ostiary-old-1-2":                        false, // one that says nothing of it
	} {
		ns := namespace(t, c)
		now := metav1.NewMicroTime(time.Now())
		fixture.Create(t, c, &coordinationv1.Lease{ObjectMeta: fixture.Named(ns, LeaseName), Spec: coordinationv1.LeaseSpec{
			HolderIdentity: &before, LeaseDurationSeconds: new(int32(15)), AcquireTime: &now, RenewTime: &now}})
		start := time.Now()
		r := run(t, ns, elected, func(o *Options) {
			o.pace.lease = 0 // as an installation has it
			o.Config = rest.CopyConfig(o.Config)
			o.Config.BearerToken = accountToken("account-of-now") // the certificate is what the API server goes by
		})
		if !mine {
			time.Sleep(4 * time.Second)
			if got := r.log.String(); holder(t, c, ns) != before {
				t.Errorf("%s: the lease was taken:\n%s", before, got)
			}
			r.end()
			continue
		}
		r.says("this replica leads")
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("%s: it took %s", before, took)
		}
		r.end()
	}
}
