// SPDX-License-Identifier: Apache-2.0

package providers

import (
	"context"
	"path/filepath"

	"golang.org/x/crypto/bcrypt"

	"github.com/ostiary/ostiary/authserver/idp"
	"github.com/ostiary/ostiary/hack/lab"
)

// startDex starts Dex (hack/tools/dex), with a person whose password it keeps. It has no
// groups for those.
func startDex(_ context.Context, dir string) (*provider, error) {
	const user, name = "ann@example.com", "ann"
	path, err := lab.Program("OSTIARY_DEX", "dex")
	if err != nil {
		return nil, skipped("Dex is not built (hack/tools.sh dex): " + err.Error())
	}
	hash, err := bcrypt.GenerateFromPassword([]byte(password), 10) // Dex takes no less
	if err != nil {
		return nil, err
	}
	addr := lab.FreeAddress()
	process, err := lab.Start(filepath.Join(dir, "dex.log"), []string{"DEX_SECRET=" + clientSecret, "DEX_HASH=" + string(hash)}, path,
		"-listen", addr, "-client", clientID, "-redirect", callback, "-email", user, "-name", name)
	if err != nil {
		return nil, err
	}
	return &provider{config: idp.Config{Issuer: "http://" + addr + "/dex"}, user: user, email: user, name: name, remembersNobody: true,
		stop: process.Stop}, process.Wait("Dex to listen", func() bool { return lab.Accepts(addr) })
}
