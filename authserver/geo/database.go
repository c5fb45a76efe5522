// SPDX-License-Identifier: Apache-2.0

package geo

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"time"

	"github.com/oschwald/maxminddb-golang/v2"
)

// MaxSize bounds a database. The largest that are sold have a tenth of it.
const MaxSize = 1 << 30

// A database is one content of the file. It does not change.
type database struct {
	reader *maxminddb.Reader
	codes  map[uintptr]string // by where the record of a network is
}

// read reads a database. It is not mapped into memory, where a file that is
// overwritten would end the process.
func read(file string) (*database, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // it is only read
	data, err := io.ReadAll(io.LimitReader(f, MaxSize+1))
	switch {
	case err != nil:
		return nil, err
	case len(data) > MaxSize:
		return nil, fmt.Errorf("larger than %d bytes", MaxSize)
	}
	return parse(data)
}

// manyRecords is how many records' countries are remembered. A database of countries has
// some hundreds, one of cities some hundred thousands.
const manyRecords = 1 << 20

// parse looks at every network, so that what is broken is found before it is in use.
func parse(data []byte) (*database, error) {
	r, err := maxminddb.OpenBytes(data)
	if err != nil {
		return nil, err
	}
	d := &database{reader: r, codes: map[uintptr]string{}}
	known := map[string]string{}
	for network := range r.Networks() {
		code, err := d.code(network)
		if err != nil {
			return nil, fmt.Errorf("the record of %s is broken: %w", network.Prefix(), err)
		}
		if _, ok := known[code]; !ok {
			known[code] = code
		}
		if len(d.codes) < manyRecords {
			d.codes[network.Offset()] = known[code]
		}
	}
	if delete(known, ""); len(known) == 0 {
		return nil, errors.New("no network in it has country.iso_code: a database of countries or cities is needed, such as GeoLite2-Country")
	}
	return d, nil
}

func (d *database) built() time.Time { return d.reader.Metadata.BuildTime() }

// country returns the code of an address's country; empty: there is none.
func (d *database) country(a netip.Addr) string {
	found := d.reader.Lookup(a.Unmap())
	if !found.Found() {
		return ""
	}
	code, ok := d.codes[found.Offset()]
	if !ok {
		code, _ = d.code(found) // parse has read it
	}
	return code
}

// code reads a record. Anything but two upper-case letters is none.
func (d *database) code(r maxminddb.Result) (string, error) {
	if code, ok := d.codes[r.Offset()]; ok && r.Err() == nil {
		return code, nil
	}
	var code string
	if err := r.DecodePath(&code, "country", "iso_code"); err != nil {
		return "", err
	}
	if len(code) != 2 || code[0] < 'A' || code[0] > 'Z' || code[1] < 'A' || code[1] > 'Z' {
		return "", nil
	}
	return code, nil
}
