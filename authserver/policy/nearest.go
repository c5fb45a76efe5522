// SPDX-License-Identifier: Apache-2.0

package policy

// nearest returns the group whose name is most like another one; empty: none is.
func (g *groupSet) nearest(name string) (out string) {
	if g == nil {
		return ""
	}
	best := 1 + min(2, len(name)/3)
	for _, o := range g.names {
		if d := Distance(name, o); d < best {
			best, out = d, o
		}
	}
	return out
}

// Distance is how many bytes have to be put in, taken out or replaced to make one text of
// the other (Levenshtein), for "did you mean".
func Distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before := row[0]
		row[0] = i + 1
		for j := range len(b) {
			changed := before
			if a[i] != b[j] {
				changed++
			}
			before = row[j+1]
			row[j+1] = min(changed, before+1, row[j]+1)
		}
	}
	return row[len(b)]
}
