// SPDX-License-Identifier: Apache-2.0

package optin

import (
	"testing"

	"github.com/ostiary/ostiary/hack/lab/apiserver"
)

// server is the API server that the tests of this package share.
var server = apiserver.Server{Direct: true}

func TestMain(m *testing.M) { server.Main(m) }
