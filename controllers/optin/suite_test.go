// SPDX-License-Identifier: Apache-2.0

package optin

import (
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ostiary/ostiary/hack/lab/apiserver"
	"github.com/ostiary/ostiary/hack/lab/fixture"
)

// server is the API server that the tests of this package share.
var server apiserver.Server

func TestMain(m *testing.M) { server.Main(m) }

// emptied connects to the API server, which then holds no policy.
func emptied(t *testing.T) client.Client {
	t.Helper()
	return fixture.Without(t, server.Client(t, fixture.AllKinds()))
}
