// SPDX-License-Identifier: Apache-2.0

package browser

import (
	"context"
	"testing"

	"github.com/ostiary/ostiary/hack/lab"
)

// env is everything that runs, for all stories.
var env *environment

func TestMain(m *testing.M) {
	lab.Main(m, "browser", func(dir string) (func(), error) {
		ctx := context.Background()
		binary, err := lab.Binary(ctx, dir)
		if err != nil {
			return nil, err
		}
		env, err = newEnvironment(ctx, dir, binary)
		return env.close, err
	})
}
